"""What the doctor concludes from what it finds, and how it tells it."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner

from inference import __version__
from lsp_server import doctor
from lsp_server.config import Config
from lsp_server.doctor import Setup
from lsp_server.doctor_report import Finding
from lsp_server.models import assign


class TestDoctor:
    @pytest.mark.parametrize(
        ("version", "state"),
        [
            ((3, 10), "error"),
            ((3, 11), "ok"),
            ((3, 12), "ok"),
            ((3, 13), "ok"),
            ((3, 14), "error"),
            ((4, 0), "error"),
        ],
    )
    def test_which_pythons_will_do(
        self, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], state: str
    ) -> None:
        monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
        assert doctor._python().state == state

    def test_all_packages_are_here(self) -> None:
        found = doctor._packages()
        assert (found.state, found.hint) == ("ok", "")
        assert __version__ in found.summary

    def test_what_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        needed = ["click>=8", "no-such-package", 'not-asked-for; extra == "vllm"']
        monkeypatch.setattr(importlib.metadata, "requires", lambda _: needed)
        monkeypatch.setattr(doctor, "GRAMMARS", ("no_such_language",))
        found = doctor._packages()
        assert found.state == "error"
        assert "no-such-package, tree-sitter-no-such-language" in found.summary
        assert "click" not in found.summary
        assert found.hint

    def test_every_grammar_is_one_that_sparrow_depends_on(self) -> None:
        requirements = importlib.metadata.requires("sparrow-code") or []
        names = {re.split(r"[<>=!~;\[ ]", it)[0] for it in requirements}
        grammars = {f"tree-sitter-{name.replace('_', '-')}" for name in doctor.GRAMMARS}
        assert grammars <= names

    @pytest.mark.parametrize(
        ("text", "state", "said"),
        [
            ("ger.append(x)\nmore", "ok", "“ger.append(x)”"),
            ("\n  indented", "ok", "“indented”"),
            ("", "warning", "nothing was suggested"),
            (" \n", "warning", "nothing was suggested"),
        ],
    )
    def test_a_completion_is_judged(self, text: str, state: str, said: str) -> None:
        found = doctor._judge("Engine", "suffix", text, 0.0)
        assert (found.name, found.state) == ("Engine", state)
        assert said in found.summary

    @pytest.mark.parametrize(
        ("tools", "answer", "state", "summary"),
        [
            (set(), None, "ok", "none found; Sparrow completes on the CPU"),
            ({"nvidia-smi"}, "A, 1 MiB\nB, 2 MiB", "ok", "A, 1 MiB; B, 2 MiB"),
            ({"nvidia-smi"}, None, "warning", "nvidia-smi is there and fails"),
            ({"nvidia-smi"}, "", "warning", "nvidia-smi is there and fails"),
            ({"rocm-smi"}, None, "ok", "an AMD GPU with ROCm"),
        ],
    )
    def test_graphics_cards(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tools: set[str],
        answer: str | None,
        state: str,
        summary: str,
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: name if name in tools else None)
        monkeypatch.setattr(doctor, "_probe", lambda _: answer)
        found = doctor._gpu()
        assert (found.state, found.summary) == (state, summary)
        assert bool(found.hint) is (state != "ok")

    @pytest.mark.parametrize(
        ("unserved", "state", "said"),
        [
            ([], "ok", "only larger models need it"),
            (["suffix", "openai:http://127.0.0.1:1/v1"], "ok", "only larger models need it"),
            (["suffix", "vllm:/checkpoint"], "error", "and vllm:/checkpoint needs it"),
            (["qwen3.6-35b-a3b"], "error", "and qwen3.6-35b-a3b needs it"),
        ],
    )
    def test_without_vllm(
        self, monkeypatch: pytest.MonkeyPatch, unserved: list[str], state: str, said: str
    ) -> None:
        def absent(name: str) -> str:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "version", absent)
        found = doctor._vllm(unserved)
        assert found.state == state
        assert said in found.summary
        assert bool(found.hint) is (state != "ok")

    @pytest.mark.parametrize(
        ("code", "extensions", "state"),
        [
            (None, None, "ok"),
            ("code", "a.b\nsparrow-code.sparrow", "ok"),
            ("code", "a.b\nsparrow-code.sparrow-other", "warning"),
            ("code", None, "warning"),
        ],
    )
    def test_the_editor(
        self,
        monkeypatch: pytest.MonkeyPatch,
        code: str | None,
        extensions: str | None,
        state: str,
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda _: code)
        monkeypatch.setattr(doctor, "_probe", lambda _: extensions)
        assert doctor._editor().state == state

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            (["print(' 7 ')"], "7"),
            (["raise SystemExit(1)"], None),
            (["import time; time.sleep(99)"], None),
        ],
    )
    def test_a_command_is_asked(
        self, monkeypatch: pytest.MonkeyPatch, command: list[str], answer: str | None
    ) -> None:
        if "sleep" in command[0]:
            monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 0.05)
        assert doctor._probe([sys.executable, "-I", "-S", "-c", *command]) == answer

    def test_a_command_that_is_not_there_has_no_answer(self) -> None:
        assert doctor._probe(["/no/such/command"]) is None

    STATES: tuple[tuple[list[Literal["ok", "warning", "error"]], int, str], ...] = (
        (["ok", "ok"], 0, "All is well."),
        (["ok", "warning"], 0, "Sparrow works; see → above."),
        (["ok", "error"], 1, "Sparrow does not work yet: see → above."),
        (["warning", "error"], 1, "Sparrow does not work yet: see → above."),
    )

    @pytest.mark.parametrize(("states", "status", "verdict"), STATES)
    def test_findings_are_printed_for_people_and_programs(
        self,
        monkeypatch: pytest.MonkeyPatch,
        states: list[Literal["ok", "warning", "error"]],
        status: int,
        verdict: str,
    ) -> None:
        async def examine(setup: Setup) -> list[Finding]:
            assert setup.config.completion_model == "some model"
            return [
                Finding(f"layer {state}", state, f"[{state}] found", "do it" * (state != "ok"))
                for state in states
            ]

        monkeypatch.setattr(doctor, "_examine", examine)
        for_people = CliRunner().invoke(doctor.doctor, ["--model", "some model"])
        assert for_people.exit_code == status
        assert verdict in for_people.output
        for state in states:
            assert f"[{state}] found" in for_people.output
        assert ("→ do it" in for_people.output) is (states != ["ok", "ok"])
        for_programs = CliRunner().invoke(doctor.doctor, ["--model", "some model", "--json"])
        assert for_programs.exit_code == status
        told = json.loads(for_programs.output)
        assert (told["ok"], told["version"]) == (status == 0, __version__)
        assert [layer["state"] for layer in told["layers"]] == states

    def test_a_layer_on_a_broken_one_is_not_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(_: Setup) -> list[Finding]:
            return [Finding("Inference host", "error", "broken")]

        async def not_reached(_: Setup) -> Any:
            raise AssertionError

        monkeypatch.setattr(doctor, "_host", broken)
        monkeypatch.setattr(doctor, "_server", not_reached)
        monkeypatch.setattr(doctor, "_runtime_folder", found_nothing)
        monkeypatch.setattr(doctor, "_probe", lambda _: None)
        monkeypatch.setattr(doctor, "_chat", not_reached)
        found = [it.name for it in asyncio.run(doctor._examine(Setup(Config())))]
        assert "Inference host" in found
        assert found[-4:] == ["Index", "GPU", "vLLM", "VS Code"]

    def test_a_second_model_is_tried_whatever_the_first_lacks(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def broken(_: Setup) -> list[Finding]:
            return [Finding("Inference host", "error", "broken")]

        async def chats(_: Setup) -> Finding:
            return Finding("Chat model", "ok", "here")

        for name, layer in (("_host", broken), ("_runtime_folder", found_nothing)):
            monkeypatch.setattr(doctor, name, layer)
        monkeypatch.setattr(doctor, "_chat", chats)
        monkeypatch.setattr(doctor, "_probe", lambda _: None)
        found = asyncio.run(doctor._examine(Setup(Config(chat_model="another"))))
        assert ("Chat model", "ok") in [(it.name, it.state) for it in found]

    def test_the_setup_is_read_and_its_keys_are_not_shown(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Setup] = []

        async def examine(setup: Setup) -> list[Finding]:
            seen.append(setup)
            return []

        monkeypatch.setattr(doctor, "_examine", examine)
        server = "https://a.example/v1"
        given = {
            "--model": "suffix",
            "--chat-model": f"openai:{server}#m",
            "--chat-engine-args": '{"context_tokens": 4096}',
        }
        arguments = [word for option in given.items() for word in option]
        keys = json.dumps([{"server": server, "key": "sk-1"}, "no entry"])
        monkeypatch.setenv(doctor.API_KEYS_VARIABLE, keys)
        assert CliRunner().invoke(doctor.doctor, arguments).exit_code == 0
        (setup,) = seen
        assert setup.config == Config(
            completion_model="suffix",
            chat_model=f"openai:{server}#m",
            chat_engine_args={"context_tokens": 4096},
        )
        roles = assign(setup.config)
        assert setup.client(roles["chat"]).api_key == "sk-1"
        assert setup.client(roles["completion"]).api_key == ""
        assert setup.folder == Path.cwd()
        assert "sk-1" not in repr(setup)
        assert doctor.API_KEYS_VARIABLE not in os.environ

    @pytest.mark.parametrize(("named", "folder"), [("", None), ("/a/../b", Path("/b"))])
    def test_an_editor_names_the_folder_whose_index_is_looked_at(
        self, monkeypatch: pytest.MonkeyPatch, named: str, folder: Path | None
    ) -> None:
        seen: list[Setup] = []

        async def examine(setup: Setup) -> list[Finding]:
            seen.append(setup)
            return []

        monkeypatch.setattr(doctor, "_examine", examine)
        assert CliRunner().invoke(doctor.doctor, ["--folder", named]).exit_code == 0
        assert [it.folder for it in seen] == [folder]

    @pytest.mark.parametrize("text", ["{", "[]", "1"])
    def test_arguments_that_are_no_object_are_refused(self, text: str) -> None:
        result = CliRunner().invoke(doctor.doctor, ["--chat-engine-args", text])
        assert result.exit_code == 2
        assert "--chat-engine-args" in result.output

    @pytest.mark.parametrize("text", ["", "{", "1", "[1]", "null"])
    def test_a_variable_without_keys_holds_none(self, text: str) -> None:
        assert list(doctor._api_keys(text)) == []


async def found_nothing(_: Setup) -> list[Finding]:
    return [Finding("Runtime folder", "ok", "")]
