import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockSplitter, MAX_TEXT_CHARACTERS, type Block } from "../src/core/chat/blocks";

function split(text: string, size = text.length): readonly Block[] {
  const splitter = new BlockSplitter();
  for (let at = 0; at < text.length; at += size) {
    splitter.push(text.slice(at, at + size));
  }
  splitter.end();
  return splitter.finished;
}

const text = (content: string): Block => ({ kind: "text", text: content });
const code = (language: string, content: string): Block => ({
  kind: "code",
  language,
  text: content,
});

const cases: readonly [string, string, readonly Block[]][] = [
  ["paragraphs", "one\nmore\n\ntwo\n", [text("one\nmore\n\n"), text("two\n")]],
  ["code", "a\n```py\nx\n\ny\n```\nb", [text("a\n"), code("py", "x\n\ny"), text("b\n")]],
  ["tildes", "~~~\n```\n~~~\n", [code("", "```")]],
  ["a longer fence", "````md\n```\n````\n", [code("md", "```")]],
  ["a fence that is never closed", "```js\nlet a", [code("js", "let a")]],
  ["more than a language", '```python title="a.py"\nx\n```\n', [code("python", "x")]],
  ["an indented fence", "  ```\n    x\n  y\n  ```\n", [code("", "  x\ny")]],
  ["a loose list", "- a\n\n- b\n\nc\n", [text("- a\n\n- b\n\n"), text("c\n")]],
  ["a paragraph of an item", "1. a\n\n   b\n\n2. c\n", [text("1. a\n\n   b\n\n2. c\n")]],
  [
    "code in an item",
    "1. a\n   ```\n   x\n\n   y\n   ```\n\nb\n",
    [text("1. a\n   ```\n   x\n\n   y\n   ```\n\n"), text("b\n")],
  ],
  ["code by indentation", "    x\n\n    y\n", [text("    x\n\n    y\n")]],
  ["inline code of three", "```a``` b\n", [text("```a``` b\n")]],
  ["the ends of Windows' lines", "a\r\n\r\n```\r\nx\r\n```\r\n", [text("a\n\n"), code("", "x")]],
  ["nothing", "\n\n", []],
];

for (const [name, content, blocks] of cases) {
  test(`blocks: ${name}`, () => {
    assert.deepEqual(split(content), blocks);
  });
  test(`blocks: ${name}, however it comes`, () => {
    for (let size = 1; size < Math.min(9, content.length); size += 1) {
      assert.deepEqual(split(content, size), blocks);
    }
  });
}

test("what is finished stays as it is, and the tail has all the rest", () => {
  const content = "# Head\n\ntext\n\n```py\nx = 1\n\ny\n```\n\n- a\n\n- b\n\nend\n";
  const splitter = new BlockSplitter();
  let seen: readonly Block[] = [];
  for (const sign of content) {
    splitter.push(sign);
    assert.deepEqual(splitter.finished.slice(0, seen.length), seen);
    seen = [...splitter.finished];
  }
  assert.deepEqual(splitter.tail, text("end\n"));
});

test("a line that may be a fence is not shown before it is one", () => {
  const splitter = new BlockSplitter();
  splitter.push("a\n```p");
  assert.deepEqual(splitter.tail, text("a\n"));
  splitter.push("y\nx = 1\n``");
  assert.deepEqual(splitter.tail, code("py", "x = 1"));
});

test("no tail of text grows without bound", () => {
  for (const content of ["word ".repeat(20_000), "x".repeat(50_000), "> a\n".repeat(20_000)]) {
    const splitter = new BlockSplitter();
    let longest = 0;
    for (let at = 0; at < content.length; at += 40) {
      splitter.push(content.slice(at, at + 40));
      longest = Math.max(longest, splitter.tail?.text.length ?? 0);
    }
    splitter.end();
    assert.ok(longest < 2 * MAX_TEXT_CHARACTERS + 100, String(longest));
    assert.equal(
      splitter.finished
        .map((block) => block.text)
        .join("")
        .replaceAll(/\s/g, ""),
      content.replaceAll(/\s/g, ""),
    );
  }
});

test("a long table goes on under its head", () => {
  const head = "| a | b |\n| --- | --- |\n";
  const blocks = split(head + "| one | two |\n".repeat(1_000));
  assert.ok(blocks.length > 1);
  assert.ok(blocks.every((block) => block.text.startsWith(head)));
});
