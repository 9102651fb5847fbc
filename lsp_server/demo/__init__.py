"""`sparrow demo`: a typist writes a module of a sample workspace, and Sparrow completes it.

Everything is real: the language server that an editor would start, its host, the engine that is
configured by default. Only the typist is ours; it takes a suggestion when, and as far as, it is
what it was going to write.
"""

from lsp_server.demo.command import demo

__all__ = ["demo"]
