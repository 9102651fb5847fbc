"""Code of four languages to be copied from, and prompts of it for the suffix engine."""

import asyncio

from inference.engines.base import Piece
from inference.engines.suffix import SuffixEngine
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import Priority, Role, Tail
from inference.sampling import Sampling

POOL = """\
class Pool:
    def connect(self, host, port):
        self.connection = open_connection(host, port)
        self.connection.settimeout(self.timeout)
        return self.connection
"""

SERVER_TS = """\
export class Server {
  private readonly sockets = new Map<string, Socket>();

  close(reason: string): void {
    for (const socket of this.sockets.values()) {
      socket.terminate(reason);
    }
  }
}
"""

STORE_GO = """\
func (s *Store) Get(key string) (*Entry, error) {
\tentry, err := s.backend.Lookup(key)
\tif err != nil {
\t\treturn nil, fmt.Errorf("lookup %q: %w", key, err)
\t}
\treturn entry, nil
}
"""

QUEUE_RS = """\
impl Queue {
    pub fn push(&mut self, task: Task) -> Result<(), QueueError> {
        let mut guard = self.inner.lock().map_err(QueueError::poisoned)?;
        guard.push_back(task);
        Ok(())
    }
}
"""

USUAL = 4  # so often does a text stand in the workspace that its lines are shown
BOILERPLATE = 24  # so often, that its blocks are

LEDGER = """\
def audit(ledger):
    for account in ledger.accounts:
        account.verify_balance(strict=True)
        account.write_audit_entry(ledger.period)
        account.close_period(ledger.period)
    ledger.finish_audit()
"""


def chunk(engine: SuffixEngine, text: str) -> Chunk[str]:
    return Chunk(text, engine.encode(text))


def section(engine: SuffixEngine, role: Role, path: str, *texts: str) -> PromptSection[str]:
    return PromptSection(role, path, tuple(chunk(engine, text) for text in texts))


def context(engine: SuffixEngine, *files: str) -> PromptLayout[str]:
    return PromptLayout(
        tuple(
            section(engine, Role.CONTEXT, f"src/{number}", text)
            for number, text in enumerate(files)
        )
    )


def at_cursor(layout: PromptLayout[str], marked: str) -> Prompt[str]:
    prefix, suffix = marked.split("|")
    return Prompt(layout, Tail(prefix, suffix))


async def pieces(
    engine: SuffixEngine, prompt: Prompt[str], sampling: Sampling | None = None
) -> list[Piece]:
    stream = engine.generate(prompt, sampling or Sampling(max_tokens=128), Priority.COMPLETION)
    return [piece async for piece in stream]


def complete(marked: str, *files: str, sampling: Sampling | None = None) -> str:
    engine = SuffixEngine()
    prompt = at_cursor(context(engine, *files), marked)
    return "".join(piece.text for piece in asyncio.run(pieces(engine, prompt, sampling)))
