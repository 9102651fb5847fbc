import assert from "node:assert/strict";
import { test } from "node:test";
import { sentence } from "../src/core/chat/failure";

test("a reason becomes a sentence, and a sentence stays one", () => {
  const cases = [
    ["the model's process went away", "The model's process went away."],
    ["No slot is free.", "No slot is free."],
    [" was that all? ", "Was that all?"],
    ["éteint", "Éteint."],
    ["", ""],
  ];
  for (const [reason, told] of cases) {
    assert.equal(sentence(reason ?? ""), told);
  }
});
