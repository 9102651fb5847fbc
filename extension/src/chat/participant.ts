/**
 * `@sparrow` in the editor's own chat, over the same protocol. It is one more way to ask: the
 * conversation is in Sparrow's list as well. The editor's chat loads no images from elsewhere and takes
 * Markdown of a participant as untrusted, so that answers go there as they are.
 */
import {
  chat as editorChat,
  ChatResponseTurn,
  Location,
  Position,
  Uri,
  workspace,
  type CancellationToken,
  type ChatContext,
  type ChatPromptReference,
  type ChatRequest,
  type ChatResponseStream,
  type ChatResult,
  type Disposable,
} from "vscode";
import type { ChatEvent, ChatFound, ChatMention } from "../chatProtocol";
import { sentence } from "../core/chat/failure";
import type { ChatService } from "./chatService";
import { lastLine } from "./chatService";
import { SendRequest, StopRequest } from "./requests";

const PARTICIPANT = "sparrow.chat";

export function registerParticipant(chat: ChatService, icon: Uri): { dispose(): void } {
  const participant = editorChat.createChatParticipant(
    PARTICIPANT,
    (request, context, stream, token) => answer(chat, request, context, stream, token),
  );
  participant.iconPath = icon;
  return {
    dispose: () => {
      participant.dispose();
    },
  };
}

async function answer(
  chat: ChatService,
  request: ChatRequest,
  context: ChatContext,
  stream: ChatResponseStream,
  token: CancellationToken,
): Promise<ChatResult> {
  const early: ChatEvent[] = [];
  let take = (event: ChatEvent): void => void early.push(event);
  let leave = (): void => undefined;
  const listeners: Disposable[] = [
    chat.onEvent((event) => {
      take(event);
    }),
  ];
  try {
    const sent = await chat.request(SendRequest, {
      id: conversationOf(context),
      text: request.prompt,
      mentions: request.references.flatMap(mentionOf),
      without: [],
      thinking: null,
      replaces: null,
      ...chat.place(),
    });
    const metadata = { conversation: sent.id };
    listeners.push(
      token.onCancellationRequested(() => {
        void chat.request(StopRequest, { id: sent.id }).catch(() => undefined); // it may be gone
      }),
    );
    const end = await new Promise<ChatEvent | undefined>((resolve) => {
      leave = () => {
        resolve(undefined);
      };
      listeners.push(
        chat.onConnection(() => {
          leave();
        }),
      );
      let isThinking = false;
      take = (event) => {
        if (event.answerId !== sent.answerId) {
          return;
        }
        if (event.kind === "thinking" && !isThinking) {
          isThinking = true;
          stream.progress("Thinking…");
        }
        tell(event, stream);
        if (event.kind === "done") {
          resolve(event);
        }
      };
      early.forEach(take);
    });
    if (end?.kind !== "done") {
      return { metadata, errorDetails: { message: "Sparrow's server has gone. Ask again." } };
    }
    const message = [sentence(end.error), end.hint].filter((text) => text !== "").join(" ");
    return end.state === "failed" ? { metadata, errorDetails: { message } } : { metadata };
  } catch (error) {
    return { errorDetails: { message: error instanceof Error ? error.message : String(error) } };
  } finally {
    listeners.forEach((listener) => void listener.dispose());
  }
}

function tell(event: ChatEvent, stream: ChatResponseStream): void {
  switch (event.kind) {
    case "text":
      stream.markdown(event.text);
      return;
    case "step":
      if (event.step.state === "running") {
        stream.progress(`${event.step.tool}: ${event.step.summary}`);
      }
      return;
    case "context":
      event.context
        .filter(({ kind }) => kind === "file" || kind === "symbol" || kind === "selection")
        .forEach(({ ref }) => {
          stream.reference(Uri.parse(ref.split("#", 1)[0] ?? ref));
        });
      return;
    case "found":
      event.found.forEach((found) => {
        tellOfFound(found, stream);
      });
      return;
    case "thinking":
    case "title":
    case "usage":
    case "done":
  }
}

/** On a line of its own; the fence is longer than any in the code. */
function tellOfFound(found: ChatFound, stream: ChatResponseStream): void {
  const longest = Math.max(2, ...[...found.snippet.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  stream.markdown("\n\n");
  stream.anchor(new Location(Uri.parse(found.uri), new Position(found.line, 0)), found.label);
  stream.markdown(`\n\n${fence}${found.language}\n${found.snippet}\n${fence}\n\n`);
}

/** The conversation that this one goes on with. */
function conversationOf({ history }: ChatContext): string | null {
  const last = history.findLast((turn) => turn instanceof ChatResponseTurn);
  const id: unknown = last?.result.metadata?.["conversation"];
  return typeof id === "string" ? id : null;
}

function mentionOf({ value }: ChatPromptReference): readonly ChatMention[] {
  if (value instanceof Location) {
    const { uri, range } = value;
    const [first, last] = [range.start.line + 1, lastLine(range.start, range.end) + 1];
    const path = workspace.asRelativePath(uri);
    const ref = `${uri.toString()}#L${first}-L${last}`;
    return [{ kind: "selection", ref, label: `${path}:${first}-${last}`, detail: path }];
  }
  if (value instanceof Uri) {
    const path = workspace.asRelativePath(value);
    return [{ kind: "file", ref: value.toString(), label: path, detail: path }];
  }
  return [];
}
