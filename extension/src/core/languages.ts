/** Which languages get completions: the identifier's own entry, else that of `*`, else on. */
export type LanguageSwitches = Readonly<Record<string, boolean>>;

export function isLanguageOn(switches: LanguageSwitches, languageId: string): boolean {
  return own(switches, languageId) ?? own(switches, "*") ?? true;
}

/** Entries that are no booleans, as hand-written settings may hold, count as absent. */
export function parseLanguageSwitches(value: unknown): LanguageSwitches {
  if (typeof value !== "object" || value === null) {
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, boolean] => typeof entry[1] === "boolean",
    ),
  );
}

function own(switches: LanguageSwitches, key: string): boolean | undefined {
  return Object.hasOwn(switches, key) ? switches[key] : undefined;
}
