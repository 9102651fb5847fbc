import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatMention } from "../src/chatProtocol";
import { isAboutFailure } from "../src/core/chat/problems";

const ISSUE: ChatMention = {
  kind: "issue",
  ref: "file:///w/issue.md",
  label: "issue.md",
  detail: "",
};
const FILE: ChatMention = { ...ISSUE, kind: "file" };

const failing = [
  'Why?\nTraceback (most recent call last):\n  File "a.py", line 3, in total\nIndexError',
  "TypeError: x is undefined\n    at total (/w/a.js:3:5)",
  "FAILED tests/test_a.py::test_total - assert 1 == 2",
  "FAIL: test_total (test_a.Total.test_total)",
  ">       assert total([1]) == 1\nE       assert 0 == 1",
  "--- FAIL: TestTotal (0.00s)",
  "thread 'main' panicked at src/main.rs:2:5:",
];

for (const text of failing) {
  test(`a failure: ${text.slice(0, 30)}`, () => {
    assert.ok(isAboutFailure(text, []));
  });
}

test("a question is none, an issue that is mentioned is one", () => {
  const question = "What does total() do, and why does it fail at times? See file a.py, line 3.";
  assert.ok(!isAboutFailure(question, [FILE]));
  assert.ok(isAboutFailure(question, [FILE, ISSUE]));
});
