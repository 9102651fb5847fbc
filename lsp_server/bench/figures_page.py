"""The page of figures, as Markdown, made of what the benchmarks say in JSON. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from lsp_server.bench.aims import Judgement, judge
from lsp_server.bench.figures_list import LISTED, Listed

_HEAD = """\
# Benchmarks

Written by `sparrow bench all`; `sparrow bench NAME` measures one. Milliseconds are medians, unless a
name says otherwise. Floors and baselines were measured in the same run as what stands beside them;
what peers say of themselves was measured on other machines, and is there for orientation alone. All
figures, with those that have no place here, are in `{folder}figures.json`.
"""
_NOT_TABLES = ("name", "samples", "wrong")


def page(measured: Mapping[str, Any], plotted: Collection[str], folder: str) -> str:
    """`measured` holds for each name when, on what, with what result, or why there is none."""
    parts = [_HEAD.format(folder=folder), _reached(measured), *_machines(measured)]
    for listed in LISTED:
        entry = measured.get(listed.name)
        if entry is not None and entry["result"] is not None:
            parts += _section(listed, entry, folder if listed.name in plotted else "")
    parts += _not_reached(measured)
    return "\n".join(parts).rstrip() + "\n"


def _reached(measured: Mapping[str, Any]) -> str:
    all_aims = [it for name, entry in measured.items() for it in _aims(name, entry)]
    reached = sum(it.is_reached for it in all_aims)
    missed = (
        "" if reached == len(all_aims) else "; [the others](#not-reached), with why, are the last"
    )
    return f"{reached} of {len(all_aims)} aims are reached{missed}.\n"


def _aims(name: str, entry: Mapping[str, Any]) -> list[Judgement]:
    return judge(name, entry["result"]) if entry["result"] is not None else []


def _machines(measured: Mapping[str, Any]) -> Iterator[str]:
    """Each machine once, with what was measured on it."""
    told: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for listed in LISTED:
        if listed.name in measured:
            machine = measured[listed.name]["machine"]
            same = tuple((key, value) for key, value in machine.items() if key != "load before")
            told.setdefault(same, []).append(listed.name)
    for machine, names in told.items():
        yield f"On this machine: {', '.join(names)}.\n"
        yield "| | |\n| --- | --- |"
        yield from (f"| {key} | {_cell(value)} |" for key, value in machine)
        yield ""


def _section(listed: Listed, entry: Mapping[str, Any], folder: str) -> Iterator[str]:
    result = entry["result"]
    yield f"## {listed.title}\n"
    took = f", in {entry['seconds']} s" if entry["seconds"] else ""  # elsewhere, where it is 0
    quick = ", with `--quick`: on fewer samples" if entry["quick"] else ""
    samples = f"{_samples(it)}; " if (it := result.get("samples")) else ""
    yield (
        f"`sparrow bench {' '.join(listed.command)}`, {entry['at']}{took}{quick}; "
        f"{samples}load of the machine before "
        f"{entry['machine'].get('load before', 'not known')}.\n"
    )
    if aims := _aims(listed.name, entry):
        yield "| aim | measured | |\n| --- | ---: | --- |"
        for it in aims:
            told = "reached" if it.is_reached else "**missed**"
            yield f"| {_cell(it.says)} | {_figure(it.value)} | {told} |"
        yield ""
    yield from _scalars(listed, result)
    for key, value in result.items():
        if key not in _NOT_TABLES and _is_table(value):
            yield f"\n{_words(key).capitalize()}:\n"
            yield from _table(value)
    if folder:
        yield f"\n![{listed.title}]({folder}{listed.name}.svg)"
    if listed.peers:
        yield "\nPeers:\n"
        yield from (f"- {peer}" for peer in listed.peers)
    yield ""


def _samples(samples: Any) -> str:
    if isinstance(samples, dict):
        return ", ".join(f"{count:,} {_words(kind)}" for kind, count in samples.items())
    return f"{samples:,} samples"


def _scalars(listed: Listed, result: Mapping[str, Any]) -> Iterator[str]:
    """Figures, each with what stands beside it; that has no line of its own then."""
    partners = set(listed.beside.values()) - listed.beside.keys()
    plain = {
        key: value
        for key, value in result.items()
        if key not in _NOT_TABLES and isinstance(value, str | int | float)
    }
    if not plain:
        return
    yield "| figure | Sparrow | beside it | ratio |\n| --- | ---: | ---: | ---: |"
    for key, value in plain.items():
        if key in partners:
            continue
        partner = listed.beside.get(key, "")
        other = plain.get(partner)
        ratio = (
            f"{value / other:.2f}"
            if isinstance(value, int | float) and isinstance(other, int | float) and other
            else ""
        )
        beside = f"{_figure(other)} ({_words(partner)})" if other is not None else ""
        yield f"| {_words(key)} | {_figure(value)} | {beside} | {ratio} |"


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(it, dict) for it in value)


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The plain values of the rows; what is nested is in the JSON."""
    keys = list(
        dict.fromkeys(
            key for row in rows for key, value in row.items() if not isinstance(value, list | dict)
        )
    )
    yield f"| {' | '.join(map(_words, keys))} |"
    yield f"| {' | '.join('---' if _is_text(rows, key) else '---:' for key in keys)} |"
    for row in rows:
        yield f"| {' | '.join(_figure(row.get(key, '')) for key in keys)} |"


def _is_text(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(isinstance(row.get(key), str) for row in rows)


def _not_reached(measured: Mapping[str, Any]) -> Iterator[str]:
    missing = [line for listed in LISTED for line in _missing(listed, measured.get(listed.name))]
    if missing:
        yield "## Not reached\n"
        yield from missing


def _missing(listed: Listed, entry: Mapping[str, Any] | None) -> Iterator[str]:
    if entry is None:
        yield f"- `{listed.name}`: not run."
        return
    if entry["reason"]:
        yield f"- `{listed.name}`: {_cell(entry['reason'])}"
    for aim in _aims(listed.name, entry):
        if not aim.is_reached:
            why = f" Why: {aim.why}." if aim.why else ""
            yield f"- `{listed.name}`: {aim.says}: {_figure(aim.value)}.{why}"


def _figure(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004
    return f"{value:,}" if isinstance(value, int) else _cell(str(value))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _words(key: str) -> str:
    return key.replace("_", " ")
