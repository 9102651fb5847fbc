"""The language server: makes the parts, joins them, and registers what the editor may ask.

There is no feature logic here. What converts on the way in and out is in `edge/`.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, PyglsError
from pygls.lsp.server import LanguageServer

from inference import __version__
from inference.client import ClientStatus
from lsp_server import config, protocol
from lsp_server.api_keys import ApiKeys
from lsp_server.edge.convert import PositionConverter
from lsp_server.edge.late import load_handlers, register_late
from lsp_server.edge.progress import WorkDoneProgress
from lsp_server.edge.pygls_protocol import SparrowProtocol
from lsp_server.features.status import StatusFeature
from lsp_server.garbage import spare_what_is_loaded
from lsp_server.models import Models
from lsp_server.workspace.documents import Documents, Edit
from lsp_server.workspace.folders import Folders
from lsp_server.workspace.live import Workspace

if TYPE_CHECKING:
    from lsp_server.parts import Parts

logger = logging.getLogger(__name__)


class SparrowServer(LanguageServer):
    """One editor window."""

    def __init__(self) -> None:
        super().__init__("sparrow", __version__, protocol_cls=SparrowProtocol)
        self.config = config.Config()
        self.converter = PositionConverter(types.PositionEncodingKind.Utf16)
        self.documents = Documents()
        self.folders = Folders()
        # What is known of the folders: `index.snapshot(uri)`, and `index.on_change` for news of it.
        self.index = Workspace(
            self.documents,
            self.folders.exclusion,
            log=self.log_warning,
            on_state=self._on_index_state,
            new_progress=lambda: WorkDoneProgress.of(self),
        )
        self.status = StatusFeature(
            lambda params: self.protocol.notify(protocol.STATUS, params),
            self.log_warning,
            lambda: WorkDoneProgress.of(self),
        )
        self.models = Models(self._on_status)
        self.editor_commands: frozenset[str] = frozenset()  # that we may have it run
        self._told_problems: set[str] = set()
        self.index.on_change(self._on_index_change)
        _register(self)

    @cached_property
    def parts(self) -> Parts:
        """What the start does not wait for; loaded by the first who asks."""
        gc.disable()  # as for what is loaded at the start
        try:
            from lsp_server.parts import Parts

            return Parts(self)
        finally:
            spare_what_is_loaded()

    @cached_property
    def handlers(self) -> Mapping[str, Callable[..., Any]]:
        """What answers the methods of `edge/late.py`."""
        return load_handlers(self)

    @property
    def _loaded(self) -> Parts | None:
        """The parts if they are loaded."""
        return self.__dict__.get("parts")

    def configure(self, settings: Any) -> None:
        """Takes the settings; tells each problem with them once."""
        self.config, problems = config.parse(settings)
        if new := [problem for problem in problems if problem not in self._told_problems]:
            self._told_problems.update(new)
            self.log_warning("; ".join(new))
        self.models.configure(self.config)
        self.index.enable(is_enabled=self.config.index_enable)

    async def close(self) -> None:
        """Ends all that runs, and writes what is to be kept. Whoever comes second finds nothing to do."""
        if (parts := self._loaded) is not None:
            await parts.close()
        await self.index.close()
        await self.models.close()

    def _on_index_state(self) -> None:
        folders = [
            protocol.FolderIndex(
                folder=path.name, state=state, isCurrent=self.index.is_current(path)
            )
            for path, state in self.index.states().items()
        ]
        self.protocol.notify(protocol.INDEX_STATUS, protocol.IndexStatusParams(folders=folders))

    def _on_index_change(self, _: Path) -> None:
        if (parts := self._loaded) is not None:
            parts.outdate()

    def _on_status(self, roles: tuple[protocol.ModelRole, ...], status: ClientStatus) -> None:
        self.status.on_status(roles, status)
        if (parts := self._loaded) is None:
            return
        if "completion" in roles:
            parts.warm_up.on_status(status)
        if "chat" in roles:
            parts.chat_state.changed()

    def log_warning(self, message: str) -> None:
        self.window_log_message(types.LogMessageParams(types.MessageType.Warning, message))

    def report_server_error(
        self, error: Exception, source: type[PyglsError | JsonRpcException]
    ) -> None:
        """Into the log; never a pop-up, which is what pygls would show."""
        logger.error("%s: %s", source.__name__, error)
        # A message that could not be sent is no reason to send another one.
        if source is not JsonRpcInternalError:
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, str(error)))


def _register(server: SparrowServer) -> None:
    _register_lifecycle(server)
    _register_documents(server)
    register_late(server)

    @server.feature(protocol.RESTART_HOST)
    def restart_host(_: Any) -> dict[str, Any]:
        server.models.restart()
        return {}

    @server.feature(protocol.SET_API_KEYS)
    def set_api_keys(params: Any) -> None:
        # Nothing here may raise: pygls would log what it was sent.
        server.models.set_api_keys(ApiKeys.parse(getattr(params, "apiKeys", None)))

    @server.feature(protocol.SET_PROBLEMS)
    def set_problems(params: Any) -> None:
        from lsp_server.attention import read_problems

        uri, problems = read_problems(params)
        server.parts.activity.set_problems(uri, problems)
        server.parts.warm_up.looks_at(
            uri
        )  # the editor tells of the document in front, when it comes there


def _register_lifecycle(server: SparrowServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        server.converter = PositionConverter(
            server.workspace.position_encoding or types.PositionEncodingKind.Utf16
        )
        roots = [folder.uri for folder in params.workspace_folders or []]
        server.folders.set_roots(roots)
        server.index.set_roots(roots)
        given = params.initialization_options
        options = given if isinstance(given, dict) else {}
        server.models.set_api_keys(ApiKeys.parse(options.get("apiKeys")))
        commands = options.get("commands")
        server.editor_commands = frozenset(map(str, commands if isinstance(commands, list) else ()))
        server.configure(options.get("settings"))

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        server.status.repeat()
        await _pull_settings(server)
        server.index.start()
        # Behind what was sent with this: what opens a document asks for them anyway.
        asyncio.get_running_loop().call_soon(lambda: server.handlers)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        if await _pull_settings(server):
            return
        if isinstance(params.settings, dict) and config.SECTION in params.settings:
            server.configure(params.settings[config.SECTION])

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_folders(_: types.DidChangeWorkspaceFoldersParams) -> None:
        server.folders.set_roots(list(server.workspace.folders))
        server.index.set_roots(list(server.workspace.folders))
        server.parts.context.end_epoch()
        server.parts.warm_up.epoch_ended()

    @server.feature(types.SHUTDOWN)
    async def shutdown(*_: Any) -> None:
        await server.close()


def _register_documents(server: SparrowServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        server.folders.forget(item.uri)
        server.parts.context.forget(item.uri)
        document = server.documents.open(item.uri, item.language_id, item.version, item.text)
        server.index.opened(document)
        server.parts.completion.opened(document)
        server.parts.warm_up.turned_to(item.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            logger.warning("a change of a document that is not open: %s", params.text_document.uri)
            return
        cursor = None
        edits: list[Edit] = []
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                edit = server.converter.edit(change, document.lines)
                server.parts.statistics.edited(document, edit)
                document.apply(edit)
                server.index.edited(document, edit)
                server.parts.activity.edited(document.uri, edit)
                edits.append(edit)
                cursor = edit.caret
            else:
                server.parts.statistics.edited(document, None)
                document.replace(change.text)
                edits.clear()
                server.index.edited(document, None)
                server.parts.activity.edited(document.uri, None)
        document.version = params.text_document.version
        server.parts.completion.changed(document, edits)
        server.parts.warm_up.turned_to(document.uri, cursor)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.folders.refresh()
        server.index.saved(params.text_document.uri)
        server.parts.context.end_epoch()
        server.parts.warm_up.epoch_ended()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        if document := server.documents.get(params.text_document.uri):
            server.parts.statistics.edited(document, None)
        server.documents.close(params.text_document.uri)
        server.index.closed(params.text_document.uri)
        server.parts.activity.closed(params.text_document.uri)
        server.folders.forget(params.text_document.uri)
        server.parts.context.forget(params.text_document.uri)
        server.parts.warm_up.closed(params.text_document.uri)
        server.parts.completion.closed(params.text_document.uri)


async def _pull_settings(server: SparrowServer) -> bool:
    """Asks the editor for the settings, where it can be asked."""
    workspace = server.client_capabilities.workspace
    if workspace is None or not workspace.configuration:
        return False
    item = types.ConfigurationItem(section=config.SECTION)
    try:
        answer = await server.workspace_configuration_async(types.ConfigurationParams([item]))
    except JsonRpcException as error:
        logger.warning("the editor did not send its settings: %s", error)
        return False
    if not answer or answer[0] is None:
        return False  # it does not know of our section, and has sent its settings otherwise
    server.configure(answer[0])
    return True
