/** What the status bar says of the server and of each model, as plain text. */
import type { ModelState, StatusParams } from "../protocol";
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

export interface Statuses {
  /** Of the model that completes, or of the server where that is not running. */
  readonly completion: Status;
  /** Undefined where the model that completes serves chat too. */
  readonly chat: Status | undefined;
}

/** What the extension itself knows: how the server is. */
export type ServerState = Partial<Omit<Status, "since">> & Pick<Status, "state">;

export interface Appearance {
  readonly text: string;
  readonly tooltip: string;
  readonly ariaLabel: string;
  readonly background: "error" | "warning" | undefined;
}

const ICONS: Record<State, string> = {
  idle: "circle-outline",
  starting: "loading~spin",
  loading: "loading~spin",
  ready: "sparkle",
  error: "error",
  off: "circle-slash",
  notInstalled: "desktop-download",
};

const NAMES: Record<State, string> = {
  idle: "starts when it is needed",
  starting: "starting",
  loading: "loading",
  ready: "ready",
  error: "error",
  off: "off",
  notInstalled: "not installed",
};

export function initialStatuses(since: Date): Statuses {
  return { completion: initialStatus(since), chat: undefined };
}

/** The server's own state takes the place of what it said of its models. */
export function withServer(previous: Statuses, next: ServerState, now: Date): Statuses {
  return { completion: withState(previous.completion, next, now), chat: undefined };
}

export function withModel(previous: Statuses, params: StatusParams, now: Date): Statuses {
  const { roles, ...next } = params;
  const completes = roles.includes("completion");
  const chats = roles.includes("chat");
  return {
    completion: completes ? withState(previous.completion, next, now) : previous.completion,
    chat: !chats
      ? previous.chat
      : completes
        ? undefined
        : withState(previous.chat ?? initialStatus(now), next, now),
  };
}

/** The server does not keep the text of a larger file. */
const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Why nothing is completed in a file, though completion is on; undefined where it is. */
export function describeOff(
  languageId: string,
  isLanguageEnabled: boolean,
  characters: number,
): string | undefined {
  if (!isLanguageEnabled) {
    return `off for ${languageId}`;
  }
  return characters > MAX_CHARACTERS ? "off, for the file is larger than 4 MiB" : undefined;
}

/**
 * What the switches and the file in front make of completion: off hides what runs, but not what has to
 * be repaired.
 */
export function withSwitches(
  statuses: Statuses,
  isEnabled: boolean,
  offHere: string | undefined,
): Statuses {
  const { completion } = statuses;
  if (completion.state === "notInstalled" || completion.state === "error") {
    return statuses;
  }
  if (!isEnabled) {
    return { ...statuses, completion: { ...completion, state: "off", message: "" } };
  }
  return offHere === undefined
    ? statuses
    : { ...statuses, completion: { ...completion, state: "off", message: offHere } };
}

export function render(
  { completion, chat }: Statuses,
  formatTime: (time: Date) => string,
): Appearance {
  const told = chat !== undefined && isWorthTelling(completion, chat) ? chat : undefined;
  return {
    text: `$(${ICONS[completion.state]}) Sparrow${shortText(completion)}${chatText(told)}`,
    tooltip: renderTooltip(completion, chat, formatTime),
    ariaLabel: `Sparrow: ${words(completion)}${told === undefined ? "" : `; chat: ${words(told)}`}`,
    background:
      completion.state === "error" ? "error" : chat?.state === "error" ? "warning" : undefined,
  };
}

/** Engines that complete, and nothing else. */
const ONLY_COMPLETE = ["suffix", "wren"];

/** Whether it is known that no model chats. */
export function hasNoChat({ completion, chat }: Statuses): boolean {
  return chat === undefined && ONLY_COMPLETE.includes(completion.engine);
}

/** What chats, in a line of the menu. */
export function describeChat(statuses: Statuses): string {
  if (statuses.chat !== undefined) {
    return describeModel(statuses.chat);
  }
  return hasNoChat(statuses) ? "no model that chats · set one up" : "the same model";
}

/** What serves a role, in a line of the menu: how it is comes first, for names may be long. */
export function describeModel(status: Status): string {
  const state = [NAMES[status.state], percentOf(status)].filter((word) => word !== "").join(" ");
  return status.model === "" ? state : `${state} · ${status.model}`;
}

function initialStatus(since: Date): Status {
  return { state: "starting", engine: "", model: "", message: "", progress: null, since };
}

/** The next status; `since` stays while the state stays. */
function withState(previous: Status, next: ServerState, now: Date): Status {
  const since = next.state === previous.state ? previous.since : now;
  return { ...previous, message: "", progress: null, ...next, since };
}

/** The bar is short: chat is there while it loads, and where one of the two has failed. */
function isWorthTelling(completion: Status, chat: Status): boolean {
  return chat.state === "ready" ? completion.state === "error" : chat.state !== "idle";
}

function percentOf({ progress }: Status): string {
  return progress === null ? "" : `${Math.round(100 * progress)}%`;
}

function shortText(status: Status): string {
  if (status.state === "notInstalled") {
    return ": not installed";
  }
  const percent = percentOf(status);
  return status.state === "loading" && percent !== "" ? ` ${percent}` : "";
}

function chatText(chat: Status | undefined): string {
  return chat === undefined ? "" : ` · $(${ICONS[chat.state]}) chat${shortText(chat)}`;
}

function words(status: Status): string {
  const { state, model, engine, message } = status;
  if (state === "off" && message !== "") {
    return message;
  }
  const details: Record<State, readonly string[]> = {
    idle: [],
    starting: [],
    loading: [model || engine, percentOf(status)],
    ready: [model || engine],
    error: [message],
    off: [],
    notInstalled: [],
  };
  return [NAMES[state], ...details[state]].filter((word) => word !== "").join(", ");
}

function renderTooltip(
  completion: Status,
  chat: Status | undefined,
  formatTime: (time: Date) => string,
): string {
  const models =
    chat === undefined
      ? paragraphs("Sparrow", completion, formatTime)
      : [
          ...paragraphs("Sparrow, completion", completion, formatTime),
          ...paragraphs("Chat", chat, formatTime),
        ];
  return [...models, "_Click for the menu._"].join("\n\n");
}

function paragraphs(
  name: string,
  status: Status,
  formatTime: (time: Date) => string,
): readonly string[] {
  const { state, model, engine, message, since } = status;
  const head = [NAMES[state], percentOf(status)].filter((word) => word !== "").join(" ");
  const fields: [string, string][] = [
    ["Model", model],
    ["Engine", engine === model ? "" : engine],
    ["Since", state === "idle" || state === "off" ? "" : formatTime(since)],
  ];
  return [
    `**${name}** — ${head}`,
    escapeMarkdown(message),
    ...fields
      .filter(([, value]) => value !== "")
      .map(([title, value]) => `${title}: ${escapeMarkdown(value)}`),
  ].filter((paragraph) => paragraph !== "");
}
