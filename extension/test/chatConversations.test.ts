import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatConversation, ChatEvent, ChatMessage, ChatStep } from "../src/chatProtocol";
import { Conversations } from "../src/core/chat/conversations";

const SENT = { id: "c", messageId: "q", answerId: "a" };
const QUESTION = { text: "Why?\nSo", mentions: [], replaces: null };

function textEvent(seq: number, text: string): ChatEvent {
  return { id: "c", answerId: "a", seq, kind: "text", text };
}

function done(seq: number): ChatEvent {
  return { id: "c", answerId: "a", seq, kind: "done", state: "done", error: "", hint: "" };
}

function message(id: string, fields: Partial<ChatMessage> = {}): ChatMessage {
  const nothing = { text: "", thinking: "", mentions: [], context: [], steps: [], found: [] };
  const rest = { usage: null, error: "", hint: "", seq: 0 };
  return { ...nothing, ...rest, id, role: "assistant", state: "done", ...fields };
}

function opened(...transcript: ChatMessage[]): ChatConversation {
  const isRunning = transcript.at(-1)?.state === "streaming";
  const messages = transcript.length;
  return { id: "c", title: "T", updatedAt: 1, messages, isRunning, transcript };
}

function asked(): Conversations {
  const conversations = new Conversations();
  conversations.sent(SENT, QUESTION, 5);
  return conversations;
}

test("a question and its answer, event by event", () => {
  const conversations = asked();
  assert.deepEqual(conversations.summaries, [
    { id: "c", title: "Why?", updatedAt: 5, messages: 2, isRunning: true },
  ]);
  const step: ChatStep = { id: "s", tool: "search", summary: "x", state: "running", detail: "" };
  const base = { id: "c", answerId: "a" };
  const changes = conversations.apply([
    { ...base, seq: 0, kind: "thinking", text: "Hm" },
    { ...base, seq: 1, kind: "step", step },
    { ...base, seq: 2, kind: "step", step: { ...step, state: "done" } },
    { ...base, seq: 3, kind: "title", title: "A title" },
    textEvent(4, "Be"),
    textEvent(5, "cause"),
    done(6),
  ]);
  assert.deepEqual([...changes.messages], ["a"]);
  assert.ok(changes.summaries);
  const answer = conversations.message("c", "a");
  assert.equal(answer?.text, "Because");
  assert.equal(answer.thinking, "Hm");
  assert.deepEqual(answer.steps, [{ ...step, state: "done" }]);
  assert.equal(answer.state, "done");
  assert.equal(conversations.summary("c")?.title, "A title");
  assert.equal(conversations.summary("c")?.isRunning, false);
});

test("an event that is known is passed over, and a missing one is told", () => {
  const conversations = asked();
  conversations.apply([textEvent(0, "a"), textEvent(0, "a"), textEvent(1, "b")]);
  assert.equal(conversations.message("c", "a")?.text, "ab");
  const { gaps } = conversations.apply([textEvent(3, "d")]);
  assert.deepEqual([...gaps], ["c"]);
  assert.equal(conversations.message("c", "a")?.text, "ab");
});

test("events may come before the reply that names their answer", async () => {
  const conversations = new Conversations();
  let reply: (sent: typeof SENT) => void = () => undefined;
  const replied = new Promise<typeof SENT>((resolve) => {
    reply = resolve;
  });
  const changed = conversations.awaiting(replied, (sent) => {
    conversations.sent(sent, QUESTION, 5);
  });
  conversations.apply([textEvent(0, "ear")]);
  conversations.apply([textEvent(1, "ly"), done(2)]);
  reply(SENT);
  assert.deepEqual([...(await changed).messages], ["a"]);
  assert.equal(conversations.message("c", "a")?.text, "early");
});

test("a view that opens in the middle neither loses nor doubles an event", async () => {
  const conversations = new Conversations();
  const snapshot = opened(message("a", { state: "streaming", text: "ab", seq: 2 }));
  const reply = Promise.resolve(snapshot);
  const changed = conversations.awaiting(reply, (conversation) => {
    conversations.open(conversation);
  });
  conversations.apply([textEvent(1, "b"), textEvent(2, "c")]);
  await changed;
  conversations.apply([textEvent(3, "d"), done(4)]);
  assert.equal(conversations.message("c", "a")?.text, "abcd");
});

