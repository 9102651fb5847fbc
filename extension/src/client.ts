/**
 * One run of the language server: its process and the client that talks with it. The process is
 * started here rather than by the client, so that a failure is a value and never a pop-up.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { InlineCompletionTriggerKind, type CancellationToken, type LogOutputChannel } from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type LanguageClientOptions,
  type MessageSignature,
} from "vscode-languageclient/node";
import type { Session } from "./core/supervisor";
import type { Redactor } from "./core/apiKeys";
import { reportProblems } from "./problems";
import {
  IndexStatusNotification,
  SetApiKeysNotification,
  StatusNotification,
  type ApiKey,
  type IndexStatusParams,
  type StatusParams,
} from "./protocol";
import { FIX_COMMAND } from "./fix";
import {
  CHOOSE_FILE_COMMAND,
  isAskingForName,
  RENAME_COMMAND,
  refactorMiddleware,
} from "./refactor";
import { isOfConnection, ServerGone } from "./serverRequests";
import { allSettings, COMPLETED_SCHEMES, isEnabled, isLanguageEnabled, SECTION } from "./settings";

const CLOSE_TIMEOUT_MS = 2_000;
/** A crashed server's pipe closes a moment before its exit status is known. */
const EXIT_GRACE_MS = 500;

export interface Launch {
  readonly executable: string;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface Channels {
  readonly output: LogOutputChannel;
  readonly trace: LogOutputChannel;
  /** What both channels write has gone through it. */
  readonly redactor: Redactor;
}

/** What the user has asked for by name: that nothing comes of it is to be said. */
const ASKED_FOR = ["codeAction/resolve", "textDocument/prepareRename", "textDocument/rename"];

/**
 * The library shows some failures as notifications whatever its options say; Sparrow never does. And it
 * takes a server that has gone for one that found nothing.
 */
export class QuietClient extends LanguageClient {
  override handleFailedRequest<T>(
    type: MessageSignature,
    ...rest: [CancellationToken | undefined, unknown, T, boolean?, boolean?]
  ): T {
    const [token, error] = rest;
    if (
      ASKED_FOR.includes(type.method) &&
      isOfConnection(error) &&
      token?.isCancellationRequested !== true
    ) {
      throw new ServerGone({ cause: error });
    }
    return super.handleFailedRequest(type, ...rest);
  }

  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export interface ServerSession extends Session {
  readonly client: LanguageClient;
  /** The program that it is a run of. */
  readonly executable: string;
}

export async function openSession(
  launch: Launch,
  channels: Channels,
  apiKeys: () => Promise<readonly ApiKey[]>,
  onStatus: (status: StatusParams) => void,
  onIndexStatus: (status: IndexStatusParams) => void,
  signal: AbortSignal,
): Promise<ServerSession> {
  const initialKeys = await apiKeys();
  const server = spawn(launch.executable, ["lsp"], {
    cwd: launch.cwd,
    env: launch.env,
    windowsHide: true,
  });
  await once(server, "spawn");
  server.on("error", (error) => {
    channels.output.error(error);
  });
  const exited = exitOf(server);
  const kill = (): void => void server.kill();
  signal.addEventListener("abort", kill, { once: true });

  const client = new QuietClient(
    SECTION,
    "Sparrow",
    () => Promise.resolve(server),
    clientOptions(channels, initialKeys),
  );
  client.onNotification(StatusNotification, onStatus);
  client.onNotification(IndexStatusNotification, onIndexStatus);
  client.onDidChangeState(({ newState }) => {
    if (newState === State.Stopped || newState === State.StartFailed) {
      void killAfter(server, exited, CLOSE_TIMEOUT_MS);
    }
  });
  if (signal.aborted) {
    kill(); // before anybody listened
  }
  try {
    await client.start();
    // They may have changed while the server started.
    await client.sendNotification(SetApiKeysNotification, { apiKeys: await apiKeys() });
  } catch (error) {
    const exit = await Promise.race([exited, delay(EXIT_GRACE_MS)]);
    server.kill();
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(exit ?? reason, { cause: error });
  } finally {
    signal.removeEventListener("abort", kill);
  }
  const problems = reportProblems(client);
  void exited.then(() => {
    problems.dispose();
  });
  return {
    client,
    executable: launch.executable,
    ended: exited,
    close: async () => {
      await client.stop(CLOSE_TIMEOUT_MS).catch(() => undefined);
      await killAfter(server, exited, CLOSE_TIMEOUT_MS);
    },
  };
}

function clientOptions(
  { output, trace, redactor }: Channels,
  apiKeys: readonly ApiKey[],
): LanguageClientOptions {
  return {
    documentSelector: COMPLETED_SCHEMES.map((scheme) => ({ scheme })),
    initializationOptions: () => ({
      settings: allSettings(),
      apiKeys,
      commands: [RENAME_COMMAND, FIX_COMMAND, CHOOSE_FILE_COMMAND],
    }),
    // Deprecated for the pull model, which the server uses; this tells it when to pull.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    synchronize: { configurationSection: SECTION },
    outputChannel: output,
    traceOutputChannel: trace,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    stdioOptions: {
      stdout: () => undefined,
      stderr: (input) => {
        createInterface({ input }).on("line", (line) => {
          output.info(redactor.hide(line));
        });
      },
    },
    initializationFailedHandler: () => false,
    errorHandler: {
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: () => ({
        action: CloseAction.DoNotRestart,
        handled: true,
        message: "The connection to the server is closed.",
      }),
    },
    middleware: {
      ...refactorMiddleware,
      provideInlineCompletionItems: async (document, position, context, token, next) => {
        if (!isEnabled() || !isLanguageEnabled(document.languageId)) {
          return undefined;
        }
        const found = await next(document, position, context, token);
        const isAsked = context.triggerKind === InlineCompletionTriggerKind.Invoke;
        return isAsked || !isAskingForName(document) ? found : undefined;
      },
    },
  };
}

function exitOf(server: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    server.once("exit", (code, signal) => {
      resolve(
        code === null
          ? `The server was ended by ${signal ?? "a signal"}.`
          : `The server ended with status ${code}.`,
      );
    });
  });
}

/** Gives the server time to end by itself; it may be gone already. */
async function killAfter(
  server: ChildProcess,
  exited: Promise<string>,
  timeoutMs: number,
): Promise<void> {
  const inTime = await Promise.race([exited, delay(timeoutMs)]);
  if (inTime === undefined) {
    server.kill("SIGKILL");
    await exited;
  }
}
