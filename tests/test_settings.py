"""The settings are the same in the extension's manifest, the server and the documentation."""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, fields
from typing import Any

import pytest

from lsp_server import config
from tests.sources import ROOT, path_of

OF_THE_EXTENSION = {"sparrow.server.path", "sparrow.python", "sparrow.trace.server"}


def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "extension/package.json").read_text())
    return loaded


def settings() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = manifest()["contributes"]["configuration"]["properties"]
    return found


def of_the_server() -> dict[str, str]:
    """The server's settings, and the fields of its configuration that hold them."""
    names = re.findall(r'read\(\s*"([\w.]+)"', path_of("lsp_server.config").read_text())
    snake = {
        name: re.sub(r"[.A-Z]", lambda it: "_" + it[0].strip(".").lower(), name) for name in names
    }
    return {f"sparrow.{name}": field for name, field in snake.items()}


def parsed(name: str, value: Any) -> tuple[Any, list[str]]:
    """The server's setting once an editor has sent a value."""
    section: Any = value
    for part in reversed(name.split(".")[1:]):
        section = {part: section}
    configuration, problems = config.parse(section)
    return getattr(configuration, of_the_server()[name]), problems


def test_the_server_reads_the_settings_that_the_extension_offers() -> None:
    offered = settings().keys() - OF_THE_EXTENSION
    assert offered == of_the_server().keys()
    assert settings().keys() >= OF_THE_EXTENSION
    assert set(of_the_server().values()) == {field.name for field in fields(config.Config)}


@pytest.mark.parametrize("name", sorted(settings().keys() - OF_THE_EXTENSION))
def test_the_defaults_are_the_same(name: str) -> None:
    default = settings()[name]["default"]
    assert parsed(name, default) == (default, [])
    (field,) = (it for it in fields(config.Config) if it.name == of_the_server()[name])
    ours = field.default if field.default_factory is MISSING else field.default_factory()
    assert ours == default


def test_the_ranges_are_the_same() -> None:
    bounded = 0
    for name, setting in settings().items():
        step = 1 if setting["type"] == "integer" else 0.001
        for bound, beyond in (("minimum", -step), ("maximum", step)):
            if bound in setting:
                bounded += 1
                limit = setting[bound]
                assert parsed(name, limit) == (limit, []), name
                assert parsed(name, limit + beyond)[1], name
    assert bounded == 3
    assert parsed("sparrow.host.idleMinutes", 1e9) == (1e9, [])


WRONG = {"boolean": "x", "string": 5, "integer": 1.5, "number": "x", "object": 5}


@pytest.mark.parametrize("name", sorted(settings().keys() - OF_THE_EXTENSION))
def test_the_types_are_the_same(name: str) -> None:
    assert parsed(name, WRONG[settings()[name]["type"]])[1]


def test_what_names_a_program_or_a_model_belongs_to_the_machine() -> None:
    """So that no workspace can redirect code; in one that is not trusted, too."""
    of_the_machine = {name for name, it in settings().items() if it["scope"].startswith("machine")}
    free = {
        "sparrow.enable",
        "sparrow.languages",
        "sparrow.completion.maxLines",
        "sparrow.completion.unknownNames",
        "sparrow.edit.thinking",
        "sparrow.index.enable",
        "sparrow.statistics.enable",
        "sparrow.trace.server",
    }
    assert settings().keys() - of_the_machine == free
    restricted = manifest()["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert set(restricted) == of_the_machine


def test_the_settings_are_documented_with_their_defaults() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(sparrow\.[\w.]+)` \|(.*?)\|(.*?)\|$", text, flags=re.MULTILINE)
    listed = {}
    for name, default, meaning in rows:
        assert meaning.strip().endswith(".")
        bare = default.strip(" `")
        is_text = settings().get(name, {}).get("type") == "string"
        listed[name] = bare if is_text else json.loads(bare)
    assert listed == {name: setting["default"] for name, setting in settings().items()}
    assert f"1 to {settings()['sparrow.completion.maxLines']['maximum']}" in text


def test_both_halves_have_one_version() -> None:
    from inference import __version__

    assert manifest()["version"] == __version__
