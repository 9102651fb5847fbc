import assert from "node:assert/strict";
import { test } from "node:test";
import { renderPage } from "../src/core/chat/page";

test("the page loads its own script and style, and nothing else", () => {
  const html = renderPage({ script: "s.js", style: "s.css", cspSource: "vscode:", nonce: "n0" });
  const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1];
  assert.equal(
    policy,
    "default-src 'none'; style-src vscode:; script-src 'nonce-n0'; base-uri 'none'; form-action 'none'",
  );
  assert.doesNotMatch(html, /unsafe|https?:|<style|<script(?! nonce="n0" src="s\.js")/);
});
