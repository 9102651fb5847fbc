/** The menu behind the status bar item. */
import { commands, QuickPickItemKind, window, type QuickPickItem } from "vscode";
import { describeChat, describeModel, hasNoChat, type Statuses } from "./core/status";
import type { FolderIndex, ModelRole } from "./protocol";
import { isEnabled, isLanguageEnabled, SECTION } from "./settings";
import { completableEditor } from "./statusBar";

const RESTART = "sparrow.restartModel";
const OPEN_SETTINGS = "sparrow.openSettings";

interface Entry extends QuickPickItem {
  readonly command: string;
  readonly arguments: readonly string[];
}

/** The editor has the focus first, so that it has it again when the menu is gone. */
export async function showMenu(statuses: Statuses, indexes: readonly FolderIndex[]): Promise<void> {
  await commands.executeCommand("workbench.action.focusActiveEditorGroup");
  const choice = await window.showQuickPick(entries(statuses, indexes), { placeHolder: "Sparrow" });
  if (choice !== undefined && choice.command !== "") {
    await commands.executeCommand(choice.command, ...choice.arguments);
  }
}

function entries(statuses: Statuses, indexes: readonly FolderIndex[]): Entry[] {
  const isInstalled = statuses.completion.state !== "notInstalled";
  const server = !isInstalled
    ? [
        entry("desktop-download", "Install Sparrow", "sparrow.install"),
        entry("folder-opened", "Choose Executable…", "sparrow.chooseExecutable"),
      ]
    : [
        ...switches(),
        separator(),
        entry("wrench", "Fix Issue…", "sparrow.fixIssue"),
        entry("question", "Explain Last Completion", "sparrow.explainCompletion"),
        entry("graph", "Show Statistics", "sparrow.showStatistics"),
        entry("debug-restart", statuses.chat ? "Restart Models" : "Restart Model", RESTART),
        entry("refresh", "Restart Server", "sparrow.restartServer"),
      ];
  return [
    ...server,
    ...(isInstalled ? [separator("Models"), ...models(statuses)] : []),
    ...(indexes.length > 0 ? [separator("Index"), ...indexes.map(indexEntry)] : []),
    separator(),
    entry("pulse", "Run Doctor", "sparrow.doctor"),
    entry("output", "Show Output", "sparrow.showOutput"),
    entry("settings-gear", "Settings", "sparrow.openSettings"),
    entry("book", "Walkthrough", "sparrow.openWalkthrough"),
  ];
}

/** Which model serves which role, and how it is; choosing one opens its setting, or sets one up. */
function models(statuses: Statuses): Entry[] {
  const { completion } = statuses;
  const setting = (role: ModelRole): Pick<Entry, "command" | "arguments"> => ({
    command: OPEN_SETTINGS,
    arguments: [`${SECTION}.${role}.model`],
  });
  return [
    {
      label: "$(symbol-snippet) Completion",
      description: describeModel(completion),
      ...setting("completion"),
    },
    {
      label: "$(comment-discussion) Chat",
      description: describeChat(statuses),
      ...(hasNoChat(statuses)
        ? { command: "sparrow.setUpChatModel", arguments: [] }
        : setting("chat")),
    },
  ];
}

/** A folder's index, and how it is; choosing it opens the setting that switches it off. */
function indexEntry({ folder, state }: FolderIndex): Entry {
  return {
    label: `$(database) ${folder}`,
    description: state,
    command: OPEN_SETTINGS,
    arguments: [`${SECTION}.index.enable`],
  };
}

function switches(): Entry[] {
  const global = isEnabled()
    ? entry("circle-slash", "Turn Completions Off", "sparrow.toggle")
    : entry("check", "Turn Completions On", "sparrow.toggle");
  const languageId = completableEditor()?.document.languageId;
  if (languageId === undefined || !isEnabled()) {
    return [global];
  }
  const [icon, word] = isLanguageEnabled(languageId) ? ["circle-slash", "Off"] : ["check", "On"];
  return [global, entry(icon, `Turn ${word} for ${languageId}`, "sparrow.toggleLanguage")];
}

function entry(icon: string, label: string, command: string): Entry {
  return { label: `$(${icon}) ${label}`, command, arguments: [] };
}

function separator(label = ""): Entry {
  return { label, kind: QuickPickItemKind.Separator, command: "", arguments: [] };
}
