/**
 * The channel of `sparrow.trace.server`. The client library traces only into a channel whose log
 * level is Trace, which users set elsewhere; this one has that level exactly while the setting is on.
 */
import {
  EventEmitter,
  LogLevel,
  window,
  workspace,
  type Disposable,
  type LogOutputChannel,
  type OutputChannel,
  type ViewColumn,
} from "vscode";
import type { Redactor } from "./core/apiKeys";
import { SECTION, traceLevel } from "./settings";

export class TraceChannel implements LogOutputChannel {
  readonly name = "Sparrow Trace";
  readonly #levelChanged = new EventEmitter<LogLevel>();
  readonly #subscription: Disposable;
  #lazyChannel: OutputChannel | undefined;

  constructor(private readonly redactor: Redactor) {
    this.#subscription = workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(`${SECTION}.trace`)) {
        this.#levelChanged.fire(this.logLevel);
      }
    });
  }

  get logLevel(): LogLevel {
    return traceLevel() === "off" ? LogLevel.Off : LogLevel.Trace;
  }

  readonly onDidChangeLogLevel = this.#levelChanged.event;

  get #channel(): OutputChannel {
    this.#lazyChannel ??= window.createOutputChannel(this.name);
    return this.#lazyChannel;
  }

  trace(message: string): void {
    this.appendLine(message);
  }
  debug(message: string): void {
    this.appendLine(message);
  }
  info(message: string): void {
    this.appendLine(message);
  }
  warn(message: string): void {
    this.appendLine(message);
  }
  error(error: string | Error): void {
    this.appendLine(String(error));
  }
  append(value: string): void {
    this.#channel.append(this.redactor.hide(value));
  }
  appendLine(value: string): void {
    this.#channel.appendLine(`${new Date().toISOString()} ${this.redactor.hide(value)}`);
  }
  replace(value: string): void {
    this.#channel.replace(this.redactor.hide(value));
  }
  clear(): void {
    this.#channel.clear();
  }
  show(columnOrPreserveFocus?: ViewColumn | boolean, preserveFocus?: boolean): void {
    this.#channel.show(
      typeof columnOrPreserveFocus === "boolean" ? columnOrPreserveFocus : preserveFocus,
    );
  }
  hide(): void {
    this.#channel.hide();
  }
  dispose(): void {
    this.#subscription.dispose();
    this.#levelChanged.dispose();
    this.#lazyChannel?.dispose();
  }
}
