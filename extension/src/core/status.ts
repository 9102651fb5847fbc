/** What the status bar says in each state, as plain text. */
import type { ModelState } from "../protocol";
import { escapeMarkdown } from "./markdown";

export type State = ModelState | "off" | "notInstalled";

export interface Status {
  readonly state: State;
  readonly engine: string;
  readonly model: string;
  readonly message: string;
  /** A fraction from 0 to 1, or null where nobody knows. */
  readonly progress: number | null;
  readonly since: Date;
}

export interface Appearance {
  readonly text: string;
  readonly tooltip: string;
  readonly ariaLabel: string;
  readonly isError: boolean;
}

const ICONS: Record<State, string> = {
  starting: "loading~spin",
  loading: "loading~spin",
  ready: "sparkle",
  error: "error",
  off: "circle-slash",
  notInstalled: "desktop-download",
};

const NAMES: Record<State, string> = {
  starting: "starting",
  loading: "loading",
  ready: "ready",
  error: "error",
  off: "off",
  notInstalled: "not installed",
};

export function initialStatus(since: Date): Status {
  return { state: "starting", engine: "", model: "", message: "", progress: null, since };
}

/** The next status; `since` stays while the state stays. */
export function withState(
  previous: Status,
  next: Partial<Omit<Status, "since">> & Pick<Status, "state">,
  now: Date,
): Status {
  const since = next.state === previous.state ? previous.since : now;
  return { ...previous, message: "", progress: null, ...next, since };
}

/** What the switches make of a status: off hides what runs, but not what has to be repaired. */
export function withSwitches(
  status: Status,
  isEnabled: boolean,
  disabledLanguage: string | undefined,
): Status {
  if (status.state === "notInstalled" || status.state === "error") {
    return status;
  }
  if (!isEnabled) {
    return { ...status, state: "off", message: "" };
  }
  return disabledLanguage === undefined
    ? status
    : { ...status, state: "off", message: `off for ${disabledLanguage}` };
}

export function render(status: Status, formatTime: (time: Date) => string): Appearance {
  const percent = status.progress === null ? "" : `${Math.round(100 * status.progress)}%`;
  return {
    text: `$(${ICONS[status.state]}) Sparrow${shortText(status.state, percent)}`,
    tooltip: renderTooltip(status, percent, formatTime),
    ariaLabel: renderAriaLabel(status, percent),
    isError: status.state === "error",
  };
}

function shortText(state: State, percent: string): string {
  if (state === "notInstalled") {
    return ": not installed";
  }
  return state === "loading" && percent !== "" ? ` ${percent}` : "";
}

function renderAriaLabel(status: Status, percent: string): string {
  const { state, model, engine, message } = status;
  if (state === "off" && message !== "") {
    return `Sparrow: ${message}`;
  }
  const details: Record<State, readonly string[]> = {
    starting: [],
    loading: [model || engine, percent],
    ready: [model || engine],
    error: [message],
    off: [],
    notInstalled: [],
  };
  const words = [NAMES[state], ...details[state]].filter((word) => word !== "");
  return `Sparrow: ${words.join(", ")}`;
}

function renderTooltip(
  status: Status,
  percent: string,
  formatTime: (time: Date) => string,
): string {
  const { state, model, engine, message, since } = status;
  const head = `**Sparrow** — ${[NAMES[state], percent].filter((word) => word !== "").join(" ")}`;
  const fields: [string, string][] = [
    ["Model", model],
    ["Engine", engine === model ? "" : engine],
    ["Since", formatTime(since)],
  ];
  const paragraphs = [
    head,
    escapeMarkdown(message),
    ...fields
      .filter(([, value]) => value !== "")
      .map(([name, value]) => `${name}: ${escapeMarkdown(value)}`),
    "_Click for the menu._",
  ];
  return paragraphs.filter((paragraph) => paragraph !== "").join("\n\n");
}
