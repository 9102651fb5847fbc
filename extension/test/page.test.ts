import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf } from "../src/core/page";

test("a page runs nothing and takes its own style sheet alone", () => {
  const page = pageOf("<h1>Title</h1>", "h1 { margin: 0; }");
  const [, policy = ""] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
  const [, nonce = ""] = /<style nonce="([^"]+)">h1/.exec(page) ?? [];
  assert.equal(policy, `default-src 'none'; style-src 'nonce-${nonce}'`);
  assert.ok(nonce.length >= 16);
  assert.ok(page.includes("<body><h1>Title</h1></body>"));
  assert.notEqual(pageOf("", ""), pageOf("", ""));
});
