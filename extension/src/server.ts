/** The language server as the rest of the extension sees it: found, kept running, asked. */
import { mkdir } from "node:fs/promises";
import { commands, EventEmitter, workspace } from "vscode";
import type { LanguageClient } from "vscode-languageclient/node";
import { openSession, type Channels, type Launch, type ServerSession } from "./client";
import { readEnvironment } from "./core/environment";
import { localMachine, type Machine } from "./core/machine";
import type { ApiKeyStore } from "./core/apiKeys";
import { findServer, pythonEnvironment } from "./core/server";
import { NotRetryable, Supervisor } from "./core/supervisor";
import type { FolderIndex } from "./protocol";
import { serverPath } from "./settings";
import type { StatusBar } from "./statusBar";

export class ServerMissing extends NotRetryable {
  constructor(readonly looked: readonly string[]) {
    super("The server is not installed.");
  }
}

export class Server {
  readonly #supervisor: Supervisor<ServerSession>;
  readonly #started = new EventEmitter<ServerSession>();
  #indexes: readonly FolderIndex[] = [];
  #isMissing = false;

  /** Whenever the server has been started, or started anew. */
  readonly onDidStart = this.#started.event;

  constructor(
    private readonly storage: string,
    private readonly channels: Channels,
    private readonly statusBar: StatusBar,
    private readonly apiKeys: ApiKeyStore,
    onMissing: () => void,
  ) {
    this.#supervisor = new Supervisor((signal) => this.#open(signal), {
      opening: () => {
        this.#isMissing = false;
        statusBar.update({ state: "starting" });
      },
      waiting: (reason, waitMs) => {
        const message = `${reason} Sparrow starts it again in ${waitMs / 1_000} s.`;
        channels.output.error(message);
        statusBar.update({ state: "error", message });
      },
      resting: (error) => {
        channels.output.warn(error.message);
        this.#isMissing = error instanceof ServerMissing;
        if (this.#isMissing) {
          statusBar.update({ state: "notInstalled" });
          onMissing();
        } else {
          statusBar.update({ state: "error", message: error.message });
        }
      },
    });
  }

  /** How it is with the index of each folder. */
  get indexes(): readonly FolderIndex[] {
    return this.client === undefined ? [] : this.#indexes;
  }

  /** Undefined while the server is starting, waiting or not installed. */
  get client(): LanguageClient | undefined {
    return this.#supervisor.session?.client;
  }

  /** Whether it was looked for and is not installed. */
  isMissing(): boolean {
    return this.#isMissing;
  }

  /** Whether there is one to start now, as far as can be told. */
  async isInstalled(): Promise<boolean> {
    try {
      await locateServer(this.storage);
      return true;
    } catch (error) {
      if (!(error instanceof NotRetryable)) {
        this.channels.output.warn(
          `Whether the server is installed cannot be told: ${String(error)}`,
        );
      }
      return false;
    }
  }

  /** Starts, or starts anew. */
  start(): Promise<void> {
    return this.#supervisor.start();
  }

  stop(): Promise<void> {
    return this.#supervisor.stop();
  }

  async #open(signal: AbortSignal): Promise<ServerSession> {
    const launch = await locateServer(this.storage);
    void commands.executeCommand("setContext", "sparrow.installed", true);
    this.channels.output.info(`Starting ${launch.executable} lsp`);
    const session = await openSession(
      launch,
      this.channels,
      () => this.apiKeys.all(),
      (status) => {
        this.statusBar.updateModel(status);
      },
      ({ folders }) => {
        this.#indexes = folders;
      },
      signal,
    );
    this.#started.fire(session);
    return session;
  }
}

/** How to start `sparrow`: never in the workspace. Rejects with NotRetryable when it isn't there. */
export async function locateServer(storage: string): Promise<Launch> {
  await mkdir(storage, { recursive: true });
  const environment = await readEnvironment(storage);
  const machine = currentMachine();
  const search = await findServer(serverPath(), environment?.directory, machine);
  switch (search.kind) {
    case "found":
      return { executable: search.executable, cwd: storage, env: pythonEnvironment(machine.env) };
    case "missing":
      throw new ServerMissing(search.looked);
    case "misconfigured":
      throw new NotRetryable(search.message);
  }
}

export function currentMachine(): Machine {
  return localMachine((workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath));
}
