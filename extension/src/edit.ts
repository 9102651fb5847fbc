/** Has a model edit what is selected, as the user says: Ctrl+I. */
import { randomUUID } from "node:crypto";
import { window, workspace, type TextEditor } from "vscode";
import { cancellable } from "./cancellable";
import type { EditReview } from "./editReview";
import { EditDraftNotification, EditRequest } from "./protocol";
import type { Server } from "./server";
import { request, runningClient } from "./serverRequests";
import { requireTrust, showFailure } from "./trust";

const MAX_TITLE_CHARACTERS = 60;

export async function editByInstruction(server: Server, review: EditReview): Promise<void> {
  try {
    requireTrust();
    const editor = window.activeTextEditor;
    if (editor === undefined) {
      throw new Error("Open a file first: Sparrow edits what the cursor is in.");
    }
    const instruction = await askForInstruction(editor);
    if (instruction !== "") {
      await edit(server, review, editor, instruction);
    }
  } catch (error) {
    await showFailure(error);
  }
}

/** Empty where the user turned back. */
async function askForInstruction(editor: TextEditor): Promise<string> {
  const instruction = await window.showInputBox({
    title: "Edit with Sparrow",
    prompt: editor.selection.isEmpty
      ? "What is to be done to the code at the cursor?"
      : "What is to be done to the selected code?",
    placeHolder: "Handle an empty list",
  });
  return instruction?.trim() ?? "";
}

/** Asks for the edit, and makes it in a document that is as it was. */
async function edit(
  server: Server,
  review: EditReview,
  editor: TextEditor,
  instruction: string,
): Promise<void> {
  const client = runningClient(server);
  const { document, selection } = editor;
  const { version } = document;
  const before = document.getText();
  const draft = randomUUID();
  const { start, end } = client.code2ProtocolConverter.asRange(selection);
  const params = {
    uri: client.code2ProtocolConverter.asUri(document.uri),
    version,
    startLine: start.line,
    startCharacter: start.character,
    endLine: end.line,
    endCharacter: end.character,
    instruction,
    draft,
  };
  const title = `Sparrow: ${instruction.slice(0, MAX_TITLE_CHARACTERS)}`;
  const watched = review.watch(document);
  const changes = await cancellable(title, async (_, token) => {
    const listening = client.onNotification(EditDraftNotification, (told) => {
      if (told.draft === draft) {
        watched.show(told);
      }
    });
    try {
      const found = await request(client, EditRequest, params, token);
      return await client.protocol2CodeConverter.asWorkspaceEdit(found, token);
    } finally {
      listening.dispose();
      await watched.end();
    }
  });
  if (changes === undefined) {
    return;
  }
  if (document.version !== version || document.isClosed) {
    const what = document.isClosed ? "closed" : "changed";
    throw new Error(`The document was ${what} while the model worked. Nothing was changed.`);
  }
  if (await workspace.applyEdit(changes, { isRefactoring: true })) {
    await review.open(document, before);
  }
}
