import assert from "node:assert/strict";
import { test } from "node:test";
import { hunkAt, hunksOf } from "../src/core/hunks";

const BEFORE = "a\nb\nc\nd\n";

/** Applies hunks from the last to the first. */
function revert(after: string, before: string): string {
  const lines = after.split(/(?<=\n)/);
  for (const hunk of hunksOf(before, after).reverse()) {
    lines.splice(hunk.start, hunk.end - hunk.start, hunk.before);
  }
  return lines.join("");
}

for (const after of [
  "a\nB\nc\nd\n",
  "a\nc\nd\n",
  "a\nb\nx\ny\nc\nD\n",
  "x\na\nb\nc\nd\ne\n",
  "",
  "x\n",
  "a\nb\nc\nd",
  BEFORE,
]) {
  void test(`every hunk put back is the text as it was: ${JSON.stringify(after)}`, () => {
    assert.equal(revert(after, BEFORE), BEFORE);
  });
}

void test("a hunk has its lines and what stood there", () => {
  assert.deepEqual(hunksOf(BEFORE, "a\nx\ny\nd\n"), [{ start: 1, end: 3, before: "b\nc\n" }]);
  assert.deepEqual(hunksOf(BEFORE, "a\nd\n"), [{ start: 1, end: 1, before: "b\nc\n" }]);
});

void test("the hunk at a line is the one it is in, the next one, or the last", () => {
  const hunks = hunksOf(BEFORE, "A\nb\nD\n");
  assert.equal(hunks.length, 2);
  assert.equal(hunkAt(hunks, 0), hunks[0]);
  assert.equal(hunkAt(hunks, 1), hunks[1]);
  assert.equal(hunkAt(hunks, 9), hunks[1]);
  assert.equal(hunkAt([], 0), undefined);
});
