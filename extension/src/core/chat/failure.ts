/** How a failure is told: the server's reasons begin as the middle of a sentence does. */

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The reason as a sentence of its own; an empty one stays so. */
export function sentence(reason: string): string {
  const text = reason.trim();
  const end = text === "" || /[.!?…]$/u.test(text) ? "" : ".";
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${end}`;
}
