"""The language server: makes the parts, joins them, and registers what the editor may ask.

Only this file, `convert.py` and `session.py` know pygls. There is no feature logic here: a handler
converts, calls, and converts back.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInternalError, PyglsError
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from inference import __version__
from inference.client import ClientStatus
from inference.content import Layout
from inference.protocol import LayoutReady
from lsp_server import config, protocol
from lsp_server.actions import register_actions
from lsp_server.api_keys import ApiKeys
from lsp_server.attention import UserActivity, read_problems
from lsp_server.context.budget import Limits
from lsp_server.context.stream import ContextStream
from lsp_server.convert import PositionConverter
from lsp_server.features.code_actions import CodeActions
from lsp_server.features.completion import Completion, CompletionFeature, Request
from lsp_server.features.status import StatusFeature
from lsp_server.features.warm_up import WarmUpFeature
from lsp_server.models import Models
from lsp_server.progress import WorkDoneProgress, report_text
from lsp_server.refactor.worker_client import RefactorWorker
from lsp_server.repository import RepositoryReader
from lsp_server.trace import Traces, explain
from lsp_server.workspace.documents import Document, Documents, Edit
from lsp_server.workspace.folders import Folders
from lsp_server.workspace.live import Workspace

logger = logging.getLogger(__name__)


class SparrowProtocol(LanguageServerProtocol):
    """Leaves documents to our own handlers: pygls would copy the whole file at each keystroke."""

    def structure_message(self, data: dict[str, Any]) -> Any:
        """As pygls, but a request that cannot be read is answered, and may leave `params` out."""
        if "jsonrpc" in data and "method" in data:
            data.setdefault("params", None)
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and isinstance(data.get("id"), int | str):
                self._send_response(data["id"], error=error.to_response_error())
            raise

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Any:
        """An older client's root becomes a folder; pygls would fail on one that is no URI."""
        params.workspace_folders = _folders(params)
        params.root_uri = params.root_path = None
        return (yield from super().lsp_initialize(params))

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_OPEN], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CHANGE], (params,), None

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> Any:
        yield self.fm.features[types.TEXT_DOCUMENT_DID_CLOSE], (params,), None


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
        self.traces = Traces()

        def is_excluded(document: Document) -> bool:
            return bool(self.folders.exclusion(document))

        self.activity = UserActivity(self.documents, self.folders.path_of, is_excluded)
        self.repository = RepositoryReader(
            self.index,
            lambda: self.config.completion_context == "repository",
            self._on_repository,
        )
        self.context = ContextStream(
            self.documents,
            self.folders.path_of,
            is_excluded,
            limits=self._limits,
            counts=self._counts,
            snapshot=lambda it: self.index.snapshot(it.uri),
            attention=self.activity.attention,
            repository=self.repository.of,
            is_hidden=self.folders.hides,
        )
        self.status = StatusFeature(
            lambda params: self.protocol.notify(protocol.STATUS, params),
            self.log_warning,
            lambda: WorkDoneProgress.of(self),
        )
        self.models = Models(self._on_status)
        self.warm_up = WarmUpFeature(
            documents=self.documents,
            context=self.context,
            config=lambda: self.config,
            client=lambda: self.models.completion,
            exclusion=self.folders.exclusion,
        )
        self.completion = CompletionFeature(
            documents=self.documents,
            context=self.context,
            traces=self.traces,
            config=lambda: self.config,
            client=lambda: self.models.completion,
            exclusion=self.folders.exclusion,
            path_of=self.folders.path_of,
            is_warm=self.warm_up.is_warm,
        )
        self.refactor_worker = RefactorWorker()
        self.code_actions = CodeActions(
            documents=self.documents,
            folders=self.folders,
            index=self.index,
            worker=self.refactor_worker,
        )
        self.editor_commands: frozenset[str] = frozenset()  # that we may have it run
        self._told_problems: set[str] = set()
        self.index.on_change(self._on_index_change)
        _register(self)

    def configure(self, settings: Any) -> None:
        """Takes the settings; tells each problem with them once."""
        self.config, problems = config.parse(settings)
        if new := [problem for problem in problems if problem not in self._told_problems]:
            self._told_problems.update(new)
            self.log_warning("; ".join(new))
        self.models.configure(self.config)
        self.index.enable(is_enabled=self.config.index_enable)

    def _on_index_state(self) -> None:
        folders = [
            protocol.FolderIndex(
                folder=path.name, state=state, isCurrent=self.index.is_current(path)
            )
            for path, state in self.index.states().items()
        ]
        self.protocol.notify(protocol.INDEX_STATUS, protocol.IndexStatusParams(folders=folders))

    def _on_index_change(self, _: Path) -> None:
        self._on_repository()

    def _on_repository(self) -> None:
        """What is known beside the open documents is another."""
        self.context.outdate()
        self.warm_up.epoch_ended()

    def _on_status(self, roles: tuple[protocol.ModelRole, ...], status: ClientStatus) -> None:
        self.status.on_status(roles, status)
        if "completion" in roles:
            self.warm_up.on_status(status)

    def _limits(self) -> Limits:
        client = self.models.completion
        return Limits.of(client.endpoint.model, client.capabilities)

    def _counts(self, layout: Layout) -> LayoutReady | None:
        return self.models.completion.token_counts(layout)

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
    register_actions(server)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def inline_completion(
        params: types.InlineCompletionParams,
    ) -> types.InlineCompletionList | None:
        on_text = report_text(server, params.work_done_token)
        request = _request(server, params)
        with server.warm_up.completing(request.uri, request.position):
            completion = await server.completion.complete(request, on_text)
        if completion is None:
            return None
        return types.InlineCompletionList([_item(server, params, completion)])

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
        server.activity.set_problems(*read_problems(params))

    @server.feature(protocol.EXPLAIN_COMPLETION)
    def explain_completion(_: Any) -> protocol.Explanation:
        return protocol.Explanation(markdown=explain(server.traces.last))


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
        server.context.end_epoch()
        server.warm_up.epoch_ended()

    @server.feature(types.SHUTDOWN)
    async def shutdown(*_: Any) -> None:
        await server.warm_up.close()
        await server.refactor_worker.close()
        await server.repository.close()
        await server.index.close()
        await server.models.close()


