import assert from "node:assert/strict";
import { test } from "node:test";
import { highlight } from "../src/core/chat/highlight";
import { renderMarkdown, type Node } from "../src/core/chat/markdown";

/** The tree as a line: elements by their tags, links by where they lead. */
function shown(nodes: readonly Node[]): string {
  return nodes
    .map((node) => {
      if (typeof node === "string") {
        return node;
      }
      switch (node.kind) {
        case "element":
          return `<${node.tag}>${shown(node.children)}</>`;
        case "link":
          return `[${shown(node.children)}](${JSON.stringify(node.target)})`;
        case "inlineCode":
          return `\`${node.text}\`${node.target === undefined ? "" : ` → ${node.target.kind}`}`;
        case "codeBlock":
          return `{${node.language}: ${node.text}}`;
      }
    })
    .join("");
}

const file = (path: string, line: number | null = null): string =>
  JSON.stringify({ kind: "file", path, line });
const web = (url: string): string => JSON.stringify({ kind: "web", url });

const texts: readonly [string, string][] = [
  ["**a** _b_ ~~c~~ `d e`", "<p><strong>a</> <em>b</> <s>c</> `d e`</>"],
  ["- a\n- b", "<ul><li>a</><li>b</></>"],
  ["[x](src/a.py#L12-L14)", `<p>[x](${file("src/a.py", 11)})</>`],
  ["[x](<src/a b.py:3>)", `<p>[x](${file("src/a b.py", 2)})</>`],
  [
    "`src/a.py:3` `a.py` `self.name` `x`",
    "<p>`src/a.py:3` → file `a.py` → file `self.name` → symbol `x`</>",
  ],
  ["`run()` `a + b` `lsp_server/`", "<p>`run()` → symbol `a + b` `lsp_server/`</>"],
  ["https://a.example/b", `<p>[https://a.example/b](${web("https://a.example/b")})</>`],
  ["see setup.py and a.example", "<p>see setup.py and a.example</>"],
  ["```py\nx\n```", "{py: x}"],
  ["| a |\n| --: |\n| b |", "<table><thead><tr><th>a</></></><tbody><tr><td>b</></></></>"],
];

for (const [text, expected] of texts) {
  test(`Markdown: ${text.split("\n").join("⏎")}`, () => {
    assert.equal(shown(renderMarkdown(text)), expected);
  });
}

test("HTML is text", () => {
  for (const html of [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "a <b onclick=x>b</b>",
    "<!-- --><iframe src=//a.example></iframe>",
    "<svg><style>*{background:url(//a.example)}</style></svg>",
  ]) {
    assert.equal(shown(renderMarkdown(html)), `<p>${html}</>`);
  }
});

test("links that lead elsewhere are text", () => {
  for (const href of [
    ...["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java&#x73;cript:alert(1)", "vbscript:x"],
    ...["data:text/html,<b>", "command:workbench.action.quit", "vscode://a/b", "http://a.example"],
    ...[
      "//a.example/b",
      "\\\\\\\\host\\\\share",
      "mailto:a@b.example",
      "blob:x",
      "file://host/a",
      "%2F%2Fhost/a",
    ],
  ]) {
    const nodes = renderMarkdown(`[x](${href}) [y]\n\n[y]: ${href}`);
    assert.ok(!JSON.stringify(nodes).includes('"kind":"link"'), shown(nodes));
  }
  assert.equal(shown(renderMarkdown("<javascript:alert(1)>")), "<p><javascript:alert(1)></>");
});

test("an image is a link that is not followed by itself", () => {
  const remote = "https://a.example/p.png";
  assert.equal(shown(renderMarkdown(`![p](${remote})`)), `<p>[image: p](${web(remote)})</>`);
  assert.equal(
    shown(renderMarkdown("![p](data:image/png;base64,AA)")),
    "<p>![p](data:image/png;base64,AA)</>",
  );
});

test("what is made to be slow or deep is neither", () => {
  const bombs = [
    ">".repeat(20_000),
    "- ".repeat(5_000),
    "[".repeat(20_000),
    "![".repeat(10_000),
    "*a ".repeat(10_000),
    "_*".repeat(10_000),
    "`".repeat(5_001) + "a",
    "a\u0000\u001b[31mred\u001b[0m\u0007",
    "| a ".repeat(2_000) + "|\n" + "| - ".repeat(2_000) + "|\n",
    "&".repeat(20_000),
  ];
  for (const bomb of bombs) {
    const started = process.cpuUsage(); // how busy the machine is proves nothing
    const nodes = renderMarkdown(bomb);
    const { user, system } = process.cpuUsage(started);
    const tookMs = (user + system) / 1_000;
    assert.ok(tookMs < 2_000, `${bomb.slice(0, 10)}: ${tookMs} ms`);
    assert.ok(depthOf(nodes) < 120, bomb.slice(0, 10));
  }
});

function depthOf(nodes: readonly Node[]): number {
  const depths = nodes.map((node) =>
    typeof node !== "string" && "children" in node ? 1 + depthOf(node.children) : 0,
  );
  return depths.reduce((one, other) => Math.max(one, other), 0);
}

test("highlighted code is the code, whatever it holds", () => {
  for (const [code, language] of [
    ["<script>alert('&amp;')</script>", "html"],
    ['def f(x):\n    return f"{x!r} <b>"  # &lt;', "python"],
    ["const a = `${b}</span>`;", "typescript"],
    ["\u001b[31m<x>", "shell"],
    ["anything", "no-such-language"],
  ] as const) {
    const runs = highlight(code, language);
    assert.equal(runs.map((run) => run.text).join(""), code);
    assert.ok(runs.every(({ scope }) => /^[\w .-]*$/.test(scope)));
  }
  const scopes = highlight("def f(): return 'x'", "python").map(({ scope }) => scope);
  assert.ok(scopes.includes("keyword") && scopes.includes("string"));
  assert.ok(highlight("let a = 1", "typescriptreact").length > 1);
});
