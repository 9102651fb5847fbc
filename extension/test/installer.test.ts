import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import type { LogOutputChannel } from "vscode";
import { readEnvironment } from "../src/core/environment";
import { installWithProgress } from "../src/installer";
import { window, workspace } from "./editor/vscode";
import { temporaryFolder } from "./fakes";

/** Says that it is a Python, and makes an environment with itself in it. */
const PYTHON = `#!/bin/sh
case "$*" in
  *sys.version_info*) echo 3.12.1 ;;
  *venv*) for folder; do :; done; mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python" ;;
esac
`;

test(
  "an installation that is cancelled too late says that it is there",
  { skip: process.platform === "win32" },
  async (t) => {
    const storage = await temporaryFolder(t);
    const python = path.join(storage, "python3");
    await writeFile(python, PYTHON, { mode: 0o755 });
    const said: string[] = [];
    let isCancelled = true;
    Object.assign(workspace, { getConfiguration: () => ({ get: () => python }) });
    Object.assign(window, {
      // The button was pressed, and word of it comes when all is done.
      withProgress: (_: unknown, work: (progress: unknown, token: unknown) => Promise<unknown>) =>
        work(
          { report: () => undefined },
          { isCancellationRequested: isCancelled, onCancellationRequested: () => undefined },
        ),
      showInformationMessage: (message: string) => said.push(message),
    });
    const output = { info: () => undefined } as unknown as LogOutputChannel;
    const folders = { storage, bundle: path.join(storage, "none") };
    assert.ok(await installWithProgress(folders, output));
    assert.notEqual(await readEnvironment(storage), undefined);
    assert.match(said.join(), /^Sparrow was installed before it could be cancelled/);

    isCancelled = false;
    assert.ok(await installWithProgress(folders, output));
    assert.equal(said.length, 1);
  },
);
