/** The menu behind the status bar item. */
import { commands, QuickPickItemKind, window, type QuickPickItem } from "vscode";
import type { State } from "./core/status";
import { isEnabled, isLanguageEnabled } from "./settings";
import { completableEditor } from "./statusBar";

interface Entry extends QuickPickItem {
  readonly command: string;
}

/** The editor has the focus first, so that it has it again when the menu is gone. */
export async function showMenu(state: State): Promise<void> {
  await commands.executeCommand("workbench.action.focusActiveEditorGroup");
  const choice = await window.showQuickPick(entries(state), { placeHolder: "Sparrow" });
  if (choice !== undefined && choice.command !== "") {
    await commands.executeCommand(choice.command);
  }
}

function entries(state: State): Entry[] {
  const server =
    state === "notInstalled"
      ? [
          entry("desktop-download", "Install Sparrow", "sparrow.install"),
          entry("folder-opened", "Choose Executable…", "sparrow.chooseExecutable"),
        ]
      : [
          entry("question", "Explain Last Completion", "sparrow.explainCompletion"),
          entry("debug-restart", "Restart Model", "sparrow.restartModel"),
          entry("refresh", "Restart Server", "sparrow.restartServer"),
        ];
  return [
    ...switches(),
    separator(),
    ...server,
    separator(),
    entry("pulse", "Run Doctor", "sparrow.doctor"),
    entry("output", "Show Output", "sparrow.showOutput"),
    entry("settings-gear", "Settings", "sparrow.openSettings"),
    entry("book", "Walkthrough", "sparrow.openWalkthrough"),
  ];
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
  return { label: `$(${icon}) ${label}`, command };
}

function separator(): Entry {
  return { label: "", kind: QuickPickItemKind.Separator, command: "" };
}
