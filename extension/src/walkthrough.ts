/** What the buttons of the walkthrough do. */
import { commands, Selection, window, workspace } from "vscode";
import { letCompletionsTakeLonger } from "./settings";

const SAMPLE = `# Go on typing at the end of the last line. Sparrow's proposal shows in grey:
# Tab takes it, Escape puts it away.


def celsius_to_fahrenheit(celsius: float) -> float:
    """Convert a temperature from degrees Celsius."""
    if celsius < -273.15:
        raise ValueError(f"{celsius} is below absolute zero")
    return celsius * 9 / 5 + 32


def celsius_to_kelvin(celsius: float) -> float:
    """Convert a temperature from degrees Celsius."""
    if celsius < -273.15:
        `;

export async function openSample(): Promise<void> {
  const document = await workspace.openTextDocument({ language: "python", content: SAMPLE });
  const editor = await window.showTextDocument(document);
  const end = document.positionAt(SAMPLE.length);
  editor.selection = new Selection(end, end);
  await commands.executeCommand("editor.action.inlineSuggest.trigger");
}

export async function waitForCompletions(): Promise<void> {
  await letCompletionsTakeLonger();
  void window.setStatusBarMessage("Completions may now take longer than 750 ms.", 5_000);
}

export async function openWalkthrough(extensionId: string): Promise<void> {
  await commands.executeCommand("workbench.action.openWalkthrough", `${extensionId}#welcome`);
  // A key that was set before the editor had read the walkthrough ticks no step, so another follows.
  await commands.executeCommand("setContext", "sparrow.walkthroughOpened", true);
}