def _register_documents(server: SparrowServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        item = params.text_document
        server.folders.forget(item.uri)
        server.context.forget(item.uri)
        document = server.documents.open(item.uri, item.language_id, item.version, item.text)
        server.index.opened(document)
        server.warm_up.turned_to(item.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        document = server.documents.get(params.text_document.uri)
        if document is None:
            logger.warning("a change of a document that is not open: %s", params.text_document.uri)
            return
        cursor = None
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                edit = server.converter.edit(change, document.lines)
                document.apply(edit)
                server.index.edited(document, edit)
                server.activity.edited(document.uri, edit)
                cursor = edit.caret
            else:
                document.replace(change.text)
                server.index.edited(document, None)
                server.activity.edited(document.uri, None)
        document.version = params.text_document.version
        server.warm_up.turned_to(document.uri, cursor)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.folders.refresh()
        server.index.saved(params.text_document.uri)
        server.context.end_epoch()
        server.warm_up.epoch_ended()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: types.DidCloseTextDocumentParams) -> None:
        server.documents.close(params.text_document.uri)
        server.index.closed(params.text_document.uri)
        server.activity.closed(params.text_document.uri)
        server.folders.forget(params.text_document.uri)
        server.context.forget(params.text_document.uri)
        server.warm_up.closed(params.text_document.uri)


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


def _folders(params: types.InitializeParams) -> list[types.WorkspaceFolder]:
    """The workspace's folders; an older client names one, by its URI or its path."""
    if params.workspace_folders:
        return list(params.workspace_folders)
    try:
        uri = params.root_uri or (Path(params.root_path).as_uri() if params.root_path else "")
    except ValueError:  # a relative path, or none at all
        uri = ""
    return [types.WorkspaceFolder(uri, "")] if uri else []


def _request(server: SparrowServer, params: types.InlineCompletionParams) -> Request:
    document = server.documents.get(params.text_document.uri)
    lines = document.lines if document else []
    selected = params.context.selected_completion_info
    automatic = params.context.trigger_kind == types.InlineCompletionTriggerKind.Automatic
    return Request(
        uri=params.text_document.uri,
        position=server.converter.from_client(params.position, lines),
        trigger="typing" if automatic else "asked for",
        selected=Edit(
            server.converter.from_client(selected.range.start, lines),
            server.converter.from_client(selected.range.end, lines),
            selected.text,
        )
        if selected
        else None,
    )


def _item(
    server: SparrowServer, params: types.InlineCompletionParams, completion: Completion
) -> types.InlineCompletionItem:
    document = server.documents.get(params.text_document.uri)
    lines = document.lines if document else []
    return types.InlineCompletionItem(
        insert_text=completion.text,
        range=types.Range(
            server.converter.to_client(completion.start, lines),
            server.converter.to_client(completion.end, lines),
        ),
    )
