"""How long a request waits: by the gaps between keys, and by what the model takes."""

from __future__ import annotations

import pytest

from lsp_server.completions.debounce import MAX_WAIT_S, Debounce


class Typist:
    def __init__(self) -> None:
        self.now = 0.0
        self.debounce = Debounce(lambda: self.now)

    def type(self, *gaps_ms: float) -> None:
        self.debounce.key()
        for gap in gaps_ms:
            self.now += gap / 1000
            self.debounce.key()


@pytest.mark.parametrize(
    ("gaps_ms", "latencies_ms", "wait_ms"),
    [
        ([], [], 0),
        ([80] * 10, [], 0),  # the model is not known
        ([], [200] * 3, 0),  # the user is not
        ([80] * 2, [200] * 3, 0),
        ([80] * 10, [7] * 9, 0),  # wren
        ([80] * 10, [80], 0),
        ([80] * 10, [200], 100),
        ([80] * 10, [5000], 100),
        ([80, 80, 80, 900, 80], [200], 100),  # one pause does not count
        ([200] * 10, [400], 250),
        ([300] * 10, [400], 0),  # it would have to be longer than anybody waits
        ([5000] * 10, [400], 0),  # nobody types
        ([80] * 20 + [200] * 15, [400], 250),  # who slows down
        ([80] * 10, [5000, 5000, *[7] * 9], 0),  # a model that was slow at first
    ],
)
def test_how_long(gaps_ms: list[float], latencies_ms: list[float], wait_ms: float) -> None:
    typist = Typist()
    typist.type(*gaps_ms)
    for latency in latencies_ms:
        typist.debounce.answered("model", latency / 1000, is_whole=True)
    wait = typist.debounce.wait_s("model")
    assert wait * 1000 == pytest.approx(wait_ms)
    assert wait == 0 or (typist.debounce.gap_s() or 0) < wait <= MAX_WAIT_S


def test_another_model_is_measured_anew() -> None:
    typist = Typist()
    typist.type(*[80] * 10)
    typist.debounce.answered("slow", 0.2, is_whole=True)
    assert typist.debounce.wait_s("fast") == 0
    typist.debounce.answered("fast", 0.01, is_whole=True)
    assert typist.debounce.wait_s("fast") == 0
    assert typist.debounce.latency("slow") is None


@pytest.mark.parametrize(
    ("latencies", "wait_ms"),
    [
        ([(80, False)] * 3, 100),  # each was overtaken: it would have taken longer
        ([(80, False)] * 4 + [(200, True)] * 5, 100),
        ([(40, False)] * 4 + [(60, True)] * 5, 0),  # now and then a key came early
        ([(80, False)] * 9 + [(7, True)] * 9, 0),
    ],
)
def test_what_was_cut_short_took_at_least_so_long(
    latencies: list[tuple[float, bool]], wait_ms: float
) -> None:
    """A slow model whose answers are all overtaken is slow all the same."""
    typist = Typist()
    typist.type(*[80] * 10)
    for milliseconds, is_whole in latencies:
        typist.debounce.answered("model", milliseconds / 1000, is_whole=is_whole)
    assert typist.debounce.wait_s("model") * 1000 == pytest.approx(wait_ms)


def test_it_is_explained() -> None:
    typist = Typist()
    typist.type(*[80] * 10)
    typist.debounce.answered("model", 0.2, is_whole=True)
    assert typist.debounce.hold("model") == "keys come every 80 ms, answers take 200 ms"
    typist.debounce.answered("model", 0.3, is_whole=False)
    assert typist.debounce.hold("model").endswith("answers take at least 300 ms")


@pytest.mark.parametrize(("answers_ms", "is_whole"), [(20, True), (80, False)])
def test_what_is_known_of_a_model_that_never_answers_is_forgotten(
    answers_ms: float,
    is_whole: bool,  # noqa: FBT001
) -> None:
    typist = Typist()
    typist.type(*[80] * 10)
    for _ in range(9):
        typist.debounce.answered("model", 0.7, is_whole=True)  # with its prompt to be read
    waits = []
    for _ in range(30):
        wait = typist.debounce.wait_s("model")
        waits.append(wait > 0)
        if wait:
            typist.debounce.hold("model")  # and the next key comes
        else:
            typist.debounce.answered("model", answers_ms / 1000, is_whole=is_whole)
    if is_whole:  # it is quick by now
        assert waits == [True] * 9 + [False] * 21
    else:
        assert waits == ([True] * 9 + [False]) * 3
