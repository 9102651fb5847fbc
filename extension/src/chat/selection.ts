/** The selected lines of an editor as something to ask about. */
import { Uri, workspace, type TextEditor } from "vscode";
import type { ChatMention } from "../chatProtocol";
import { lastLine } from "./chatService";

export function selectionMention({ document, selection }: TextEditor): ChatMention {
  const { start, end } = selection;
  const [first, last] = [start.line + 1, lastLine(start, end) + 1];
  const path = workspace.asRelativePath(document.uri);
  const lines = first === last ? String(first) : `${first}-${last}`;
  return {
    kind: "selection",
    ref: `${document.uri.with({ fragment: "" }).toString()}#L${first}-L${last}`,
    label: `${Uri.file(path).path.split("/").at(-1) ?? path}:${lines}`,
    detail: path,
  };
}
