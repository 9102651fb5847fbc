import assert from "node:assert/strict";
import { test } from "node:test";
import { initialStatus, render, withState, withSwitches, type Status } from "../src/core/status";

const START = new Date(2026, 0, 1, 14, 2);
const LATER = new Date(2026, 0, 1, 14, 3);

const time = (date: Date): string => `${date.getHours()}:${date.getMinutes()}`;

const status = (fields: Partial<Status>): Status => ({ ...initialStatus(START), ...fields });

const ready = status({ state: "ready", engine: "suffix", model: "suffix" });

const cases: readonly [Status, string, string][] = [
  [status({}), "$(loading~spin) Sparrow", "Sparrow: starting"],
  [ready, "$(sparkle) Sparrow", "Sparrow: ready, suffix"],
  [
    status({ state: "loading", engine: "vllm", model: "small", progress: 0.416 }),
    "$(loading~spin) Sparrow 42%",
    "Sparrow: loading, small, 42%",
  ],
  [
    status({ state: "loading", model: "small" }),
    "$(loading~spin) Sparrow",
    "Sparrow: loading, small",
  ],
  [
    status({ state: "error", message: "It ended." }),
    "$(error) Sparrow",
    "Sparrow: error, It ended.",
  ],
  [
    status({ state: "notInstalled" }),
    "$(desktop-download) Sparrow: not installed",
    "Sparrow: not installed",
  ],
  [withSwitches(ready, false, undefined), "$(circle-slash) Sparrow", "Sparrow: off"],
  [withSwitches(ready, true, "plaintext"), "$(circle-slash) Sparrow", "Sparrow: off for plaintext"],
];

for (const [each, text, ariaLabel] of cases) {
  test(ariaLabel, () => {
    const appearance = render(each, time);
    assert.equal(appearance.text, text);
    assert.equal(appearance.ariaLabel, ariaLabel);
    assert.equal(appearance.isError, each.state === "error");
  });
}

test("the tooltip names model, engine, message and time", () => {
  const tooltip = render({ ...ready, engine: "vllm", message: "On the CPU" }, time).tooltip;
  assert.equal(
    tooltip,
    "**Sparrow** — ready\n\nOn the CPU\n\nModel: suffix\n\nEngine: vllm\n\nSince: 14\\:2\n\n_Click for the menu._",
  );
});

test("the tooltip doesn't say the same name twice", () => {
  assert.doesNotMatch(render(ready, time).tooltip, /Engine/);
});

test("a message can't bring a link or formatting into the tooltip", () => {
  const { tooltip } = render({ ...ready, message: "[x](y)\n\n# <b>" }, time);
  assert.match(tooltip, /\n\n\\\[x\\\]\\\(y\\\) \\# \\<b\\>\n\n/);
});

test("switches hide what runs, not what has to be repaired", () => {
  for (const state of ["error", "notInstalled"] as const) {
    assert.equal(withSwitches(status({ state }), false, "plaintext").state, state);
  }
  assert.equal(withSwitches(ready, true, undefined), ready);
});

test("since changes with the state only, message and progress with each report", () => {
  const loading = withState(
    initialStatus(START),
    { state: "loading", model: "m", progress: 0.5, message: "weights" },
    LATER,
  );
  assert.equal(loading.since, LATER);
  const next = withState(loading, { state: "loading" }, new Date());
  assert.equal(next.since, LATER);
  assert.deepEqual([next.model, next.progress, next.message], ["m", null, ""]);
});
