/** Makes a whole page of a body and a style sheet: nothing else is loaded, and nothing runs. */
import { randomBytes } from "node:crypto";

export function pageOf(body: string, css: string): string {
  const nonce = randomBytes(16).toString("base64");
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style nonce="${nonce}">${css}</style>
</head>
<body>${body}</body>
</html>`;
}
