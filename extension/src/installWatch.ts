/**
 * A server that was not there when it was looked for: another window, or the user in a terminal, may
 * install it later, and nobody tells this window.
 */
import { Disposable, RelativePattern, Uri, window, workspace } from "vscode";
import { RECORD } from "./core/environment";

export interface MissingServer {
  /** Whether it was looked for and not found. */
  isMissing(): boolean;
  /** Looks for it now. */
  isInstalled(): Promise<boolean>;
  start(): Promise<void>;
}

/** Looks again whenever an installation is recorded in the storage folder, and when the window is turned to. */
export function watchInstalls(server: MissingServer, storage: string): Disposable {
  const look = (): void => void startIfInstalled(server);
  const watcher = workspace.createFileSystemWatcher(new RelativePattern(Uri.file(storage), RECORD));
  return Disposable.from(
    watcher,
    watcher.onDidCreate(look),
    watcher.onDidChange(look),
    window.onDidChangeWindowState(({ focused }) => {
      if (focused) {
        look();
      }
    }),
  );
}

export async function startIfInstalled(server: MissingServer): Promise<void> {
  // It may have been started while it was looked for.
  if (server.isMissing() && (await server.isInstalled()) && server.isMissing()) {
    await server.start();
  }
}
