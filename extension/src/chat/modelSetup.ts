/** Sets up a model that chats, for the hardware found: proposes one, and starts nothing unasked. */
import { window } from "vscode";
import { localMachine, pathWith } from "../core/machine";
import { openSetting, setChatModel } from "../settings";
import type { ChatService } from "./chatService";
import { StateRequest } from "./requests";

const USE = "Use It";
const CHOOSE = "Choose Another…";
const OPEN_SETTING = "Open the Setting";

export async function setUpChatModel(chat: ChatService): Promise<void> {
  const { executable } = chat.session;
  const { proposal, message } = await chat.request(StateRequest, {});
  if (proposal === null) {
    const choice = await window.showInformationMessage(
      "Sparrow has no model to propose for this machine.",
      { modal: true, detail: message },
      OPEN_SETTING,
    );
    if (choice === OPEN_SETTING) {
      await openSetting("chat.model");
    }
    return;
  }
  const { model, why, command } = proposal;
  const choice = await window.showInformationMessage(
    `Set up ${model} for the chat?`,
    {
      modal: true,
      detail:
        `${why}\n\n“${USE}” names it in the setting sparrow.chat.model, and opens a terminal ` +
        `with the command that fetches it, which runs when you press Enter:\n${command}`,
    },
    USE,
    CHOOSE,
  );
  if (choice === CHOOSE) {
    await openSetting("chat.model");
  } else if (choice === USE) {
    await setChatModel(model);
    // The server that the extension installed is on nobody's PATH.
    const env = pathWith(executable, localMachine([]));
    const terminal = window.createTerminal({ name: "Sparrow", env });
    terminal.show();
    terminal.sendText(command, false);
  }
}
