import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatMention } from "../src/chatProtocol";
import {
  EMPTY_DRAFT,
  queryAt,
  withAttached,
  withMention,
  withText,
  withoutMention,
} from "../src/core/chat/mentions";

const FEES: ChatMention = { kind: "file", ref: "file:///w/fees.py", label: "fees.py", detail: "" };
const CHANGES: ChatMention = { kind: "changes", ref: "", label: "@changes", detail: "" };

const carets: readonly [string, string | undefined][] = [
  ["@|", ""],
  ["explain @fe|", "fe"],
  ["explain @fe|es now", "fe"],
  ["(@a/b.py|", "a/b.py"],
  ["me@example|", undefined],
  ["@fees |", undefined],
  ["no mention|", undefined],
  ["@@x|", undefined],
];

for (const [marked, expected] of carets) {
  test(`the query in ${marked}`, () => {
    const caret = marked.indexOf("|");
    assert.equal(queryAt(marked.replace("|", ""), caret)?.text, expected);
  });
}

test("a choice takes the place of the query, once", () => {
  const text = "explain @fe now";
  const query = queryAt(text, 11);
  assert.ok(query !== undefined);
  const chosen = withMention({ text, mentions: [] }, query, FEES);
  assert.deepEqual(chosen.draft, { text: "explain @fees.py now", mentions: [FEES] });
  assert.equal(chosen.draft.text.slice(0, chosen.caret), "explain @fees.py ");
  const again = withMention(chosen.draft, { start: 8, text: "fees.py" }, FEES);
  assert.deepEqual(again.draft.mentions, [FEES]);
});

test("a word that has its own sign gets no second one", () => {
  const { draft } = withMention({ text: "@ch", mentions: [] }, { start: 0, text: "ch" }, CHANGES);
  assert.equal(draft.text, "@changes ");
});

test("a mention goes with its word, and its word with it", () => {
  const draft = { text: "explain @fees.py now", mentions: [FEES, CHANGES] };
  assert.deepEqual(withText(draft, "explain now").mentions, [CHANGES]);
  assert.deepEqual(withText(draft, "explain @fees.py then").mentions, [FEES, CHANGES]);
  assert.deepEqual(withoutMention(draft, FEES), { text: "explain now", mentions: [CHANGES] });
});

test("what was attached without a word stays while the text changes", () => {
  const draft = withText(withAttached(EMPTY_DRAFT, FEES), "why?");
  assert.deepEqual(draft, { text: "why?", mentions: [FEES] });
  assert.deepEqual(withoutMention(draft, FEES), { text: "why?", mentions: [] });
});
