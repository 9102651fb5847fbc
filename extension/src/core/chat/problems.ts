/** Which questions are about something that fails, so that a fix of it can be looked for. */
import type { ChatMention } from "../../chatProtocol";

/** Of Python, JavaScript, Go and Rust, and what pytest and unittest say of a test. */
const SIGNS = [
  /^Traceback \(most recent call last\):/mu,
  /^\s+File ".+", line \d+/mu,
  /^\s+at .+:\d+:\d+\)?$/mu,
  /^panic: /mu,
  /panicked at /u,
  /^(?:FAILED|ERROR) \S+::\S+/mu,
  /^(?:FAIL|ERROR): \w+ \(/mu,
  /^E\s{3,}\S/mu,
  /^--- FAIL: /mu,
];

/** Whether it mentions an issue, or holds a traceback or what a failing test says. */
export function isAboutFailure(text: string, mentions: readonly ChatMention[]): boolean {
  return mentions.some(({ kind }) => kind === "issue") || SIGNS.some((sign) => sign.test(text));
}
