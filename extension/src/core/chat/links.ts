/**
 * What a link in an answer may lead to: a place in a file, a symbol, or a page behind https. Whatever
 * else a model writes (`javascript:`, `command:`, `data:`, other machines' files) is no link. That a
 * file lies in the workspace is for the one who opens it to check.
 */

export type Target =
  | { readonly kind: "web"; readonly url: string }
  /** `path` is a `file:` URI, an absolute path, or one from a folder of the workspace; lines from 0. */
  | { readonly kind: "file"; readonly path: string; readonly line: number | null }
  | { readonly kind: "symbol"; readonly name: string };

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;
const DRIVE = /^[a-z]:[\\/]/i;
const PLACE = /^(.+?)(?:#L?(\d+)(?:C\d+)?(?:-L?\d+)?|:(\d+)(?:[:-]\d+)?)$/;
const SOURCE = new Set(
  (
    "c cc cfg cpp cs css go h hpp html ini java js json jsx kt lock md mjs php py pyi rb rs sh sql " +
    "svelte swift toml ts tsx txt vue xml yaml yml"
  ).split(" "),
);

/** Undefined for what must not be followed. */
export function parseTarget(href: string): Target | undefined {
  const text = href.trim();
  if (text === "" || /^[#?]/.test(text)) {
    return undefined;
  }
  if (/^https:\/\//i.test(text)) {
    return URL.canParse(text) ? { kind: "web", url: new URL(text).href } : undefined;
  }
  const [, written = text, hashLine, colonLine] = PLACE.exec(text) ?? [];
  const path = decoded(written);
  // Two slashes begin the name of another machine.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(path) || /^[\\/]{2}/.test(path)) {
    return undefined;
  }
  const line = hashLine ?? colonLine;
  const isLocal = /^file:\/\/\//i.test(path) || DRIVE.test(path) || !SCHEME.test(path);
  return isLocal
    ? { kind: "file", path, line: line === undefined ? null : lineOf(line) }
    : undefined;
}

/** What a piece of inline code names, by its looks: most are no links. */
export function targetOfCode(code: string): Target | undefined {
  if (/^[\w@+.-]+(?:[\\/][\w@+.[\]-]+)*(?:[:#]L?\d+(?:[:-]L?\d+)?)?$/.test(code)) {
    const target = parseTarget(code);
    if (target?.kind === "file") {
      const extension = /\.(\w+)$/.exec(target.path)?.[1]?.toLowerCase() ?? "";
      if (SOURCE.has(extension)) {
        return target;
      }
    }
  }
  const name = /^([\p{L}_$][\w$]{2,}(?:\.[\p{L}_$][\w$]*)*)(?:\(\))?$/u.exec(code)?.[1];
  const looksNamed = /[._A-Z)]/.test(code); // a plain word may be anything
  return name === undefined || !looksNamed ? undefined : { kind: "symbol", name };
}

function lineOf(text: string): number {
  return Math.max(0, Number(text) - 1);
}

/** A URI stays one; of a path the percent signs that Markdown put in are taken out. */
function decoded(path: string): string {
  if (SCHEME.test(path) && !DRIVE.test(path)) {
    return path;
  }
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
