import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { EditReview } from "../src/editReview";
import { EventEmitter, TabInputTextDiff, Uri, window, workspace } from "./editor/vscode";

const FILE = "file:///w/fees.py";

function diff(original: string, modified: string): { readonly input: TabInputTextDiff } {
  return { input: new TabInputTextDiff(new Uri(original), new Uri(modified)) };
}

test("a review that a reloaded window brings back gives way to its file", async () => {
  const review = diff("sparrow-before:/w/fees.py?1", FILE);
  const draft = diff("file:///w/shop.py", "sparrow-draft:/w/shop.py?2");
  const other = diff("git:/w/fees.py", FILE);
  const closed: unknown[] = [];
  const shown: string[] = [];
  const none = new EventEmitter<unknown>().event;
  Object.assign(workspace, {
    registerTextDocumentContentProvider: () => ({ dispose: () => undefined }),
  });
  Object.assign(window, {
    tabGroups: {
      all: [
        { tabs: [other, review], activeTab: review, viewColumn: 1 },
        { tabs: [draft, other], activeTab: other, viewColumn: 2 },
      ],
      onDidChangeTabs: none,
      onDidChangeTabGroups: none,
      close: (tabs: readonly unknown[]) => {
        closed.push(...tabs);
        return Promise.resolve(true);
      },
    },
    showTextDocument: (uri: Uri, { viewColumn }: { viewColumn: number }) => {
      shown.push(`${uri.toString()} in ${viewColumn}`);
      return Promise.resolve();
    },
  });
  const parts = new EditReview();
  await setImmediate();
  assert.deepEqual(closed, [review, draft]);
  assert.deepEqual(shown, [`${FILE} in 1`]);
  parts.dispose();
});