test("without a reply to wait for, events of what is not open are forgotten", async () => {
  const conversations = new Conversations();
  conversations.apply([textEvent(0, "x")]);
  const changes = await conversations.awaiting(Promise.resolve(SENT), (sent) => {
    conversations.sent(sent, QUESTION, 5);
  });
  assert.equal(changes.messages.size, 0);
});

test("an edited question drops what followed it; an answer anew drops the old one", () => {
  const conversations = new Conversations();
  const user = (id: string): ChatMessage => message(id, { role: "user" });
  conversations.open(opened(user("q1"), message("a1"), user("q2"), message("a2")));
  conversations.sent(
    { id: "c", messageId: "q3", answerId: "a3" },
    { ...QUESTION, replaces: "q2" },
    9,
  );
  const ids = (): (string | undefined)[] | undefined =>
    conversations.transcript("c")?.map(({ id }) => id);
  assert.deepEqual(ids(), ["q1", "a1", "q3", "a3"]);
  conversations.regenerated({ id: "c", messageId: "q3", answerId: "a4" }, 10);
  assert.deepEqual(ids(), ["q1", "a1", "q3", "a4"]);
});

test("several conversations stream at once", () => {
  const conversations = asked();
  conversations.sent({ id: "d", messageId: "q", answerId: "b" }, QUESTION, 6);
  conversations.apply([
    textEvent(0, "one"),
    { id: "d", answerId: "b", seq: 0, kind: "text", text: "two" },
    textEvent(1, " more"),
  ]);
  assert.equal(conversations.message("c", "a")?.text, "one more");
  assert.equal(conversations.message("d", "b")?.text, "two");
  assert.deepEqual(
    conversations.summaries.map(({ id }) => id),
    ["d", "c"],
  );
});

test("what the server no longer lists is closed", async () => {
  const conversations = asked();
  await conversations.listing(Promise.resolve([]));
  assert.equal(conversations.transcript("c"), undefined);
  assert.deepEqual(conversations.summaries, []);
});

test("a question that is sent while a list is on its way is newer than the list", async () => {
  const conversations = new Conversations();
  const other = { id: "o", title: "Other", updatedAt: 1, messages: 2, isRunning: false };
  let reply: (listed: readonly (typeof other)[]) => void = () => undefined;
  const listing = conversations.listing(
    new Promise((resolve) => {
      reply = resolve;
    }),
  );
  conversations.sent(SENT, QUESTION, 5);
  conversations.apply([textEvent(0, "Be")]);
  reply([other, { ...other, id: "c", isRunning: false }]);
  await listing;
  assert.deepEqual(
    conversations.summaries.map(({ id, isRunning }) => [id, isRunning]),
    [
      ["c", true],
      ["o", false],
    ],
  );
  assert.equal(conversations.message("c", "a")?.text, "Be");
});

test("what is deleted while a list is on its way is not in it", async () => {
  const conversations = asked();
  const listed = conversations.summaries;
  const listing = conversations.listing(Promise.resolve(listed));
  conversations.delete("c");
  await listing;
  assert.deepEqual(conversations.summaries, []);
});

test("with the server its answers end, and their questions are unanswered", () => {
  const conversations = asked();
  conversations.apply([textEvent(0, "Be")]);
  assert.equal(conversations.unanswered("c")?.text, QUESTION.text);
  const { messages, summaries } = conversations.interrupt("It ended.", "Ask again.");
  assert.deepEqual([...messages], ["a"]);
  assert.ok(summaries);
  const answer = conversations.message("c", "a");
  assert.deepEqual(
    [answer?.state, answer?.text, answer?.error, answer?.hint],
    ["failed", "Be", "It ended.", "Ask again."],
  );
  assert.equal(conversations.summary("c")?.isRunning, false);
  assert.equal(conversations.unanswered("c")?.text, QUESTION.text);
  assert.equal(conversations.interrupt("It ended.", "").messages.size, 0);
});

test("a question that was answered is not unanswered", () => {
  const conversations = asked();
  conversations.apply([textEvent(0, "Because."), done(1)]);
  assert.equal(conversations.unanswered("c"), undefined);
  assert.equal(conversations.unanswered("d"), undefined);
});
