"""The parts of the server that its start does not wait for, made and joined. No feature logic."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from inference.content import Layout
from inference.errors import HostUnavailable
from inference.protocol import LayoutReady
from lsp_server.attention import UserActivity
from lsp_server.completion_events import Answered, CompletionEvent
from lsp_server.context.budget import Limits
from lsp_server.context.stream import ContextStream
from lsp_server.edge.chat import make_chat, make_chat_state
from lsp_server.features.code_actions import CodeActions
from lsp_server.features.completion import CompletionFeature
from lsp_server.features.naming import Naming
from lsp_server.features.warm_up import WarmUpFeature
from lsp_server.refactor.worker_client import RefactorWorker
from lsp_server.repository import RepositoryReader
from lsp_server.statistics.recorder import Statistics
from lsp_server.trace import Traces
from lsp_server.trace_log import TraceLog
from lsp_server.traced_code import TracedCode
from lsp_server.user_folders import statistics_path
from lsp_server.workspace.documents import Document
from lsp_server.workspace_modules import is_importable

if TYPE_CHECKING:
    from lsp_server.server import SparrowServer


class Parts:
    """What knows what the user does, and the features."""

    def __init__(self, server: SparrowServer) -> None:
        self._models = models = server.models
        documents, folders, index = server.documents, server.folders, server.index
        self.traces = Traces()
        self.traced_code = TracedCode()
        self.trace_log = TraceLog(self._runtime_folder)
        self.statistics = Statistics(
            documents,
            statistics_path,
            lambda: server.config.statistics_enable,
            server.log_warning,
        )

        def is_excluded(document: Document) -> bool:
            return bool(folders.exclusion(document))

        self.activity = UserActivity(documents, folders.path_of, is_excluded)
        self.repository = RepositoryReader(
            index,
            lambda: server.config.completion_context == "repository",
            self.outdate,
        )
        self.context = ContextStream(
            documents,
            folders.path_of,
            is_excluded,
            limits=self._limits,
            counts=self._counts,
            snapshot=lambda it: index.snapshot(it.uri),
            attention=self.activity.attention,
            repository=self.repository.of,
            is_hidden=folders.hides,
        )
        self.warm_up = WarmUpFeature(
            documents=documents,
            context=self.context,
            config=lambda: server.config,
            client=lambda: models.completion,
            exclusion=folders.exclusion,
        )
        self.completion = CompletionFeature(
            documents=documents,
            context=self.context,
            traces=self.traces,
            config=lambda: server.config,
            client=lambda: models.completion,
            exclusion=folders.exclusion,
            path_of=folders.path_of,
            is_warm=self.warm_up.is_warm,
            calibration=lambda: self.statistics.calibration(models.completion.endpoint.model),
            tell=self._on_completion,
            parsed_text=index.parsed_text,
            is_importable=lambda it, name: is_importable(name, index.snapshot(it.uri)),
        )
        self._refactor_worker = RefactorWorker()
        self.code_actions = CodeActions(
            documents=documents,
            folders=folders,
            index=index,
            worker=self._refactor_worker,
            # A model that is not loaded is not loaded for a name.
            propose_name=Naming(lambda: models.for_chat() if models.chats else None).propose,
        )
        self.chat_state = make_chat_state(server)
        self.chat = make_chat(server, self.activity)

    async def close(self) -> None:
        """Ends what runs, and writes what is to be kept."""
        self.completion.stop()
        await self.statistics.write()
        self.trace_log.close()
        await self.chat.close()
        await self.warm_up.close()
        await self._refactor_worker.close()
        await self.repository.close()

    def outdate(self) -> None:
        """What is known beside the open documents is another."""
        self.context.outdate()
        self.warm_up.epoch_ended()

    def _on_completion(self, event: CompletionEvent) -> None:
        self.statistics.on_event(event)
        self.traced_code.on_event(event)
        if isinstance(event, Answered):
            # A write takes as long as all else of a remembered answer: the answer goes first.
            asyncio.get_running_loop().call_later(0, self.trace_log.add, event.trace)

    def _runtime_folder(self) -> Path:
        endpoint = self._models.completion.endpoint
        try:
            endpoint.prepare()
        except HostUnavailable as error:
            raise OSError(str(error)) from error
        return endpoint.directory

    def _limits(self) -> Limits:
        client = self._models.completion
        return Limits.of(client.endpoint.model, client.capabilities)

    def _counts(self, layout: Layout) -> LayoutReady | None:
        return self._models.completion.token_counts(layout)
