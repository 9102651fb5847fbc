import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { startIfInstalled, watchInstalls } from "../src/installWatch";
import { EventEmitter, window, workspace, type RelativePattern } from "./editor/vscode";

class Missing {
  hasLookedInVain = true;
  isThere = false;
  starts = 0;

  isMissing(): boolean {
    return this.hasLookedInVain;
  }

  isInstalled(): Promise<boolean> {
    return Promise.resolve(this.isThere);
  }

  start(): Promise<void> {
    this.starts += 1;
    this.hasLookedInVain = false;
    return Promise.resolve();
  }
}

test("what another window installs is started, once", async () => {
  const server = new Missing();
  const recorded = new EventEmitter<undefined>();
  const focused = new EventEmitter<{ focused: boolean }>();
  const watched: string[] = [];
  Object.assign(workspace, {
    createFileSystemWatcher: ({ base, pattern }: RelativePattern) => {
      watched.push(`${base.toString()}/${pattern}`);
      const none = new EventEmitter<undefined>();
      return { onDidCreate: recorded.event, onDidChange: none.event, dispose: () => undefined };
    },
  });
  Object.assign(window, { onDidChangeWindowState: focused.event });
  const watching = watchInstalls(server, "/storage");
  assert.deepEqual(watched, ["file:///storage/environment.json"]);

  focused.fire({ focused: true });
  await setImmediate();
  assert.equal(server.starts, 0);
  server.isThere = true;
  focused.fire({ focused: false });
  await setImmediate();
  assert.equal(server.starts, 0);
  recorded.fire(undefined);
  focused.fire({ focused: true });
  await setImmediate();
  assert.equal(server.starts, 1);

  watching.dispose();
  assert.ok(!recorded.isHeard && !focused.isHeard);
});

test("a server that runs, or fails for another reason, is left alone", async () => {
  const server = new Missing();
  server.hasLookedInVain = false;
  server.isThere = true;
  await startIfInstalled(server);
  assert.equal(server.starts, 0);
});
