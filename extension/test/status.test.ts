import assert from "node:assert/strict";
import { test } from "node:test";
import {
  describeOff,
  describeChat,
  describeModel,
  hasNoChat,
  initialStatuses,
  render,
  withModel,
  withServer,
  withSwitches,
  type Status,
  type Statuses,
} from "../src/core/status";
import type { ModelRole, StatusParams } from "../src/protocol";

const START = new Date(2026, 0, 1, 14, 2);
const LATER = new Date(2026, 0, 1, 14, 3);

const time = (date: Date): string => `${date.getHours()}:${date.getMinutes()}`;

const status = (fields: Partial<Status>): Status => ({
  ...initialStatuses(START).completion,
  ...fields,
});

const alone = (fields: Partial<Status>): Statuses => ({
  completion: status(fields),
  chat: undefined,
});

const ready = status({ state: "ready", engine: "suffix", model: "suffix" });
const beside = (chat: Partial<Status>, completion: Status = ready): Statuses => ({
  completion,
  chat: status({ engine: "vllm", model: "large", ...chat }),
});
const one: Statuses = { completion: ready, chat: undefined };

const cases: readonly [Statuses, string, string, string?][] = [
  [alone({}), "$(loading~spin) Sparrow", "Sparrow: starting"],
  [one, "$(sparkle) Sparrow", "Sparrow: ready, suffix"],
  [
    alone({ state: "loading", engine: "vllm", model: "small", progress: 0.416 }),
    "$(loading~spin) Sparrow 42%",
    "Sparrow: loading, small, 42%",
  ],
  [
    alone({ state: "loading", model: "small" }),
    "$(loading~spin) Sparrow",
    "Sparrow: loading, small",
  ],
  [
    alone({ state: "error", message: "It ended." }),
    "$(error) Sparrow",
    "Sparrow: error, It ended.",
    "error",
  ],
  [
    alone({ state: "notInstalled" }),
    "$(desktop-download) Sparrow: not installed",
    "Sparrow: not installed",
  ],
  [withSwitches(one, false, undefined), "$(circle-slash) Sparrow", "Sparrow: off"],
  [
    withSwitches(one, true, "off for plaintext"),
    "$(circle-slash) Sparrow",
    "Sparrow: off for plaintext",
  ],
  // A second model is told of where there is something to tell, and hides nothing of the first.
  [beside({ state: "idle" }), "$(sparkle) Sparrow", "Sparrow: ready, suffix"],
  [beside({ state: "ready" }), "$(sparkle) Sparrow", "Sparrow: ready, suffix"],
  [
    beside({ state: "loading", progress: 0.5 }),
    "$(sparkle) Sparrow · $(loading~spin) chat 50%",
    "Sparrow: ready, suffix; chat: loading, large, 50%",
  ],
  [
    beside({ state: "error", message: "No memory." }),
    "$(sparkle) Sparrow · $(error) chat",
    "Sparrow: ready, suffix; chat: error, No memory.",
    "warning",
  ],
  [
    beside({ state: "ready" }, status({ state: "error", message: "It ended." })),
    "$(error) Sparrow · $(sparkle) chat",
    "Sparrow: error, It ended.; chat: ready, large",
    "error",
  ],
  [
    withSwitches(beside({ state: "error", message: "No memory." }), false, undefined),
    "$(circle-slash) Sparrow · $(error) chat",
    "Sparrow: off; chat: error, No memory.",
    "warning",
  ],
];

for (const [each, text, ariaLabel, background] of cases) {
  test(ariaLabel, () => {
    const appearance = render(each, time);
    assert.equal(appearance.text, text);
    assert.equal(appearance.ariaLabel, ariaLabel);
    assert.equal(appearance.background, background);
  });
}

test("the tooltip names model, engine, message and time", () => {
  const completion = { ...ready, engine: "vllm", message: "On the CPU" };
  assert.equal(
    render({ completion, chat: undefined }, time).tooltip,
    "**Sparrow** — ready\n\nOn the CPU\n\nModel: suffix\n\nEngine: vllm\n\nSince: 14\\:2\n\n_Click for the menu._",
  );
});

test("the tooltip names both models", () => {
  assert.equal(
    render(beside({ state: "idle" }), time).tooltip,
    "**Sparrow, completion** — ready\n\nModel: suffix\n\nSince: 14\\:2\n\n**Chat** — starts when it is needed\n\nModel: large\n\nEngine: vllm\n\n_Click for the menu._",
  );
});

