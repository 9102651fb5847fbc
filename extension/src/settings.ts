/** Reads and writes the `sparrow` section; nothing else in the extension names a setting. */
import { commands, ConfigurationTarget, env, workspace } from "vscode";
import type { ModelRole } from "./protocol";
import { isLanguageOn, parseLanguageSwitches, type LanguageSwitches } from "./core/languages";

export const SECTION = "sparrow";

/** Documents on disk, new ones and cells of notebooks; not the editor's own views, as the output. */
export const COMPLETED_SCHEMES = ["file", "untitled", "vscode-notebook-cell"];

/** The whole section, as the server gets it. */
export function allSettings(): unknown {
  return workspace.getConfiguration().get(SECTION);
}

export function isEnabled(): boolean {
  return section().get("enable", true);
}

export function isLanguageEnabled(languageId: string): boolean {
  return isLanguageOn(languageSwitches(), languageId);
}

export function serverPath(): string {
  return section().get("server.path", "").trim();
}

export function pythonPath(): string {
  return section().get("python", "").trim();
}

export function completionModel(): string {
  return section().get("completion.model", "wren").trim();
}

/** Empty where the model that completes serves chat too. */
export function chatModel(): string {
  return section().get("chat.model", "").trim();
}

export function engineArgs(role: ModelRole): unknown {
  return section().get(`${role}.engineArgs`, {});
}

export function traceLevel(): string {
  return section().get("trace.server", "off");
}

export async function setEnabled(value: boolean): Promise<void> {
  await section().update("enable", value, targetOf("enable"));
}

export async function setLanguageEnabled(languageId: string, value: boolean): Promise<void> {
  const target = targetOf("languages");
  const values = section().inspect("languages");
  const stored =
    target === ConfigurationTarget.Workspace ? values?.workspaceValue : values?.globalValue;
  const switches = { ...parseLanguageSwitches(stored), [languageId]: value };
  await section().update("languages", switches, target);
}

export async function setChatModel(model: string): Promise<void> {
  await section().update("chat.model", model, ConfigurationTarget.Global);
}

/**
 * Shows what is found in the editor's settings. In a remote window that is in those of the remote
 * machine: settings of machine scope are in no others.
 */
export async function openSettings(query: string): Promise<void> {
  await (env.remoteName === undefined
    ? commands.executeCommand("workbench.action.openSettings", query)
    : commands.executeCommand("workbench.action.openRemoteSettings", { query }));
}

export async function openSetting(name: string): Promise<void> {
  await openSettings(`${SECTION}.${name}`);
}

export async function setServerPath(file: string): Promise<void> {
  await section().update("server.path", file, ConfigurationTarget.Global);
}

/**
 * Ends the editor's limit of 750 ms for automatic completions: `offWhenInlineCompletions`, the
 * default, is what sets the limit.
 */
export async function letCompletionsTakeLonger(): Promise<void> {
  const editor = workspace.getConfiguration("editor");
  const current: unknown = editor.get("quickSuggestions");
  const kept = typeof current === "object" && current !== null ? current : {};
  await editor.update("quickSuggestions", { ...kept, other: "on" }, ConfigurationTarget.Global);
}

/** Where a change has effect: the workspace where it has a value of its own, else the user. */
function targetOf(key: string): ConfigurationTarget {
  return section().inspect(key)?.workspaceValue === undefined
    ? ConfigurationTarget.Global
    : ConfigurationTarget.Workspace;
}

function languageSwitches(): LanguageSwitches {
  return parseLanguageSwitches(section().get("languages"));
}

function section(): ReturnType<typeof workspace.getConfiguration> {
  return workspace.getConfiguration(SECTION);
}
