import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { ChatService } from "../src/chat/chatService";
import { follow } from "../src/chat/places";
import { Uri, window, workspace } from "./editor/vscode";

interface Item {
  readonly label: string;
}

let files: readonly Uri[] = [];
let opened: string[] = [];
let offered: string[] = [];
let choice = 0;

beforeEach(() => {
  opened = [];
  offered = [];
  Object.assign(workspace, {
    workspaceFolders: [],
    findFiles: () => Promise.resolve(files),
  });
  Object.assign(window, {
    showTextDocument: (uri: Uri) => {
      opened.push(uri.toString());
      return Promise.resolve();
    },
    showQuickPick: (items: readonly Item[]) => {
      offered = items.map(({ label }) => label);
      return Promise.resolve(items[choice]);
    },
  });
});

function open(path: string): Promise<void> {
  return follow({ kind: "file", path, line: null }, {} as unknown as ChatService);
}

test("the one file of a name is opened", async () => {
  files = [new Uri("file:///w/src/fees.py")];
  await open("fees.py");
  assert.deepEqual([opened, offered], [["file:///w/src/fees.py"], []]);
});

test("of several files of a name the user chooses one, or none", async () => {
  files = [new Uri("file:///w/tests/fees.py"), new Uri("file:///w/src/fees.py")];
  choice = 1;
  await open("fees.py");
  assert.deepEqual(offered, ["src/fees.py", "tests/fees.py"]);
  assert.deepEqual(opened, ["file:///w/tests/fees.py"]);
  choice = 9;
  await open("fees.py");
  assert.equal(opened.length, 1);
});

test("that there is no such file is said", async () => {
  files = [];
  await assert.rejects(open("fees.py"), { message: "This workspace has no file fees.py." });
});
