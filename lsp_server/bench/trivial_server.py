"""The floor: a pygls server that knows nothing and answers each inline completion at once."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("trivial", "1")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
async def inline_completion(_: types.InlineCompletionParams) -> types.InlineCompletionList:
    return types.InlineCompletionList([types.InlineCompletionItem(insert_text="pass")])


if __name__ == "__main__":
    server.start_io()
