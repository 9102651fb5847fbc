/** Puts text from outside (paths, messages of a model) into Markdown, where it must not become any. */

/** Shown letter by letter, on one line: it can neither link nor format. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()<>#+\-=.:!|~$&@]/g, "\\$&").replace(/\s+/g, " ");
}

/** The same, but for line breaks and `code`, which stay what they are. */
export function renderText(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) =>
      line
        .split(/(`[^`]+`)/)
        .map(renderPart)
        .join(""),
    )
    .join("\\\n");
}

/** Splitting at a group puts what it matched at the odd places. */
function renderPart(part: string, index: number): string {
  return index % 2 === 1 ? part : escapeMarkdown(part);
}
