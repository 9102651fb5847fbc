import assert from "node:assert/strict";
import { test } from "node:test";
import { explainTimeout, layerLookedAt, parseLayers, renderReport } from "../src/core/doctor";
import { run } from "../src/core/process";

test("a report is read, and a state nobody knows counts as an error", () => {
  const layers = [
    { name: "Python", state: "ok", summary: "3.12", hint: "" },
    { name: "Model", state: "odd" },
  ];
  assert.deepEqual(parseLayers(JSON.stringify({ ok: false, layers })), [
    layers[0],
    { name: "Model", state: "error", summary: "", hint: "" },
  ]);
});

for (const text of ["", "Traceback", "[]", "{}", '{"layers": 1}', "null"]) {
  test(`no report: ${text}`, () => {
    assert.equal(parseLayers(text), undefined);
  });
}

test("the report says the worst first, then each layer with its hint", () => {
  const report = renderReport([
    { name: "Python", state: "ok", summary: "3.12", hint: "" },
    { name: "Model", state: "warning", summary: "Slow.", hint: "Take a smaller one." },
  ]);
  assert.equal(
    report,
    "# Sparrow Doctor\n\nIt works, with something to look at.\n\n✓ **Python**: 3\\.12\n\n! **Model**: Slow\\.\\\n→ Take a smaller one\\.\n",
  );
});

test("a doctor that takes too long says at what it was", () => {
  const lines = ["looking at: Runtime folder", "a warning", "looking at: Inference host"];
  const told = lines.map(layerLookedAt);
  assert.deepEqual(told, ["Runtime folder", undefined, "Inference host"]);
  const { state, summary } = explainTimeout(4, told.at(-1));
  assert.equal(state, "error");
  assert.match(summary, /not ended after 4 minutes.* looking at this layer: Inference host\.$/);
  assert.doesNotMatch(explainTimeout(4, undefined).summary, /layer|undefined/);
});

const options = { cwd: process.cwd(), env: process.env, signal: new AbortController().signal };

test("a program's output is collected, and told line by line", async () => {
  const lines: string[] = [];
  const script = "console.log('one\\ntwo'); process.stderr.write('end'); process.exitCode = 3";
  const onLine = (line: string): number => lines.push(line);
  const result = await run(process.execPath, ["-e", script], { ...options, onLine });
  assert.deepEqual(result, { code: 3, stdout: "one\ntwo\n", stderr: "end" });
  assert.deepEqual(lines.sort(), ["end", "one", "two"]);
});

test("a program that isn't there, or takes too long, is an error", async () => {
  await assert.rejects(run("/nowhere/sparrow", [], options), { code: "ENOENT" });
  const signal = AbortSignal.timeout(50);
  const forever = ["-e", "setInterval(() => {}, 1000)"];
  await assert.rejects(run(process.execPath, forever, { ...options, signal }), {
    name: "AbortError",
  });
});
