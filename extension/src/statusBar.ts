/** The status bar item: the last status that was reported, seen through the on and off switches. */
import {
  MarkdownString,
  StatusBarAlignment,
  ThemeColor,
  window,
  workspace,
  type Disposable,
  type TextEditor,
} from "vscode";
import {
  describeOff,
  initialStatuses,
  render,
  withModel,
  withServer,
  withSwitches,
  type ServerState,
  type Statuses,
} from "./core/status";
import type { StatusParams } from "./protocol";
import { COMPLETED_SCHEMES, isEnabled, isLanguageEnabled, SECTION } from "./settings";

export class StatusBar implements Disposable {
  readonly #item = window.createStatusBarItem("sparrow.status", StatusBarAlignment.Right, 100);
  readonly #subscriptions: readonly Disposable[];
  #statuses: Statuses = initialStatuses(new Date());

  constructor() {
    this.#item.name = "Sparrow";
    this.#item.command = "sparrow.menu";
    this.#subscriptions = [
      window.onDidChangeActiveTextEditor(() => {
        this.#show();
      }),
      workspace.onDidOpenTextDocument(() => {
        this.#show();
      }),
      workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration(SECTION)) {
          this.#show();
        }
      }),
    ];
    this.#show();
    this.#item.show();
  }

  get statuses(): Statuses {
    return this.#statuses;
  }

  /** How the server is. */
  update(next: ServerState): void {
    this.#statuses = withServer(this.#statuses, next, new Date());
    this.#show();
  }

  /** How a model is, as the server says. */
  updateModel(next: StatusParams): void {
    this.#statuses = withModel(this.#statuses, next, new Date());
    this.#show();
  }

  dispose(): void {
    this.#subscriptions.forEach((subscription) => void subscription.dispose());
    this.#item.dispose();
  }

  #show(): void {
    const statuses = withSwitches(this.#statuses, isEnabled(), offHere());
    const { text, tooltip, ariaLabel, background } = render(statuses, (time) =>
      time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    );
    this.#item.text = text;
    this.#item.tooltip = new MarkdownString(tooltip);
    this.#item.accessibilityInformation = { label: ariaLabel, role: "button" };
    this.#item.backgroundColor =
      background === undefined
        ? undefined
        : new ThemeColor(`statusBarItem.${background}Background`);
  }
}

/** The editor whose document Sparrow may complete. */
export function completableEditor(): TextEditor | undefined {
  const editor = window.activeTextEditor;
  return editor && COMPLETED_SCHEMES.includes(editor.document.uri.scheme) ? editor : undefined;
}

/** Why nothing is completed in the document in front. */
function offHere(): string | undefined {
  const document = completableEditor()?.document;
  if (document === undefined) {
    return undefined;
  }
  const { languageId, lineCount } = document;
  const characters = document.offsetAt(document.lineAt(lineCount - 1).range.end);
  return describeOff(languageId, isLanguageEnabled(languageId), characters);
}
