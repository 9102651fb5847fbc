/** Reads what `sparrow doctor --json` prints, and writes the report that people read. */
import { renderText } from "./markdown";

export type LayerState = "ok" | "warning" | "error";

/** Plain text, in which `code` may stand. */
export interface Layer {
  readonly name: string;
  readonly state: LayerState;
  readonly summary: string;
  /** What to do about it; empty where nothing is to be done. */
  readonly hint: string;
}

/** The layers of the report, or undefined when the text is no report. */
export function parseLayers(text: string): Layer[] | undefined {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof report !== "object" || report === null || !("layers" in report)) {
    return undefined;
  }
  return Array.isArray(report.layers) ? report.layers.map(parseLayer) : undefined;
}

/** The layer that a line of its standard error says is looked at next, where it says that. */
export function layerLookedAt(line: string): string | undefined {
  return /^looking at: (.+)$/.exec(line)?.[1];
}

/** What is said of a doctor that did not end in time; `last` is what it looked at then. */
export function explainTimeout(minutes: number, last: string | undefined): Layer {
  const what = last === undefined ? "" : ` It was still looking at this layer: ${last}.`;
  return {
    name: "Program",
    state: "error",
    summary: `The doctor had not ended after ${minutes} minutes, and was stopped.${what}`,
    hint: "Run `sparrow doctor` in a terminal, where it may take longer: a large model loads for minutes.",
  };
}

function parseLayer(value: unknown): Layer {
  const fields = typeof value === "object" && value !== null ? { ...value } : {};
  const text = (key: string): string => {
    const field: unknown = Object.entries(fields).find(([name]) => name === key)?.[1];
    return typeof field === "string" ? field : "";
  };
  const state = text("state");
  return {
    name: text("name"),
    state: state === "ok" || state === "warning" ? state : "error",
    summary: text("summary"),
    hint: text("hint"),
  };
}

const MARKS: Record<LayerState, string> = { ok: "✓", warning: "!", error: "✗" };

const VERDICTS: Record<LayerState, string> = {
  ok: "Everything works.",
  warning: "It works, with something to look at.",
  error: "Something is broken.",
};

export function renderReport(layers: readonly Layer[]): string {
  const worst = (["error", "warning"] as const).find((state) =>
    layers.some((layer) => layer.state === state),
  );
  const paragraphs = layers.map(({ name, state, summary, hint }) => {
    const lines = [`${MARKS[state]} **${renderText(name)}**: ${renderText(summary)}`];
    return [...lines, ...(hint === "" ? [] : [`→ ${renderText(hint)}`])].join("\\\n");
  });
  return ["# Sparrow Doctor", VERDICTS[worst ?? "ok"], ...paragraphs].join("\n\n") + "\n";
}
