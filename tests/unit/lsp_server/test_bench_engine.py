"""The pure parts of the engine benchmark; a vocabulary of characters stands in for a tokenizer."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from inference.formats.fim import QWEN, FimOrder, FimTokens
from inference.protocol import Role
from lsp_server.bench.aims import judge
from lsp_server.bench.engine_peer import flags, parse_head
from lsp_server.bench.engine_prompts import (
    TYPED,
    Vocabulary,
    measure_tokenization,
    request,
    scene,
    source_lines,
)
from lsp_server.bench.engine_report import (
    ContextFigures,
    Pair,
    ShapeFigures,
    as_json,
    show,
)
from lsp_server.bench.measure import CouldNotRun

MARKERS = {name: 0x110000 + number for number, name in enumerate(sorted(QWEN.names))}
NAMES = {number: name for name, number in MARKERS.items()}
LINES = [f"name_{number} = {number}\n" if number % 5 else "\n" for number in range(4000)]


def spell(ids: list[int]) -> str:
    return "".join(NAMES.get(number) or chr(number) for number in ids)


def encode(text: str) -> list[int]:
    return [ord(character) for character in text]


@pytest.fixture
def vocabulary() -> Vocabulary:
    fim = FimTokens.find(MARKERS.get)
    assert fim is not None
    return Vocabulary(encode, encode, fim)


@pytest.mark.parametrize("tokens", [600, 2048, 16_384])
def test_a_scene_has_about_the_tokens_asked_for(tokens: int, vocabulary: Vocabulary) -> None:
    asked = request(scene(LINES, encode, tokens, "mark"), FimOrder.PREFIX_FIRST, vocabulary)

    assert abs(len(asked.ids("")) - tokens) < 0.1 * tokens + 200


def test_scenes_with_other_marks_share_no_start() -> None:
    one, other = (scene(LINES, encode, 4096, mark) for mark in "ab")

    assert one.others[0][1][0] != other.others[0][1][0]
    assert one.others[0][1][1:] == other.others[0][1][1:]
    assert one.before == other.before


def test_too_few_lines_make_no_scene() -> None:
    with pytest.raises(CouldNotRun):
        scene(LINES[:10], encode, 4096, "mark")


def test_the_standard_library_is_long_enough_for_the_largest_context() -> None:
    assert sum(len(line) for line in source_lines()) > 2_000_000


@pytest.mark.parametrize("order", list(FimOrder))
@pytest.mark.parametrize("typed", ["", "    t", TYPED])
def test_the_plain_text_spells_the_ids(order: FimOrder, typed: str, vocabulary: Vocabulary) -> None:
    asked = request(scene(LINES, encode, 4096, "mark"), order, vocabulary)

    assert asked.plain_text(typed) == spell(asked.ids(typed))


@pytest.mark.parametrize("order", list(FimOrder))
def test_a_host_is_asked_for_as_many_tokens_in_both_orders(
    order: FimOrder, vocabulary: Vocabulary
) -> None:
    asked = request(scene(LINES, encode, 4096, "mark"), order, vocabulary)
    layout, tail = asked.layout, asked.tail("    typed")
    text = "".join(chunk.text for chunk in layout.chunks())

    in_prompt = [number for number in asked.ids("    typed") if number not in NAMES]
    paths = {section.path for section in layout.sections}
    spelled = len(text) + len(tail.prefix) + len(tail.suffix) + sum(len(path) + 1 for path in paths)
    assert abs(spelled - len(in_prompt)) <= 1  # the line's end, where nothing follows the cursor


def test_the_stand_in_puts_what_is_typed_behind_all_else(vocabulary: Vocabulary) -> None:
    asked = request(scene(LINES, encode, 4096, "mark"), FimOrder.SUFFIX_FIRST, vocabulary)

    assert [section.role for section in asked.layout.sections][-1] is Role.PREFIX
    assert all(section.role is not Role.SUFFIX for section in asked.layout.sections)
    assert asked.tail(TYPED).prefix.endswith(TYPED)
    assert asked.tail(TYPED).suffix == ""


def test_a_key_changes_the_tail_alone(vocabulary: Vocabulary) -> None:
    asked = request(scene(LINES, encode, 4096, "mark"), FimOrder.PREFIX_FIRST, vocabulary)

    grown = [len(asked.tail(TYPED[:length]).prefix) for length in range(1, len(TYPED) + 1)]
    assert grown == list(range(grown[0], grown[0] + len(TYPED)))


def test_tokenization_is_measured_at_a_size(vocabulary: Vocabulary) -> None:
    measured = measure_tokenization(scene(LINES, encode, 4096, "mark"), vocabulary, 1)

    assert measured.tokens > 4000
    assert 0 < measured.encode_ms <= measured.all_ms


def test_what_is_typed_has_sixty_characters() -> None:
    assert len(TYPED) == 60


def test_flags_are_spelled_as_a_command_line_does() -> None:
    arguments = {"enable_prefix_caching": True, "trust_remote_code": False, "block_size": 256}

    assert flags(arguments) == [
        "--enable-prefix-caching",
        "--no-trust-remote-code",
        *("--block-size", "256"),
    ]


def test_an_answers_head_is_read() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nServer: uvicorn\r\nContent-Length: 22\r\n\r\n"

    assert parse_head(head) == (404, {"server": "uvicorn", "content-length": "22"})


def test_a_pair_compares_sample_by_sample() -> None:
    pair = Pair([2.0, 9.0, 4.0], [1.0, 9.0, 1.0])

    assert (pair.ratio, pair.difference) == (2.0, 1.0)
    assert pair.medians == (4.0, 1.0)


def figures(vocabulary: Vocabulary, *, large_warm_ms: float, typing_ms: float) -> ShapeFigures:
    contexts = [
        ContextFigures(
            "psm",
            tokens=tokens,
            plain_tokens=tokens,
            cold=Pair([50.0], [60.0]),
            warm=Pair([warm_ms], [40.0]),
            typing=Pair([typing_ms], [10.0]),
            bare_ms=[3.0],
            wire_bytes_per_key=210.0,
            plain_bytes=[6000],
        )
        for tokens, warm_ms in ((2100, 5.0), (16_400, large_warm_ms))
    ]
    measured = measure_tokenization(scene(LINES, encode, 2048, "mark"), vocabulary, 1)
    loads = {8: Pair([95.0], [100.0]), 64: Pair([91.0], [100.0])}
    return ShapeFigures("dense", contexts, Pair([5.0], [4.0]), loads, (measured, measured))


def test_all_aims_are_reached_by_good_figures(vocabulary: Vocabulary) -> None:
    good = as_json([figures(vocabulary, large_warm_ms=6.0, typing_ms=5.0)])

    assert all(aim.is_reached for aim in judge("engine", good))


def test_aims_that_are_missed_are_named(vocabulary: Vocabulary) -> None:
    slow = as_json([figures(vocabulary, large_warm_ms=30.0, typing_ms=11.0)])

    missed = [aim.says for aim in judge("engine", slow) if not aim.is_reached]
    assert missed == [
        "warmed, 16k within 1.5 times 2k, prefix first (dense)",
        "ahead of vLLM's own server, typing, at every size (dense)",
    ]


def test_the_table_is_shown(vocabulary: Vocabulary) -> None:
    written = io.StringIO()

    show(
        Console(file=written, width=120),
        figures(vocabulary, large_warm_ms=130.0, typing_ms=5.0),
    )

    assert "130 | 40.0" in written.getvalue()


def test_the_object_has_the_keys_of_the_contract(vocabulary: Vocabulary) -> None:
    result = as_json([figures(vocabulary, large_warm_ms=6.0, typing_ms=5.0)])

    assert result["name"] == "engine"
    assert result["overhead_ms_per_request"] == 1.0
    assert result["throughput_ratio"] == 0.91
    assert result["shapes"][0]["contexts"] == result["contexts"]
    assert {"shape", "tokenize_ms_2k", "tokenize_ms_200k", "samples"} <= result.keys()
    assert {
        *("tokens", "fim_order", "ttft_cold_ms", "ttft_warm_ms", "ttft_typing_ms"),
        *("ttft_plain_ms", "wire_bytes_per_key", "plain_bytes_per_key"),
    } <= result["contexts"][0].keys()
