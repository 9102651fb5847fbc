"""The commands: which there are, how they are told, and how the server is started."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from inference import __version__
from lsp_server import cli, session


class TestCommandLine:
    @pytest.fixture
    def nothing_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is imported")

        monkeypatch.setattr(importlib, "import_module", refuse)

    @pytest.mark.usefixtures("nothing_imported")
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_help_lists_the_commands_and_imports_none(self, option: str) -> None:
        result = CliRunner().invoke(cli.main, [option])
        assert result.exit_code == 0
        for name, (_, _, text) in cli._COMMANDS.items():
            assert name in result.output
            assert text in " ".join(result.output.split())

    @pytest.mark.usefixtures("nothing_imported")
    def test_the_version(self) -> None:
        result = CliRunner().invoke(cli.main, ["--version"])
        assert result.output == f"sparrow, version {__version__}\n"

    @pytest.mark.usefixtures("nothing_imported")
    def test_an_unknown_command_is_refused(self) -> None:
        result = CliRunner().invoke(cli.main, ["nonsense"])
        assert result.exit_code == 2
        assert "nonsense" in result.output

    @pytest.mark.parametrize("name", cli._COMMANDS)
    def test_each_command_is_there_under_its_name(self, name: str) -> None:
        command = cli.main.get_command(click.Context(cli.main), name)
        assert isinstance(command, click.Command)
        assert command.name == name
        result = CliRunner().invoke(cli.main, [name, "--help"])
        assert result.exit_code == 0
        assert command.help


def test_the_server_is_started_by_the_script_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    in_module = [str(tmp_path / "python"), "-P", "-m", "lsp_server", "lsp"]
    assert session.sparrow_command() == in_module
    script = tmp_path / "sparrow"
    script.touch()
    assert session.sparrow_command() == [str(script), "lsp"]
