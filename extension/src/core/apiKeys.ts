/**
 * The keys of OpenAI-compatible servers. They are kept in the editor's store of secrets, each for
 * the address of one server, and are shown to nobody: what is logged goes through the redactor.
 */
import type { ApiKey } from "../protocol";

const KIND = "openai:";
const PREFIX = "apiKey:";
const HIDDEN = "•••";

/** The editor's own store, as far as it is used here. */
export interface Secrets {
  keys(): PromiseLike<string[]>;
  get(name: string): PromiseLike<string | undefined>;
  store(name: string, value: string): PromiseLike<void>;
  delete(name: string): PromiseLike<void>;
}

/** The address in `openai:URL[#MODEL]`; undefined for another model. The server's rule is the same. */
export function serverOf(model: string): string | undefined {
  if (!model.startsWith(KIND)) {
    return undefined;
  }
  const [address = ""] = model.slice(KIND.length).split("#", 1);
  return address.replace(/\/+$/, "") || undefined;
}

/** The servers behind these models, each once. */
export function serversOf(models: readonly string[]): string[] {
  const servers = models.map(serverOf).filter((server) => server !== undefined);
  return [...new Set(servers)];
}

/** What is wrong with a key, or undefined. */
export function problemOfKey(key: string): string | undefined {
  if (key === "") {
    return "A key has at least one character.";
  }
  return /^[\x21-\x7e]+$/.test(key)
    ? undefined
    : "A key has no spaces and no other characters than ASCII.";
}

export class ApiKeyStore {
  constructor(
    private readonly secrets: Secrets,
    private readonly redactor: Redactor,
  ) {}

  /** All keys that are stored; from here on nothing that is logged shows them. */
  async all(): Promise<ApiKey[]> {
    const found: ApiKey[] = [];
    for (const server of await this.servers()) {
      const key = await this.secrets.get(PREFIX + server);
      if (key !== undefined) {
        this.redactor.add(key);
        found.push({ server, key });
      }
    }
    return found;
  }

  /** The addresses that a key is stored for. */
  async servers(): Promise<string[]> {
    const names = await this.secrets.keys();
    return names
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => name.slice(PREFIX.length))
      .sort();
  }

  async set(server: string, key: string): Promise<void> {
    this.redactor.add(key);
    await this.secrets.store(PREFIX + server, key);
  }

  async clear(server: string): Promise<void> {
    await this.secrets.delete(PREFIX + server);
  }
}

/** Hides secrets in text, as they are and as JSON writes them. Forgets none: old lines may come late. */
export class Redactor {
  readonly #secrets = new Set<string>();

  add(secret: string): void {
    for (const written of [secret, JSON.stringify(secret).slice(1, -1)]) {
      if (written !== "") {
        this.#secrets.add(written);
      }
    }
  }

  hide(text: string): string {
    // A secret may hold another one: the longest go first.
    const longestFirst = [...this.#secrets].sort((one, other) => other.length - one.length);
    return longestFirst.reduce((hidden, secret) => hidden.replaceAll(secret, HIDDEN), text);
  }
}
