/** The page of the chat: an empty one, which loads its own script and style and nothing else. */

export interface PageParts {
  readonly script: string;
  readonly style: string;
  /** What the editor serves an extension's files from. */
  readonly cspSource: string;
  /** Fresh for each page. */
  readonly nonce: string;
}

export function renderPage({ script, style, cspSource, nonce }: PageParts): string {
  const policy = [
    "default-src 'none'",
    `style-src ${cspSource}`,
    `script-src 'nonce-${nonce}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta http-equiv="Content-Security-Policy" content="${policy}" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Sparrow Chat</title>
    <link rel="stylesheet" href="${style}" />
  </head>
  <body>
    <script nonce="${nonce}" src="${script}"></script>
  </body>
</html>
`;
}
