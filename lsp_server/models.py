"""Which model serves which role; one client for each distinct model.

There are two roles: `completion`, and `chat`, which stands for edits and fixes as well. Where no
model is named for chat, the one that completes serves both. A second model is not loaded before it
is needed: its client starts with the first chat, and a user who never chats has one model alone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inference.client import ClientState, ClientStatus, InferenceClient, served_by_vllm
from lsp_server.api_keys import ApiKeys
from lsp_server.config import Config
from lsp_server.protocol import ModelRole

SHARES_GPU_WITH = "shares_gpu_with"
NEVER_CHAT = frozenset({"wren", "suffix"})


@dataclass(frozen=True, slots=True)
class Assignment:
    """A model, and the arguments that its host is started with."""

    model: str
    engine_args: Mapping[str, Any]


def assign(config: Config) -> dict[ModelRole, Assignment]:
    """The model of each role.

    Two models of vLLM on one machine are told of each other, whether both are running or not: a
    host cannot give memory back, so that the first must leave the second's share free. Both divide
    the GPU by the same arithmetic (see `inference/division.py`).
    """
    completion = Assignment(config.completion_model, config.completion_engine_args)
    if not config.chat_model:
        return {"completion": completion, "chat": completion}
    chat = Assignment(config.chat_model, config.chat_engine_args)
    if completion != chat and served_by_vllm(completion.model) and served_by_vllm(chat.model):
        completion, chat = (
            _beside(completion, "chat", chat),
            _beside(chat, "completion", completion),
        )
    return {"completion": completion, "chat": chat}


def _beside(own: Assignment, role: ModelRole, neighbour: Assignment) -> Assignment:
    told = {"role": role, "model": neighbour.model, "engine_args": dict(neighbour.engine_args)}
    return Assignment(own.model, {SHARES_GPU_WITH: told, **own.engine_args})


class Models:
    """Follows the configuration: a model that it no longer names loses its client."""

    def __init__(self, on_status: Callable[[tuple[ModelRole, ...], ClientStatus], None]) -> None:
        """`on_status` is called with the roles that a model serves, when it or they change."""
        self._on_status = on_status
        self._by_role: dict[ModelRole, InferenceClient] = {}
        self._told: dict[InferenceClient, tuple[ModelRole, ...]] = {}
        self._api_keys = ApiKeys()
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def completion(self) -> InferenceClient:
        return self._client_of("completion")

    @property
    def may_chat(self) -> bool:
        """Whether there is a model that chats, as far as that is known without starting it."""
        client = self._client_of("chat")
        if client.capabilities is not None:
            return client.capabilities.chat
        return client is not self.completion  # it was named for that

    @property
    def chats(self) -> bool | None:
        """Whether the model for chat does; None where only its loading will tell."""
        client = self._client_of("chat")
        if client.capabilities is not None:
            return client.capabilities.chat
        return False if client.endpoint.model in NEVER_CHAT else None

    @property
    def chat_status(self) -> ClientStatus:
        return self._client_of("chat").status

    def for_chat(self) -> InferenceClient:
        """The client for chat and edits, whose first use starts it.

        Its model may take minutes to load: wait for it with `wait_ready`, or say that it loads.
        """
        client = self._client_of("chat")
        client.start()
        return client

    def configure(self, config: Config) -> None:
        """Makes a client for each configured model that has none. Needs a loop.

        A host of vLLM that is named no more ends at once, for all windows: while it waited for its
        idle time, it would hold the memory that its successor needs.
        """
        before = self._distinct()
        self._by_role = {}
        for role, assignment in assign(config).items():
            self._by_role[role] = self._find(assignment, before) or self._make(
                assignment, config.host_idle_minutes
            )
        for client in before:
            if client not in self._by_role.values():
                if served_by_vllm(client.endpoint.model):
                    client.stop_host()
                self._close(client)
        for client in self._distinct():
            client.idle_minutes = config.host_idle_minutes
        self._hand_out_keys()
        self.completion.start()
        for client in self._distinct():
            if self._told.get(client) != self._roles_of(client):
                self._tell(client, client.status)

    def set_api_keys(self, api_keys: ApiKeys) -> None:
        """Takes the keys of servers; a host that may run with another one is started anew.

        There is one host for each user and model, whoever started it: all windows hear of a new key
        and each ends the host, so that whichever starts the next one does so with that key.
        """
        self._api_keys = api_keys
        for client in self._hand_out_keys():
            if client.status.state is not ClientState.IDLE:
                client.restart()

    def restart(self) -> None:
        """Ends the hosts of all models, for all windows, and starts them anew without waiting."""
        for client in self._distinct():
            if client.status.state is not ClientState.IDLE:
                client.restart()

    async def close(self) -> None:
        for client in self._distinct():
            self._close(client)
        self._by_role = {}
        await asyncio.gather(*self._closing)

    def _client_of(self, role: ModelRole) -> InferenceClient:
        client = self._by_role.get(role)
        if client is None:
            raise RuntimeError("configure has not been called yet")
        return client

    def _distinct(self) -> list[InferenceClient]:
        """The clients, completion's first."""
        return list(dict.fromkeys(self._by_role.values()))

    def _roles_of(self, client: InferenceClient) -> tuple[ModelRole, ...]:
        return tuple(role for role, it in self._by_role.items() if it is client)

    def _find(
        self, assignment: Assignment, before: list[InferenceClient]
    ) -> InferenceClient | None:
        known = (*self._by_role.values(), *before)
        return next(
            (it for it in known if it.serves(assignment.model, assignment.engine_args)), None
        )

    def _make(self, assignment: Assignment, idle_minutes: float) -> InferenceClient:
        client = InferenceClient(
            assignment.model,
            name=f"language server {os.getpid()}",
            idle_minutes=idle_minutes,
            engine_args=assignment.engine_args,
            on_status=lambda status: self._tell(client, status),
        )
        return client

    def _tell(self, client: InferenceClient, status: ClientStatus) -> None:
        self._told[client] = self._roles_of(client)
        self._on_status(self._told[client], status)

    def _hand_out_keys(self) -> list[InferenceClient]:
        """Gives each client its key; those that had another one."""
        clients = self._distinct()
        models = [client.endpoint.model for client in clients]
        changed = []
        for client in clients:
            key = self._api_keys.of(client.endpoint.model, models)
            if key != client.api_key:
                client.api_key = key
                changed.append(client)
        return changed

    def _close(self, client: InferenceClient) -> None:
        client.mute()
        self._told.pop(client, None)
        task = asyncio.create_task(client.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