test("the tooltip doesn't say the same name twice", () => {
  assert.doesNotMatch(render(one, time).tooltip, /Engine/);
});

test("a message can't bring a link or formatting into the tooltip", () => {
  const completion = { ...ready, message: "[x](y)\n\n# <b>" };
  const { tooltip } = render({ completion, chat: undefined }, time);
  assert.match(tooltip, /\n\n\\\[x\\\]\\\(y\\\) \\# \\<b\\>\n\n/);
});

test("the menu names the model and how it is", () => {
  assert.equal(describeModel(ready), "ready · suffix");
  const loading = status({ state: "loading", model: "large", progress: 0.5 });
  assert.equal(describeModel(loading), "loading 50% · large");
  assert.equal(describeModel(status({})), "starting");
});

test("switches hide what runs, not what has to be repaired", () => {
  for (const state of ["error", "notInstalled"] as const) {
    assert.equal(
      withSwitches(alone({ state }), false, "off for plaintext").completion.state,
      state,
    );
  }
  assert.equal(withSwitches(one, true, undefined), one);
});

const says = (
  roles: readonly ModelRole[],
  model: string,
  fields: Partial<StatusParams> = {},
): StatusParams => ({
  roles,
  state: "ready",
  engine: "",
  model,
  message: "",
  progress: null,
  ...fields,
});

test("each model has its roles, and one that gets them all is alone", () => {
  const told: readonly [StatusParams, string, string | undefined][] = [
    [says(["completion", "chat"], "a"), "a", undefined],
    [says(["completion"], "b"), "b", undefined],
    [says(["chat"], "c", { state: "error", message: "No." }), "b", "c"],
    [says(["completion"], "d"), "d", "c"],
    [says(["completion", "chat"], "d"), "d", undefined],
  ];
  let statuses = initialStatuses(START);
  for (const [params, completion, chat] of told) {
    statuses = withModel(statuses, params, LATER);
    assert.equal(statuses.completion.model, completion);
    assert.equal(statuses.chat?.model, chat);
    assert.equal(statuses.completion.state, "ready");
  }
});

test("a server that is gone has no models", () => {
  const both = withModel(initialStatuses(START), says(["chat"], "c"), START);
  const gone = withServer(both, { state: "error", message: "It ended." }, LATER);
  assert.deepEqual([gone.completion.message, gone.chat], ["It ended.", undefined]);
});

test("since changes with the state only, message and progress with each report", () => {
  const roles = ["completion", "chat"] as const;
  const loading = says(roles, "m", { state: "loading", progress: 0.5, message: "weights" });
  const first = withModel(initialStatuses(START), loading, LATER);
  assert.equal(first.completion.since, LATER);
  const next = withServer(first, { state: "loading" }, new Date()).completion;
  assert.equal(next.since, LATER);
  assert.deepEqual([next.model, next.progress, next.message], ["m", null, ""]);
});

test("the menu says of chat what serves it, and where nothing does", () => {
  const known = status({ state: "ready", engine: "vllm", model: "large" });
  const rows: readonly [Statuses, string, boolean][] = [
    [one, "no model that chats · set one up", true],
    [
      alone({ state: "ready", engine: "wren", model: "wren" }),
      "no model that chats · set one up",
      true,
    ],
    [{ completion: known, chat: undefined }, "the same model", false],
    [beside({ state: "ready" }), "ready · large", false],
  ];
  for (const [statuses, words, isNone] of rows) {
    assert.equal(describeChat(statuses), words);
    assert.equal(hasNoChat(statuses), isNone);
  }
});

test("a file in which nothing is completed says why", () => {
  const limit = 4 * 1024 * 1024;
  assert.equal(describeOff("python", true, limit), undefined);
  assert.equal(describeOff("python", true, limit + 1), "off, for the file is larger than 4 MiB");
  assert.equal(describeOff("plaintext", false, limit + 1), "off for plaintext");
});

test("the tooltip of what is off does not say since when it was ready", () => {
  const off = render(withSwitches(one, false, undefined), time).tooltip;
  assert.doesNotMatch(off, /Since/);
  assert.match(render(one, time).tooltip, /Since: 14/);
});
