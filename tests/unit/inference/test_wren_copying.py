import numpy as np
import pytest

from inference.engines.wren_copying import LONGEST, RIGHT, TRUST, Copying, Vocabulary

PLAIN = Vocabulary.of({f"t{it}": it for it in range(10)}, ())
EVEN = np.zeros(10, dtype=np.float32)  # logits of a model that knows nothing


def chances(copying: Copying) -> list[float]:
    logits = np.exp(copying.weighed(EVEN).astype(np.float64))
    return [round(float(it), 3) for it in logits / logits.sum()]


def with_a_copy_of(length: int) -> float:
    """The chance of what one match of so many tokens says, of ten tokens that are alike else."""
    say = TRUST * RIGHT[length]
    return say + (1 - say) / 10


def test_the_longest_match_is_copied() -> None:
    copying = Copying([1, 2, 3, 7, 9, 2, 3, 8, 3, 6], [1, 2, 3], PLAIN)
    assert np.argmax(copying.weighed(EVEN)) == 7
    assert chances(copying)[7] == pytest.approx(with_a_copy_of(3), abs=1e-3)
    copying.take(7)
    assert np.argmax(copying.weighed(EVEN)) == 9


def test_places_share_the_say_and_the_nearer_has_more() -> None:
    found = chances(Copying([3, 4, 5, 3, 6], [3], PLAIN))
    assert found[6] > found[4] > found[5]
    assert sum(found) == pytest.approx(1, abs=0.01)


def test_a_match_is_as_long_as_it_is_rare_to_be_wrong() -> None:
    text = list(range(1, 9)) * 5
    assert list(RIGHT) == sorted(RIGHT)
    assert len(RIGHT) == LONGEST + 1
    found = chances(Copying(text, text, PLAIN))
    assert found[1] == pytest.approx(with_a_copy_of(LONGEST), abs=1e-3)


@pytest.mark.parametrize(
    ("ids", "recent"),
    [([1, 2, 3], []), ([1, 2, 3], [5]), ([1, 2, 3], [3]), ([], [1]), ([1, 2, 0, 4], [2])],
)
def test_without_a_match_the_model_speaks_alone(ids: list[int], recent: list[int]) -> None:
    assert (
        Copying(ids, recent, Vocabulary(PLAIN.ids, PLAIN.spelled, frozenset({0}))).weighed(EVEN)
        is EVEN
    )


SPELLED = [
    "<s>",
    "\u010a",
    "\u0120\u0120\u0120",
    "\u0120\u0120",
    "\u0120self",
    "self",
    ".",
    "\u0120se",
    "lf",
    "=",
]
WORDS = Vocabulary.of({text: number for number, text in enumerate(SPELLED)}, (0,))


@pytest.mark.parametrize(
    ("prompt", "recent", "found"),
    [
        # Behind an indentation: the last of its spaces belongs to the word.
        ([6, 1, 3, 4, 6, 1], [6, 1, 2], 5),
        # In a word that a longer token spells.
        ([6, 1, 3, 4, 6, 1, 3], [6, 1, 3, 7], 8),
    ],
)
def test_a_cursor_may_stand_within_a_token(
    prompt: list[int], recent: list[int], found: int
) -> None:
    copying = Copying([*prompt, 0], recent, WORDS)
    assert np.argmax(copying.weighed(EVEN)) == found
    copying.take(found)
    assert np.argmax(copying.weighed(EVEN)) == 6
