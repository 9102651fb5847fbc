import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ApiKeyStore,
  problemOfKey,
  Redactor,
  serverOf,
  serversOf,
  type Secrets,
} from "../src/core/apiKeys";

/** As the editor's store; `names` shows what could be read without being asked for. */
function fakeSecrets(): Secrets & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    keys: () => Promise.resolve([...values.keys()]),
    get: (name) => Promise.resolve(values.get(name)),
    store: (name, value) => {
      values.set(name, value);
      return Promise.resolve();
    },
    delete: (name) => {
      values.delete(name);
      return Promise.resolve();
    },
  };
}

const servers: readonly [string, string | undefined][] = [
  ["openai:https://a.example/v1", "https://a.example/v1"],
  ["openai:https://a.example/v1/#large", "https://a.example/v1"],
  ["openai:http://127.0.0.1:8000#m", "http://127.0.0.1:8000"],
  ["openai:", undefined],
  ["openai:#m", undefined],
  ["vllm:/models/openai:x", undefined],
  ["suffix", undefined],
];

for (const [model, server] of servers) {
  test(`the server of ${model}`, () => {
    assert.equal(serverOf(model), server);
  });
}

test("two models of one server need one key", () => {
  const models = ["openai:http://a/v1#x", "suffix", "openai:http://b", "openai:http://a/v1/#y"];
  assert.deepEqual(serversOf(models), ["http://a/v1", "http://b"]);
});

for (const [key, isGood] of [
  ["sk-1234_.~/+=", true],
  ["", false],
  ["two words", false],
  ["line\n", false],
  ["ключ", false],
] as const) {
  test(`a key is ${isGood ? "taken" : "refused"}: ${JSON.stringify(key)}`, () => {
    assert.equal(problemOfKey(key) === undefined, isGood);
  });
}

test("a key is kept for its server, until it is cleared", async () => {
  const secrets = fakeSecrets();
  await secrets.store("somebody else's", "x");
  const store = new ApiKeyStore(secrets, new Redactor());
  await store.set("https://b", "key b");
  await store.set("https://a", "old");
  await store.set("https://a", "key a");
  assert.deepEqual(await store.servers(), ["https://a", "https://b"]);
  assert.deepEqual(await store.all(), [
    { server: "https://a", key: "key a" },
    { server: "https://b", key: "key b" },
  ]);
  await store.clear("https://a");
  assert.deepEqual(await store.servers(), ["https://b"]);
  assert.deepEqual([...secrets.values.keys()].sort(), ["apiKey:https://b", "somebody else's"]);
});

test("no key that was read or set shows in what is logged", async () => {
  const secrets = fakeSecrets();
  const redactor = new Redactor();
  await secrets.store("apiKey:https://a", 'with"quote');
  const store = new ApiKeyStore(secrets, redactor);
  const keys = await store.all();
  await store.set("https://b", "with");
  const traced = redactor.hide(JSON.stringify({ apiKeys: keys, other: "without" }));
  assert.equal(traced, '{"apiKeys":[{"server":"https://a","key":"•••"}],"other":"•••out"}');
  await store.clear("https://b");
  assert.equal(redactor.hide("late: with"), "late: •••");
  assert.equal(new Redactor().hide("nothing to hide"), "nothing to hide");
});
