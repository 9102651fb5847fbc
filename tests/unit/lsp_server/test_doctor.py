"""What the doctor concludes from what it finds, and how it tells it."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import re
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from click.testing import CliRunner

from inference import __version__
from lsp_server import doctor, doctor_machine
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
        monkeypatch.setattr(doctor_machine, "_probe", lambda _: None)
        monkeypatch.setattr(doctor, "_chat", not_reached)
        found = [it.name for it in asyncio.run(doctor._examine(Setup(Config())))]
        assert "Inference host" in found
        assert found[-5:] == ["Index", "Sandbox", "GPU", "vLLM", "VS Code"]

    def test_each_layer_is_told_of_before_it_is_looked_at(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []

        async def broken(setup: Setup) -> list[Finding]:
            assert told[-1] == "Inference host"
            setup.on_layer("inside")
            return [Finding("Inference host", "error", "broken")]

        monkeypatch.setattr(doctor, "_host", broken)
        monkeypatch.setattr(doctor, "_runtime_folder", found_nothing)
        monkeypatch.setattr(doctor_machine, "_probe", lambda _: None)
        asyncio.run(doctor._examine(Setup(Config(), on_layer=told.append)))
        before = ["Packages", "Runtime folder", "Inference host", "inside"]
        assert told == [*before, "vLLM", "Index", "Sandbox", "GPU"]

    def test_a_program_is_told_of_layers_beside_the_report(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def examine(setup: Setup) -> list[Finding]:
            setup.on_layer("Inference host")
            return [Finding("Inference host", "ok", "here")]

        monkeypatch.setattr(doctor, "_examine", examine)
        for_program = CliRunner().invoke(doctor.doctor, ["--json"])
        assert for_program.stderr == "looking at: Inference host\n"
        assert json.loads(for_program.stdout)["ok"]
        assert CliRunner().invoke(doctor.doctor, []).stderr == ""

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
        monkeypatch.setattr(doctor_machine, "_probe", lambda _: None)
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
