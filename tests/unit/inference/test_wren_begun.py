import numpy as np
import pytest

from inference.engines.wren_begun import Begun, Spellings, split

TOKENS = ["<s>", "a", "Ġ", "Ġs", "Ġsu", "Ġsuper", "Ġsum", "Ġself", "s", "super", "(", "(self", "()"]
SPELLINGS = Spellings({text: number for number, text in enumerate(TOKENS)}, frozenset({0}))


@pytest.mark.parametrize(
    ("prefix", "begun"),
    [
        ("", ""),
        ("x = 1\n", ""),
        ("if supe", " supe"),
        ("supe", "supe"),
        ("\n    retu", " retu"),
        ("x.appen", ".appen"),
        ("option_str", "_str"),
        ("\t\tx", "\tx"),
        ("x = ", " "),
        ("\n        ", " "),
        ("print(", "("),
        ("f(a))", ")"),
        ("item2", ""),  # digits are tokens of their own
        ("item2na", "na"),
        ("naïve", "ve"),  # a token may hold half of such a letter
        ("x = '日本", ""),
        ("a" * 40, "a" * 32),
    ],
)
def test_what_a_prefix_ends_within(prefix: str, begun: str) -> None:
    assert split(prefix) == (prefix[: len(prefix) - len(begun)], begun)


def chosen(text: str, favourites: list[str]) -> list[str]:
    """The tokens that are taken, one after another, of a model with these favourites."""
    begun = Begun(text, SPELLINGS, TOKENS)
    logits = np.zeros(len(TOKENS), dtype=np.float32)
    for rank, favourite in enumerate(favourites):
        logits[TOKENS.index(favourite)] = 9 - rank
    taken = []
    while begun.held(logits) is not logits:
        token_id = int(np.argmax(begun.held(logits)))
        begun.take(token_id)
        taken.append(TOKENS[token_id])
    return taken


@pytest.mark.parametrize(
    ("text", "favourites", "taken"),
    [
        ("", ["a"], []),
        (" su", ["a", "<s>", "Ġself", "Ġsuper", "Ġsum"], ["Ġsuper"]),
        (" su", ["Ġsum", "Ġsuper"], ["Ġsum"]),
        (" super", ["Ġ", "super"], ["Ġ", "super"]),
        ("(", ["a", "()", "("], ["()"]),
        ("(", ["a"], ["("]),
    ],
)
def test_tokens_spell_what_stands_there(text: str, favourites: list[str], taken: list[str]) -> None:
    assert chosen(text, favourites) == taken
