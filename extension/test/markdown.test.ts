import assert from "node:assert/strict";
import { test } from "node:test";
import { renderReport } from "../src/core/doctor";
import { escapeMarkdown, renderText } from "../src/core/markdown";

test("every sign that could format, link or embed is escaped, and nothing else", () => {
  const signs = "!#$&()*+-.:<=>@[\\]_`{|}~";
  assert.equal(escapeMarkdown(signs), signs.replace(/./g, "\\$&"));
  assert.equal(escapeMarkdown('é "x", /1;\n\n 2%'), 'é "x", /1; 2%');
});

const texts: readonly [string, string][] = [
  ["Run `a b`, then `<c>`.", "Run `a b`, then `<c>`\\."],
  ["one\n\n  two\n", "one\\\ntwo"],
  ["a lone ` or ``?", "a lone ` or `\\`?"],
  ["a lone `", "a lone \\`"],
  ["<img src=x>\n===", "\\<img src\\=x\\>\\\n\\=\\=\\="],
  ["", ""],
];

for (const [text, markdown] of texts) {
  test(`rendered text: ${JSON.stringify(text)}`, () => {
    assert.equal(renderText(text), markdown);
  });
}

test("the doctor's report shows what a layer says as it was said", () => {
  const layer = { name: "x*", state: "ok", summary: "/a|b_c", hint: "[d](e)" } as const;
  assert.match(renderReport([layer]), /✓ \*\*x\\\*\*\*: \/a\\\|b\\_c\\\n→ \\\[d\\\]\\\(e\\\)\n$/);
});
