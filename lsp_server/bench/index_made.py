"""A repository that is made, always the same: Python, TypeScript and Go as people write them.

Packages import one another, classes call what other files define, names repeat as they do in large
code bases. Nothing of it runs; it only has to parse, and to be looked things up in.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

SEED = 20_000
_NOUNS = [
    "account",
    "invoice",
    "order",
    "customer",
    "payment",
    "shipment",
    "product",
    "catalog",
    "basket",
    "ticket",
    "session",
    "token",
    "report",
    "ledger",
    "balance",
    "address",
    "contract",
    "vendor",
    "project",
    "task",
    "message",
    "channel",
    "report",
    "event",
    "queue",
    "batch",
    "record",
    "field",
    "schema",
    "layout",
    "widget",
    "canvas",
    "cursor",
    "region",
    "cluster",
    "node",
    "worker",
    "metric",
    "trace",
]
_VERBS = [
    "load",
    "store",
    "fetch",
    "parse",
    "render",
    "merge",
    "split",
    "find",
    "update",
    "remove",
    "create",
    "validate",
    "convert",
    "apply",
    "collect",
    "send",
    "receive",
    "schedule",
    "cancel",
    "compute",
    "format",
    "resolve",
    "register",
    "open",
    "close",
    "check",
]
_FILES_IN_FOLDER = 20


def make_repository(folder: Path, files: int) -> None:
    """Writes so many files below the folder, half of them Python, the others TypeScript and Go."""
    chosen = random.Random(SEED)  # noqa: S311 - no secret
    makers: tuple[tuple[str, str, Callable[[random.Random, int, int], str]], ...] = (
        ("services", "py", _python),
        ("services", "py", _python),
        ("web", "ts", _typescript),
        ("agents", "go", _go),
    )
    (folder / "agents").mkdir(parents=True)
    (folder / "agents" / "go.mod").write_text("module example.com/agents\n\ngo 1.22\n")
    for number in range(files):
        top, ending, make = makers[number % len(makers)]
        package = number // (_FILES_IN_FOLDER * len(makers))
        place = folder / top / f"{_NOUNS[package % len(_NOUNS)]}{package}"
        place.mkdir(parents=True, exist_ok=True)
        if ending == "py" and not (place / "__init__.py").exists():
            (place / "__init__.py").write_text("")
        (place / f"{_stem(number)}.{ending}").write_text(make(chosen, number, files))


def _stem(number: int) -> str:
    return f"{_NOUNS[number % len(_NOUNS)]}_{_VERBS[number % len(_VERBS)]}_{number}"


def _name(chosen: random.Random) -> str:
    return f"{chosen.choice(_VERBS)}_{chosen.choice(_NOUNS)}"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _neighbour(chosen: random.Random, number: int, files: int) -> tuple[str, str]:
    """The package and the stem of another file of the same language, a near one mostly."""
    step = 4 * chosen.choice((1, 1, 1, 2, 3, 25))
    other = (
        number - step
        if number >= step
        else min(number + step, files - 1 - (files - 1 - number) % 4)
    )
    package = other // (_FILES_IN_FOLDER * 4)
    return f"{_NOUNS[package % len(_NOUNS)]}{package}", _stem(other)


def _python(chosen: random.Random, number: int, files: int) -> str:
    package, stem = _neighbour(chosen, number, files)
    lines = [
        f'"""{_stem(number).replace("_", " ").capitalize()}: what the service needs of it."""',
        "",
        "from __future__ import annotations",
        "",
        "import logging",
        "from dataclasses import dataclass",
        "",
        f"from services.{package}.{stem} import {_camel(stem)}",
        "",
        "logger = logging.getLogger(__name__)",
        "",
        "",
        "@dataclass",
        f"class {_camel(_stem(number))}:",
        f'    """Keeps each {chosen.choice(_NOUNS)} of a {chosen.choice(_NOUNS)}."""',
        "",
        "    name: str",
        "    limit: int = 100",
        "",
    ]
    for index in range(chosen.randint(3, 12)):
        name, called = _name(chosen), _name(chosen)
        value, kind = chosen.choice(_NOUNS), _camel(stem)
        lines += [
            f"    def {name}_{index}(self, {value}: {kind}, count: int = 0) -> list[str]:",
            f'        """Finds the {value} and says how many there are."""',
            f"        found = [{value}.{called}_{index}(self.name, i) for i in range(count)]"
            if index % 3 == 0
            else f"        found = sorted(str(it) for it in {value}.limit and [self.name] or [])",
            "        if len(found) > self.limit:",
            f'            logger.warning("too many of %s: %d", {value}, len(found))',
            f"            raise ValueError({kind}.__name__)",
            "        return [entry.strip() for entry in found if entry]",
            "",
        ]
    return "\n".join(lines)


def _typescript(chosen: random.Random, number: int, files: int) -> str:
    package, stem = _neighbour(chosen, number, files)
    kind, own = _camel(stem), _camel(_stem(number))
    lines = [
        f'import {{ {kind} }} from "../{package}/{stem}";',
        "",
        f"/** Shows each {chosen.choice(_NOUNS)} of a {chosen.choice(_NOUNS)}. */",
        f"export interface {own}Options {{",
        "  readonly limit: number;",
        f"  readonly source: {kind} | undefined;",
        "}",
        "",
        f"export class {own} {{",
        f"  constructor(private readonly options: {own}Options) {{}}",
        "",
    ]
    for index in range(chosen.randint(3, 12)):
        name, value = _camel(_name(chosen)), chosen.choice(_NOUNS)
        lines += [
            f"  async {name[0].lower()}{name[1:]}{index}({value}: string, count = 0): Promise<string[]> {{",
            f"    const found = await this.options.source?.{name[0].lower()}{name[1:]}0({value}, count);",
            "    if (found === undefined || found.length > this.options.limit) {",
            f"      throw new Error(`no ${{{value}}} of {kind}`);",
            "    }",
            "    return found.filter((entry) => entry.trim() !== '').map((entry) => entry.trim());",
            "  }",
            "",
        ]
    return "\n".join([*lines, "}", ""])


def _go(chosen: random.Random, number: int, files: int) -> str:
    package, _ = _neighbour(chosen, number, files)
    own = _camel(_stem(number))
    lines = [
        f"package {_NOUNS[number // (_FILES_IN_FOLDER * 4) % len(_NOUNS)]}",
        "",
        "import (",
        '\t"fmt"',
        "",
        f'\t"example.com/agents/{package}"',
        ")",
        "",
        f"// {own} keeps each {chosen.choice(_NOUNS)} of a {chosen.choice(_NOUNS)}.",
        f"type {own} struct {{",
        "\tName  string",
        "\tLimit int",
        "}",
        "",
    ]
    for index in range(chosen.randint(3, 12)):
        name, value = _camel(_name(chosen)), chosen.choice(_NOUNS)
        lines += [
            f"// {name}{index} finds the {value} and says how many there are.",
            f"func (own *{own}) {name}{index}({value} string, count int) ([]string, error) {{",
            "\tfound := make([]string, 0, count)",
            "\tfor i := 0; i < count; i++ {",
            f'\t\tfound = append(found, fmt.Sprintf("%s-%d", {value}, i))',
            "\t}",
            "\tif len(found) > own.Limit {",
            f'\t\treturn nil, fmt.Errorf("too many of %s", {value})',
            "\t}",
            "\treturn found, nil",
            "}",
            "",
        ]
    return "\n".join(lines)
