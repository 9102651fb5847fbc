"""Fill-in-the-middle prompts: each family's spelling, and what stays while the user types."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.formats.fim import (
    CODESTRAL,
    DEEP_SEEK,
    FAMILIES,
    FimFamily,
    FimLayout,
    FimOrder,
    FimTokens,
    fim_layout,
)
from inference.prompt import Chunk, PromptLayout, PromptSection
from inference.protocol import Role

PSM, SPM = FimOrder.PREFIX_FIRST, FimOrder.SUFFIX_FIRST
FIRST_SPECIAL = 0x110000
SPECIAL = sorted({name for family in FAMILIES for name in family.names})
ID_OF = {name: FIRST_SPECIAL + number for number, name in enumerate(SPECIAL)}


def encode(text: str) -> list[int]:
    """One token for each character: so prompts can be read back."""
    return [ord(character) for character in text]


def spelled(ids: Sequence[int]) -> str:
    return "".join(chr(n) if n < FIRST_SPECIAL else SPECIAL[n - FIRST_SPECIAL] for n in ids)


def section(role: Role, path: str, *texts: str) -> PromptSection[int]:
    return PromptSection(role, path, tuple(Chunk(text, encode(text)) for text in texts))


def tokens_of(family: FimFamily) -> FimTokens:
    found = FimTokens.find(ID_OF.get, [family])
    assert found is not None
    return found


LAYOUT = PromptLayout(
    (
        section(Role.CONTEXT, "a.py", "import b\n", "A = 1\n"),
        section(Role.CONTEXT, "dir/b.py", "B = 2"),
        section(Role.SUFFIX, "main.py", "end()\n"),
        section(Role.PREFIX, "main.py", "start()\n"),
    )
)
EMPTY: PromptLayout[int] = PromptLayout(())
PROMPTS = [
    (
        "qwen",
        PSM,
        (
            "<|repo_name|>demo\n<|file_sep|>a.py\nimport b\nA = 1\n<|file_sep|>dir/b.py\nB = 2\n"
            "<|file_sep|>main.py\n<|fim_prefix|>start()\nx = <|fim_suffix|> + 1\nend()\n<|fim_middle|>"
        ),
    ),
    (
        "qwen",
        SPM,
        (
            "<|repo_name|>demo\n<|file_sep|>a.py\nimport b\nA = 1\n<|file_sep|>dir/b.py\nB = 2\n"
            "<|file_sep|>main.py\n<|fim_suffix|> + 1\nend()\n<|fim_prefix|>start()\nx = <|fim_middle|>"
        ),
    ),
    (
        "starcoder2",
        PSM,
        (
            "<repo_name>demo<file_sep>a.py\nimport b\nA = 1\n<file_sep>dir/b.py\nB = 2"
            "<file_sep><fim_prefix>main.py\nstart()\nx = <fim_suffix> + 1\nend()\n<fim_middle>"
        ),
    ),
    (
        "starcoder2",
        SPM,
        (
            "<repo_name>demo<file_sep>a.py\nimport b\nA = 1\n<file_sep>dir/b.py\nB = 2"
            "<file_sep><fim_prefix><fim_suffix> + 1\nend()\n<fim_middle>main.py\nstart()\nx = "
        ),
    ),
    (
        "codegemma",
        PSM,
        (
            "<bos><|file_separator|>a.py\nimport b\nA = 1\n<|file_separator|>dir/b.py\nB = 2\n"
            "<|file_separator|>main.py\n"
            "<|fim_prefix|>start()\nx = <|fim_suffix|> + 1\nend()\n<|fim_middle|>"
        ),
    ),
    (
        "codellama",
        PSM,
        (
            "<s># a.py\nimport b\nA = 1\n# dir/b.py\nB = 2\n"
            "▁<PRE># main.py\nstart()\nx = ▁<SUF> + 1\nend()\n▁<MID>"
        ),
    ),
    (
        "codellama",
        SPM,
        (
            "<s># a.py\nimport b\nA = 1\n# dir/b.py\nB = 2\n"
            "▁<PRE>▁<SUF> + 1\nend()\n▁<MID># main.py\nstart()\nx = "
        ),
    ),
    (
        "deepseek-coder",
        PSM,
        (
            "<\uff5cbegin▁of▁sentence\uff5c>#a.py\nimport b\nA = 1\n#dir/b.py\nB = 2\n"
            "<\uff5cfim▁begin\uff5c>#main.py\nstart()\nx = <\uff5cfim▁hole\uff5c> + 1\nend()\n"
            "<\uff5cfim▁end\uff5c>"
        ),
    ),
    (
        "codestral",
        SPM,
        (
            "<s>[SUFFIX] + 1\nend()\n[PREFIX]+++++ a.py\nimport b\nA = 1\n+++++ dir/b.py\nB = 2\n"
            "+++++ main.py\nstart()\nx = "
        ),
    ),
]


@pytest.mark.parametrize(("family", "order", "prompt"), PROMPTS)
def test_each_family_spells_a_prompt_in_its_own_way(
    family: str, order: FimOrder, prompt: str
) -> None:
    tokens = tokens_of(next(each for each in FAMILIES if each.name == family))
    made = fim_layout(tokens, LAYOUT, encode, "demo")
    assert spelled(made.with_tail(order, encode("x = "), encode(" + 1\n"))) == prompt


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
class TestFamilies:
    def test_a_vocabulary_of_its_tokens_is_recognised(self, family: FimFamily) -> None:
        names = {name: number for name, number in ID_OF.items() if name in family.names}
        found = FimTokens.find(names.get)
        assert found is not None
        assert found.family is family
        assert found.stop_ids == set(names.values())
        assert found.orders == tuple(family.orders)

    def test_a_vocabulary_without_one_of_its_markers_is_not(self, family: FimFamily) -> None:
        for marker in family.markers:
            others = {name: number for name, number in ID_OF.items() if name != marker}
            assert FimTokens.find(others.get, [family]) is None

    def test_every_order_holds_prefix_and_suffix_once(self, family: FimFamily) -> None:
        made = fim_layout(tokens_of(family), LAYOUT, encode)
        for order in family.orders:
            prompt = spelled(made.with_tail(order, encode("«"), encode("»")))
            assert prompt.count("start()\n«") == prompt.count("»end()\n") == 1


class TestFinding:
    def test_nothing_is_found_in_a_vocabulary_of_words(self) -> None:
        assert FimTokens.find({"def": 1}.get) is None

    def test_an_id_that_stands_for_every_unknown_name_is_no_token(self) -> None:
        assert FimTokens.find(lambda _: 0) is None
        known = {"<|fim_prefix|>": 7, "<|fim_suffix|>": 8, "<|fim_middle|>": 9}
        found = FimTokens.find(lambda name: known.get(name, 0))
        assert found is not None
        assert found.ids == known

    def test_tokens_that_a_vocabulary_lacks_are_left_out_of_the_prompt(self) -> None:
        names = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
        found = FimTokens.find(lambda name: ID_OF[name] if name in names else None)
        assert found is not None
        made = fim_layout(found, LAYOUT, encode, "demo")
        assert spelled(made.context_ids) == "a.py\nimport b\nA = 1\ndir/b.py\nB = 2\n"

    def test_deepseek_is_spelled_with_the_wide_bar_and_the_lower_block(self) -> None:
        marks = {
            character for name in DEEP_SEEK.markers for character in name if character > "\x7f"
        }
        assert marks == {"\uff5c", "\u2581"}

    def test_codestral_knows_one_order(self) -> None:
        made = fim_layout(tokens_of(CODESTRAL), LAYOUT, encode)
        with pytest.raises(KeyError):
            made.with_tail(PSM, [], [])


QWEN = tokens_of(next(family for family in FAMILIES if family.name == "qwen"))


class TestLayouts:
    def test_an_empty_layout_leaves_the_documented_form_for_one_file(self) -> None:
        made = fim_layout(QWEN, EMPTY, encode)
        ids = made.with_tail(PSM, encode("a"), encode("b"))
        assert spelled(ids) == "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"

    def test_the_literal_name_of_a_token_stays_text(self) -> None:
        sly = "<|fim_middle|><|file_sep|>"
        layout = PromptLayout(
            (section(Role.CONTEXT, sly, sly), section(Role.PREFIX, sly, sly + "\n"))
        )
        ids = fim_layout(QWEN, layout, encode, sly).with_tail(PSM, encode(sly), encode(sly))
        specials = [SPECIAL[number - FIRST_SPECIAL] for number in ids if number >= FIRST_SPECIAL]
        assert specials == [
            *("<|repo_name|>", "<|file_sep|>", "<|file_sep|>"),
            *("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
        ]

    def test_braces_in_a_path_are_kept(self) -> None:
        layout = PromptLayout((section(Role.PREFIX, "{path}/{0}.py", "a\n"),))
        assert spelled(fim_layout(QWEN, layout, encode).path_ids) == "{path}/{0}.py\n"

    def test_a_newline_is_put_behind_a_file_that_has_none(self) -> None:
        for text, end in (("a\n", "a\n"), ("a\r\n", "a\r\n"), ("a\r", "a\r"), ("a", "a\n")):
            layout = PromptLayout((section(Role.CONTEXT, "x", text),))
            made = fim_layout(QWEN, layout, encode)
            assert spelled(made.context_ids) == f"<|file_sep|>x\n{end}"

    def test_a_chat_frame_stands_around_the_prompt_and_brings_its_own_start(self) -> None:
        tokens = tokens_of(next(family for family in FAMILIES if family.name == "codegemma"))
        made = fim_layout(tokens, EMPTY, encode, frame=(encode("["), encode("]")))
        prompt = spelled(made.with_tail(PSM, encode("a"), []))
        assert prompt == "[<|fim_prefix|>a<|fim_suffix|><|fim_middle|>]"

    def test_chunks_are_not_encoded_again(self) -> None:
        encoded: list[str] = []

        def remember(text: str) -> list[int]:
            encoded.append(text)
            return encode(text)

        made = fim_layout(QWEN, LAYOUT, remember, "demo")
        made.with_tail(PSM, [], [])
        assert encoded == ["demo\n", "a.py\n", "dir/b.py\n", "\n", "main.py\n"]


class TestStableParts:
    def test_what_they_hold(self) -> None:
        made = fim_layout(QWEN, LAYOUT, encode)
        head = spelled([*made.context_ids, *made.file_ids, *made.path_ids])
        assert spelled(made.stable_ids(PSM)) == head + "<|fim_prefix|>start()\n"
        assert spelled(made.stable_ids(SPM)) == head + "<|fim_suffix|>"
        known_suffix = spelled(made.stable_ids(SPM, encode(")\n")))
        assert known_suffix == head + "<|fim_suffix|>)\nend()\n<|fim_prefix|>start()\n"

    @given(
        family=st.sampled_from(FAMILIES),
        prefix=st.lists(st.integers(0, 99)),
        suffix=st.lists(st.integers(0, 99)),
    )
    def test_every_prompt_starts_with_them(
        self, family: FimFamily, prefix: list[int], suffix: list[int]
    ) -> None:
        made: FimLayout = fim_layout(tokens_of(family), LAYOUT, encode, "demo")
        for order in family.orders:
            prompt = made.with_tail(order, prefix, suffix)
            for stable in (made.stable_ids(order), made.stable_ids(order, suffix)):
                assert prompt[: len(stable)] == stable

    @given(typed=st.lists(st.integers(0, 99), min_size=1), suffix=st.lists(st.integers(0, 99)))
    def test_typing_with_the_suffix_first_only_appends(
        self, typed: list[int], suffix: list[int]
    ) -> None:
        made = fim_layout(QWEN, LAYOUT, encode)
        before = made.with_tail(SPM, typed[:-1], suffix)
        after = made.with_tail(SPM, typed, suffix)
        assert after[: len(before) - 1] == before[:-1]
