import assert from "node:assert/strict";
import { test } from "node:test";
import type { Draft } from "../src/core/chat/mentions";
import {
  editOf,
  readKept,
  withEdit,
  withoutConversation,
  withoutWritten,
  withWritten,
  writtenOf,
} from "../webview/keptState";

const NOTHING = readKept(undefined);

function draft(text: string): Draft {
  return { text, mentions: [] };
}

test("the draft is there again when the edit of an earlier question has ended", () => {
  const drafted = withWritten(NOTHING, "c", draft("a draft"));
  const editing = withEdit(drafted, "c", { messageId: "q", draft: draft("One") });
  const edited = withWritten(editing, "c", draft("One?"));
  assert.equal(writtenOf(edited, "c").text, "One?");
  assert.equal(editOf(edited, "c")?.messageId, "q");
  assert.deepEqual(withoutWritten(edited, "c"), drafted);
  assert.deepEqual(withoutWritten(drafted, "c"), NOTHING);
});

test("each conversation has its own, and a new one has no edit", () => {
  const kept = withEdit(withWritten(NOTHING, null, draft("new")), "c", {
    ...{ messageId: "q", draft: draft("One") },
  });
  assert.deepEqual([writtenOf(kept, null).text, writtenOf(kept, "d").text], ["new", ""]);
  assert.equal(editOf(kept, null), undefined);
  assert.deepEqual(withoutConversation(kept, "c"), withWritten(NOTHING, null, draft("new")));
});

test("what is kept is read again, and what looks otherwise is not", () => {
  const kept = {
    ...{ shown: "c", drafts: { c: draft("a draft") }, thinking: "on" },
    edits: { c: { messageId: "q", draft: draft("One") } },
  };
  assert.deepEqual(readKept(JSON.parse(JSON.stringify(kept))), kept);
  const odd = { shown: 1, drafts: { c: { text: 1 } }, edits: { c: { messageId: "q" } } };
  assert.deepEqual(readKept(odd), NOTHING);
});
