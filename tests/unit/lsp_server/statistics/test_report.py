"""Counting, sums and figures, and the page that shows them."""

from __future__ import annotations

import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.statistics.days import last_days
from lsp_server.statistics.page import CSS, page
from lsp_server.statistics.report import as_json, figures, in_words, report, sparkline
from lsp_server.statistics.tally import (
    LAST_BUCKET,
    Count,
    Key,
    Tally,
    bucket_of,
    label_of,
    percentile,
)

DAYS = ["2026-01-30", "2026-01-31"]


def tally(**counts: int) -> Tally:
    return Tally(Counter({Count[name.upper()].value: it for name, it in counts.items()}))


@given(st.lists(st.floats(1, 30_000), min_size=1, max_size=50), st.sampled_from([0.0, 0.5, 0.95]))
def test_a_percentile_is_right_to_within_a_tenth(times: list[float], share: float) -> None:
    counted = Counter(map(bucket_of, times))
    exact = sorted(times)[int(share * (len(times) - 1))]
    found = percentile(counted, share)
    assert found is not None
    assert exact / 1.1 <= found <= exact * 1.1


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (0.3, 0), (1, 0), (2, 4), (2.1, 5), (1e9, LAST_BUCKET)]
)
def test_what_is_faster_or_slower_than_all_buckets_has_one(
    milliseconds: float, bucket: int
) -> None:
    assert bucket_of(milliseconds) == bucket


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("wren", "wren"),
        ("qwen3.6-35b-a3b", "qwen3.6-35b-a3b"),
        ("vllm:/home/me/secret/tiny", "vllm:tiny"),
        ("vllm:C:\\models\\tiny\\", "vllm:tiny"),
        ("scripted:/tmp/script.json", "scripted:script.json"),
        ("openai:http://127.0.0.1:8000/v1", "openai:127.0.0.1:8000"),
        ("openai:https://me:word@host.example/v1", "openai:host.example"),
        ("openai:http://127.0.0.1:8000/v1#coder", "openai:coder"),
    ],
)
def test_the_name_of_a_model_tells_no_folder(model: str, label: str) -> None:
    assert label_of(model) == label


def test_sums_are_by_day_language_and_model() -> None:
    made = report(
        {
            Key("2026-01-29", "go", "wren"): tally(shown=99),
            Key("2026-01-30", "python", "wren"): tally(shown=4, accepted=1),
            Key("2026-01-31", "python", "suffix"): tally(shown=2, accepted=2),
            Key("2026-01-31", "rust", "wren"): tally(shown=7),
        },
        DAYS,
    )
    assert [(day, it[Count.SHOWN]) for day, it in made.days] == [
        ("2026-01-30", 4),
        ("2026-01-31", 9),
    ]
    assert [(name, it[Count.SHOWN]) for name, it in made.languages] == [("rust", 7), ("python", 6)]
    assert [(name, it[Count.SHOWN]) for name, it in made.models] == [("wren", 11), ("suffix", 2)]
    assert (made.total[Count.SHOWN], made.total[Count.ACCEPTED]) == (13, 3)
    assert as_json(made)["languages"][1]["accepted_share"] == 0.5


def test_figures_without_anything_counted_say_so() -> None:
    told = figures(Tally())
    assert told["accepted_share"] is None
    assert told["tokens_per_accepted_character"] is None
    assert dict(in_words(Tally()))["Kept after 30 s"] == "-"


def test_each_accept_is_a_key_that_was_pressed() -> None:
    it = tally(accepted_characters=30, accepts=2, tokens=15)
    assert figures(it)["saved_characters"] == 28
    assert figures(it)["tokens_per_accepted_character"] == 0.5


@pytest.mark.parametrize(
    ("values", "bars"), [([], ""), ([0, 0], "  "), ([1, 8, 0, 4], "▂█ ▅"), ([3], "█")]
)
def test_a_sparkline(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


def test_the_last_days_end_with_that_one() -> None:
    assert last_days(3, "2026-03-01") == ["2026-02-27", "2026-02-28", "2026-03-01"]


HOSTILE = '<script>alert("1")</script>'


def shown_page() -> str:
    counted = tally(requests=9, shown=4, accepted=1)
    counted.latencies.update({4: 3, 20: 1})
    made = report({Key("2026-01-31", HOSTILE, "wren"): counted}, DAYS)
    return page(made, is_enabled=True)


def test_the_page_is_sound_and_holds_no_script() -> None:
    body = ET.fromstring(f"<body>{shown_page()}</body>")  # noqa: S314 - our own
    tags = {it.tag for it in body.iter()}
    assert {"svg", "rect", "table", "dl"} <= tags
    assert "script" not in tags
    assert [it for it in body.iter() if "style" in it.attrib or "onclick" in it.attrib] == []
    assert HOSTILE in [it.text for it in body.iter("td")]


def test_the_page_has_the_bars() -> None:
    body = ET.fromstring(f"<body>{shown_page()}</body>")  # noqa: S314 - our own
    titles = [it.text for it in body.iter("title")]
    assert "2026-01-31: 4 shown, 1 accepted" in titles
    assert "2026-01-30: 0 shown, 0 accepted" in titles
    assert "3 within 2 ms" in titles
    by_class = Counter(it.get("class") for it in body.iter("rect"))
    assert by_class == {"shown": 3, "accepted": 1}


def test_every_class_of_the_page_has_a_style() -> None:
    for name in set(re.findall(r'class="([\w ]+)"', shown_page())):
        assert f".{name.replace(' ', '.')} " in CSS


def test_a_page_without_anything_says_so() -> None:
    empty = report({}, DAYS)
    assert "No completions have been counted yet." in page(empty, is_enabled=True)
    assert "sparrow.statistics.enable" in page(empty, is_enabled=False)
    assert "a &lt;b&gt;" in page(empty, is_enabled=True, problem="a <b>")
