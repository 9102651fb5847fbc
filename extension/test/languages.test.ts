import assert from "node:assert/strict";
import { test } from "node:test";
import { isLanguageOn, parseLanguageSwitches } from "../src/core/languages";

const DEFAULTS = { "*": true, plaintext: false, scminput: false };

const cases: readonly [Record<string, unknown>, string, boolean][] = [
  [DEFAULTS, "python", true],
  [DEFAULTS, "plaintext", false],
  [{ ...DEFAULTS, python: false }, "python", false],
  [{ "*": false, python: true }, "python", true],
  [{ "*": false }, "rust", false],
  [{}, "rust", true],
  [{}, "constructor", true],
  [{ python: "no" }, "python", true],
];

for (const [switches, languageId, expected] of cases) {
  test(`${languageId} with ${JSON.stringify(switches)}`, () => {
    assert.equal(isLanguageOn(parseLanguageSwitches(switches), languageId), expected);
  });
}

test("a setting that is no object turns nothing off", () => {
  assert.deepEqual([null, "python", undefined].map(parseLanguageSwitches), [{}, {}, {}]);
});
