"""The engine that the other tests stand on: it answers by its rules, and refuses the rest."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inference import engines
from inference.engines.base import Piece
from inference.engines.scripted import ScriptedEngine, digest_around
from inference.errors import EngineFailed, UnknownModel, UnsupportedRequest
from inference.prompt import Chunk, Prompt, PromptLayout, PromptSection
from inference.protocol import FinishReason, Priority, Role, Tail
from inference.sampling import Sampling

MakeEngine = Callable[..., ScriptedEngine]


@pytest.fixture
def engine_of(tmp_path: Path) -> MakeEngine:
    """Makes a loaded engine of rules, and of what else a script may say."""

    def make(*rules: dict[str, Any], **others: Any) -> ScriptedEngine:
        script = tmp_path / "script.json"
        script.write_text(json.dumps({"rules": rules, **others}))
        engine = ScriptedEngine(str(script))
        asyncio.run(engine.load(lambda _message, _progress: None))
        return engine

    return make


def prompt(
    *chunks: str, tail: str = "", path: str = "main.py", context: str | None = None
) -> Prompt[str]:
    def section(role: Role, path: str, *texts: str) -> PromptSection[str]:
        return PromptSection(role, path, tuple(Chunk(text, text.split()) for text in texts))

    sections = [section(Role.CONTEXT, context, "context")] if context else []
    sections.append(section(Role.PREFIX, path, *chunks))
    return Prompt(PromptLayout(tuple(sections)), Tail(tail, "behind the cursor"))


def reply(engine: ScriptedEngine, prompt: Prompt[str], max_tokens: int = 100) -> list[Piece]:
    async def collect() -> list[Piece]:
        pieces = engine.generate(prompt, Sampling(max_tokens), Priority.COMPLETION)
        return [piece async for piece in pieces]

    return asyncio.run(collect())


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


class TestRules:
    def test_the_first_that_holds_answers(self, engine_of: MakeEngine) -> None:
        engine = engine_of(
            {"when": {"prefix_ends_with": "def "}, "reply": ["name"]},
            {"when": {"prefix_ends_with": "f "}, "reply": ["later"]},
            {"reply": ["anything"]},
        )
        assert text_of(reply(engine, prompt(tail="def "))) == "name"
        assert text_of(reply(engine, prompt(tail="if "))) == "later"
        assert text_of(reply(engine, prompt(tail="if"))) == "anything"

    def test_all_conditions_must_hold(self, engine_of: MakeEngine) -> None:
        when = {"prefix_ends_with": "(", "path_ends_with": ".py"}
        engine = engine_of({"when": when, "reply": [")"]})
        assert text_of(reply(engine, prompt(tail="f("))) == ")"
        for other in (prompt(tail="f"), prompt(tail="f(", path="main.rs")):
            with pytest.raises(UnsupportedRequest):
                reply(engine, other)

    @pytest.mark.parametrize(
        "given",
        [
            prompt(tail="import os\n"),
            prompt("import os\n"),
            prompt("import os", tail="\n"),
            prompt("im", "port", " ", "os\n"),
            prompt("x = 1\n", "", "import", " os", tail="\n"),
        ],
    )
    def test_the_end_of_the_prefix_is_found_across_chunks(
        self, engine_of: MakeEngine, given: Prompt[str]
    ) -> None:
        engine = engine_of({"when": {"prefix_ends_with": "import os\n"}, "reply": ["ok"]})
        assert text_of(reply(engine, given)) == "ok"

    def test_the_path_is_that_of_the_current_file(self, engine_of: MakeEngine) -> None:
        engine = engine_of({"when": {"path_ends_with": ".py"}, "reply": ["ok"]})
        assert text_of(reply(engine, prompt(context="lib.rs"))) == "ok"
        with pytest.raises(UnsupportedRequest):
            reply(engine, prompt(path="main.rs", context="lib.py"))

    def test_what_no_rule_knows_is_refused_and_shown(self, engine_of: MakeEngine) -> None:
        engine = engine_of({"when": {"prefix_ends_with": "known"}, "reply": []})
        with pytest.raises(UnsupportedRequest, match="the very end") as caught:
            reply(engine, prompt(tail="x" * 1000 + "the very end"))
        assert len(caught.value.message) < 200


class TestReplies:
    def test_a_reply_comes_in_its_pieces(self, engine_of: MakeEngine) -> None:
        pieces = reply(engine_of({"reply": ["a", "b", "c"]}), prompt())
        assert [piece.text for piece in pieces if piece.text] == ["a", "b", "c"]
        assert sum(piece.token_count for piece in pieces) == 3

    @pytest.mark.parametrize(
        ("max_tokens", "text", "finish"),
        [
            (1, "a", FinishReason.LENGTH),
            (2, "ab", FinishReason.LENGTH),
            (3, "abc", FinishReason.STOP),
            (4, "abc", FinishReason.STOP),
        ],
    )
    def test_max_tokens_cuts_it(
        self, engine_of: MakeEngine, max_tokens: int, text: str, finish: FinishReason
    ) -> None:
        pieces = reply(engine_of({"reply": ["a", "b", "c"]}), prompt(), max_tokens)
        assert text_of(pieces) == text
        assert [piece.finish for piece in pieces if piece.finish] == [finish]
        assert pieces[-1].finish is finish

    def test_an_empty_reply_ends(self, engine_of: MakeEngine) -> None:
        pieces = reply(engine_of({"reply": []}), prompt())
        assert (text_of(pieces), pieces[-1].finish) == ("", FinishReason.STOP)

    def test_the_same_request_has_the_same_reply(self, engine_of: MakeEngine) -> None:
        engine = engine_of({"reply": ["a", "b"]})
        assert reply(engine, prompt()) == reply(engine, prompt())

    def test_it_dies_after_its_reply(self, engine_of: MakeEngine) -> None:
        engine = engine_of({"reply": ["a"], "then": "die"})

        async def collect() -> list[str]:
            pieces = engine.generate(prompt(), Sampling(9), Priority.CHAT)
            texts = [(await anext(pieces)).text]
            with pytest.raises(EngineFailed):
                await anext(pieces)
            return texts

        assert asyncio.run(collect()) == ["a"]

    def test_it_hangs_until_it_is_cancelled(self, engine_of: MakeEngine) -> None:
        engine = engine_of({"reply": ["a"], "then": "hang"})

        async def cancel() -> None:
            pieces = engine.generate(prompt(), Sampling(9), Priority.CHAT)
            assert (await anext(pieces)).text == "a"
            waiting = asyncio.ensure_future(anext(pieces))
            await asyncio.wait([waiting], timeout=0.01)
            assert not waiting.done()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await pieces.aclose()

        asyncio.run(cancel())


class TestLoading:
    @pytest.mark.parametrize(
        "content",
        [
            None,
            "",
            "{",
            "[]",
            "null",
            "{}",
            '{"rules": 5}',
            '{"rules": [5]}',
            '{"rules": [{}]}',
            '{"rules": [{"reply": 5}]}',
            '{"rules": [{"reply": "text"}]}',
            '{"rules": [{"reply": [5]}]}',
            '{"rules": [{"reply": [], "then": "explode"}]}',
            '{"rules": [{"reply": [], "delay": 5}]}',
            '{"rules": [{"reply": [], "delay_ms": "soon"}]}',
            '{"rules": [{"reply": [], "when": {"suffix": "x"}}]}',
            '{"rules": [{"reply": [], "when": []}]}',
            '{"rules": [{"reply": [], "when": {"prefix_ends_with": 5}}]}',
            '{"rules": [], "load_seconds": "long"}',
            '{"rules": [], "unknown": 1}',
        ],
    )
    def test_a_script_that_cannot_be_used_is_told_with_its_path(
        self, tmp_path: Path, content: str | None
    ) -> None:
        script = tmp_path / "script.json"
        if content is not None:
            script.write_text(content)
        engine = ScriptedEngine(str(script))
        with pytest.raises(EngineFailed, match=r"script\.json"):
            asyncio.run(engine.load(lambda _message, _progress: None))

    def test_it_fails_with_the_reason_of_the_script(self, engine_of: MakeEngine) -> None:
        with pytest.raises(EngineFailed, match="no memory left"):
            engine_of(fail_load="no memory left")

    def test_slow_loading_is_reported_from_0_to_1(self, tmp_path: Path) -> None:
        script = tmp_path / "script.json"
        script.write_text('{"rules": [], "load_seconds": 0.01}')
        reports: list[tuple[str, float | None]] = []
        engine = ScriptedEngine(str(script))
        asyncio.run(engine.load(lambda *report: reports.append(report)))
        progress = [fraction for _, fraction in reports if fraction is not None]
        assert len(progress) > 1
        assert progress == sorted(progress)
        assert all(0 <= fraction <= 1 for fraction in progress)
        assert all(message for message, _ in reports)


class TestNames:
    def test_a_script_is_named_behind_a_colon(self) -> None:
        engine = engines.create("scripted:/a:b.json", {})
        assert isinstance(engine, ScriptedEngine)

    @pytest.mark.parametrize(
        "model", ["", ":", "scripted", "scripted:", "suffix:x", "Suffix", "gpt", "../suffix"]
    )
    def test_another_name_is_refused_with_what_to_do(self, model: str) -> None:
        with pytest.raises(UnknownModel, match=repr(model)) as caught:
            engines.create(model, {})
        assert caught.value.hint


def test_what_is_drawn_is_another_answer_for_each_sample(engine_of: MakeEngine) -> None:
    engine = engine_of({"reply": ["likeliest"], "drawn": ["one", "two"]})
    assert engine.capabilities.samples
    assert text_of(reply(engine, prompt("x"))) == "likeliest"

    async def draw() -> list[Piece]:
        sampling = Sampling(9, temperature=0.5, samples=3)
        return [it async for it in engine.generate(prompt("x"), sampling, Priority.COMPLETION)]

    pieces = asyncio.run(draw())
    assert [(it.sample, it.text) for it in pieces if it.text] == [
        (0, "one"),
        (1, "two"),
        (2, "one"),
    ]
    assert [it.sample for it in pieces if it.finish is FinishReason.STOP] == [0, 1, 2]


def test_a_digest_says_which_text_was_asked_about(engine_of: MakeEngine) -> None:
    engine = engine_of({"reply": ["seen_"], "digest": True})
    whole = digest_around("def a():\n    pass\nx", "behind the cursor")
    assert text_of(reply(engine, prompt("def a():\n", "    pass\n", tail="x"))) == f"seen_{whole}"
    assert text_of(reply(engine, prompt("def a():\n    pass\n", tail="x"))) == f"seen_{whole}"
    assert text_of(reply(engine, prompt("def a():\n    pass\n", tail="y"))) != f"seen_{whole}"
