/** Stands in for the editor's API in tests: as much of it as the tests need. */

export class EventEmitter<T> {
  readonly #listeners = new Set<(value: T) => void>();

  readonly event = (listener: (value: T) => void): { dispose(): void } => {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  };

  fire(value: T): void {
    this.#listeners.forEach((listener) => {
      listener(value);
    });
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  dispose(): void {
    this.#listeners.clear();
  }
}

export class Uri {
  constructor(private readonly text: string) {}

  static parse(text: string): Uri {
    return new Uri(text);
  }

  static file(path: string): Uri {
    return new Uri(`file://${path}`);
  }

  static joinPath(uri: Uri, ...parts: readonly string[]): Uri {
    return new Uri([uri.toString(), ...parts].join("/"));
  }

  get scheme(): string {
    return this.text.split(":", 1)[0] ?? "";
  }

  get fsPath(): string {
    return this.text.replace(/^file:\/\//, "");
  }

  toString(): string {
    return this.text;
  }
}

export class Position {
  constructor(
    readonly line: number,
    readonly character: number,
  ) {}
}

export class Range {
  constructor(
    readonly start: Position,
    readonly end: Position,
  ) {}
}

export class Location {
  constructor(
    readonly uri: Uri,
    readonly range: Range | Position,
  ) {}
}

export class ChatResponseTurn {
  constructor(readonly result: { readonly metadata?: Record<string, unknown> }) {}
}

export class ChatRequestTurn {
  constructor(readonly prompt: string) {}
}

/** Handlers of participants, by their ids. */
export const participants = new Map<string, unknown>();

export const chat = {
  createChatParticipant: (id: string, handler: unknown): { dispose(): void } => {
    participants.set(id, handler);
    return { dispose: () => void participants.delete(id) };
  },
};

export const workspace = {
  isTrusted: true,
  onDidGrantWorkspaceTrust: new EventEmitter<undefined>().event,
  asRelativePath: (uri: Uri): string => uri.toString().replace("file:///w/", ""),
};

export const window: { activeTextEditor: unknown } = { activeTextEditor: undefined };

export const commands = {};
export const ConfigurationTarget = {};
export const ProgressLocation = { Notification: 15, Window: 10 };
export const StatusBarAlignment = {};
export const ViewColumn = { Active: -1 };
export class Selection {
  constructor(
    readonly anchor: Position,
    readonly active: Position,
  ) {}
}

export class TabInputTextDiff {
  constructor(
    readonly original: Uri,
    readonly modified: Uri,
  ) {}
}

export class WorkspaceEdit {
  readonly replaced: unknown[][] = [];

  replace(...what: readonly unknown[]): void {
    this.replaced.push([...what]);
  }
}

export const DiagnosticSeverity = { Error: 0, Warning: 1 };
export const InlineCompletionTriggerKind = { Invoke: 0 };
export const languages = {};
export class MarkdownString {
  constructor(readonly value: string) {}
}

export class DocumentSymbol {
  constructor(readonly name: string) {}
}

export class CancellationTokenSource {
  readonly #cancelled = new EventEmitter<undefined>();
  readonly token = {
    isCancellationRequested: false,
    onCancellationRequested: this.#cancelled.event,
  };

  cancel(): void {
    this.token.isCancellationRequested = true;
    this.#cancelled.fire(undefined);
  }

  dispose(): void {
    this.#cancelled.dispose();
  }
}

export class Disposable {
  constructor(private readonly end: () => void) {}

  static from(...disposables: readonly { dispose(): void }[]): Disposable {
    return new Disposable(() => {
      disposables.forEach((it) => {
        it.dispose();
      });
    });
  }

  dispose(): void {
    this.end();
  }
}

export class RelativePattern {
  constructor(
    readonly base: Uri,
    readonly pattern: string,
  ) {}
}

export const extensions = { getExtension: (): undefined => undefined };
export class ThemeColor {
  constructor(readonly id: string) {}
}

export const env = { remoteName: undefined };
