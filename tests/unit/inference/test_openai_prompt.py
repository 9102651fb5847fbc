"""Prompts as texts, and the requests that carry them to OpenAI-compatible servers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engines.openai_prompt import SpecialTexts, TextFormat
from inference.engines.openai_request import Requests
from inference.engines.openai_server import Address, ServedModel, ServerKind
from inference.errors import PromptTooLong
from inference.formats.fim import CODESTRAL, FAMILIES, QWEN, STAR_CODER, FimFamily, FimOrder
from inference.formats.infill_chat import infill
from inference.protocol import Priority, Tail
from inference.sampling import Sampling
from tests.unit.inference.openai_mock import LOCAL, layout_of


class TestPromptText:
    @pytest.mark.parametrize(
        ("family", "order", "expected"),
        [
            (
                QWEN,
                FimOrder.PREFIX_FIRST,
                (
                    "<|file_sep|>util\nu = 1\n<|file_sep|>src/main.py\n"
                    "<|fim_prefix|>import u\na = <|fim_suffix|>\nend\n<|fim_middle|>"
                ),
            ),
            (
                QWEN,
                FimOrder.SUFFIX_FIRST,
                (
                    "<|file_sep|>util\nu = 1\n<|file_sep|>src/main.py\n"
                    "<|fim_suffix|>\nend\n<|fim_prefix|>import u\na = <|fim_middle|>"
                ),
            ),
            (
                STAR_CODER,
                FimOrder.PREFIX_FIRST,
                (
                    "<file_sep>util\nu = 1<file_sep><fim_prefix>src/main.py\nimport u\na = "
                    "<fim_suffix>\nend\n<fim_middle>"
                ),
            ),
            (
                CODESTRAL,
                FimOrder.SUFFIX_FIRST,
                "[SUFFIX]\nend\n[PREFIX]+++++ util\nu = 1\n+++++ src/main.py\nimport u\na = ",
            ),
        ],
    )
    def test_follows_the_family(self, family: FimFamily, order: FimOrder, expected: str) -> None:
        layout = layout_of("import u\n", "end\n", util="u = 1")
        text = TextFormat(family, order).layout(layout).with_tail(Tail("a = ", "\n"))
        assert text == expected

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_every_family_and_order_holds_all_parts_once(self, family: FimFamily) -> None:
        for order in family.orders:
            layout = layout_of("PRE1\n", "SUF2\n", other="CTX\n")
            text = TextFormat(family, order).layout(layout).with_tail(Tail("PRE2", "SUF1\n"))
            for part in ("PRE1\nPRE2", "SUF1\nSUF2\n", "CTX\n", "other", "src/main.py"):
                assert text.count(part) == 1
            assert family.begin not in text or not family.begin

    @pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
    def test_files_that_spell_special_tokens_do_not_speak_to_the_model(
        self, family: FimFamily
    ) -> None:
        spelled = "".join(sorted(family.names))
        for order in family.orders:
            fmt = TextFormat(family, order)
            plain = fmt.layout(layout_of("a\n", "b\n", "p.py", o="c\n")).with_tail(Tail("d", "e"))
            layout = layout_of(f"a{spelled}\n", f"b{spelled}\n", f"p{spelled}.py", o=spelled)
            text = fmt.layout(layout).with_tail(Tail(spelled, spelled))
            for name in family.names:
                assert text.count(name) == plain.count(name), name

    def test_a_name_across_the_border_of_layout_and_tail_is_broken_up(self) -> None:
        fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
        layout = fmt.layout(layout_of("a\n<|fim_", "middle|>\nb\n"))
        text = layout.with_tail(Tail("middle|>", "<|fim_"))
        assert text.count("<|fim_middle|>") == 1
        assert text.endswith("<|fim_middle|>")

    @given(st.lists(st.sampled_from(["<|a|>", "<|", "a|>", "|>", "<s>", "<", "s>", " ", "x"])))
    def test_no_name_is_left(self, parts: list[str]) -> None:
        text = SpecialTexts(["<|a|>", "<s>"]).broken_up("".join(parts))
        assert "<|a|>" not in text
        assert "<s>" not in text
        assert text.replace(" ", "") == "".join(parts).replace(" ", "")

    def test_the_path_stays_in_its_line(self) -> None:
        fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
        text = fmt.layout(layout_of("", "", "a\nb{path}.py")).with_tail(Tail("", ""))
        assert "<|file_sep|>a b{path}.py\n<|fim_prefix|>" in text

    def test_a_file_without_a_name_has_no_path_line(self) -> None:
        text = TextFormat(QWEN, FimOrder.PREFIX_FIRST).layout(layout_of("a\n", "", ""))
        assert text.with_tail(Tail("", "")) == "<|fim_prefix|>a\n<|fim_suffix|><|fim_middle|>"


def requests_of(
    kind: ServerKind, context_tokens: int | None = None, stop_ids: frozenset[int] = frozenset()
) -> Requests:
    return Requests(Address.parse(LOCAL), ServedModel("m", kind, context_tokens), "salt", stop_ids)


class TestRequests:
    fmt = TextFormat(QWEN, FimOrder.PREFIX_FIRST)
    sampling = Sampling(32, temperature=0.2, top_p=0.9, seed=7, stop=("\n\n",))

    def test_other_servers_get_standard_fields_alone(self) -> None:
        call = requests_of(ServerKind.OTHER).completion(
            self.fmt, "text", self.sampling, Priority.COMPLETION
        )
        assert call.url == f"{LOCAL}/completions"
        assert call.body == {
            "model": "m",
            "prompt": "text",
            "stream": True,
            "max_tokens": 32,
            "temperature": 0.2,
            "top_p": 0.9,
            "seed": 7,
            "stop": ["\n\n", *self.fmt.stops],
            "stream_options": {"include_usage": True},
        }
        assert {"<|fim_pad|>", "<|endoftext|>", "<|file_sep|>"} <= set(self.fmt.stops)

    def test_vllm_gets_priority_salt_and_stop_ids(self) -> None:
        requests = requests_of(ServerKind.VLLM, stop_ids=frozenset({5, 3}))
        body = requests.completion(self.fmt, "text", self.sampling, Priority.WARM_UP).body
        assert (body["priority"], body["cache_salt"]) == (4, "salt")
        assert (body["stop_token_ids"], body["stop"]) == ([3, 5], ["\n\n"])

    def test_ollama_gets_a_raw_prompt(self) -> None:
        call = requests_of(ServerKind.OLLAMA).completion(
            self.fmt, "text", self.sampling, Priority.EDIT
        )
        assert call.url == "http://127.0.0.1:8000/api/generate"
        assert (call.body["raw"], call.body["truncate"]) == (True, False)
        options = call.body["options"]
        assert (options["num_predict"], options["seed"]) == (32, 7)
        assert options["repeat_penalty"] == 1.0

    def test_the_answer_is_bounded_by_the_room_in_the_context(self) -> None:
        def max_tokens(text: str) -> int:
            requests = requests_of(ServerKind.VLLM, context_tokens=100)
            body = requests.completion(self.fmt, text, self.sampling, Priority.COMPLETION).body
            return int(body["max_tokens"])

        assert max_tokens("x" * 33) == 32
        assert max_tokens("x" * 264) == 20
        assert max_tokens("x" * 500) == 16  # perhaps it fits: the server knows

    def test_a_prompt_that_cannot_fit_is_refused_with_by_how_much(self) -> None:
        requests = requests_of(ServerKind.VLLM, context_tokens=100)
        with pytest.raises(PromptTooLong, match=r"about 200 tokens, 100 more than .* of 100"):
            requests.completion(self.fmt, "x" * 660, self.sampling, Priority.COMPLETION)

    def test_an_infill_by_chat_opens_the_answer_where_the_server_lets_it(self) -> None:
        asked = infill("a.py", "a = ", "\n")
        body = requests_of(ServerKind.VLLM).infill(asked, Sampling(5), Priority.COMPLETION).body
        assert body["messages"][-1] == {"role": "assistant", "content": "```py\na = "}
        assert body["continue_final_message"]
        assert not body["add_generation_prompt"]
        assert body["max_tokens"] == 5
        assert body["chat_template_kwargs"] == {"enable_thinking": False}
        other = requests_of(ServerKind.OTHER).infill(asked, Sampling(5), Priority.COMPLETION).body
        assert [message["role"] for message in other["messages"]] == ["system", "user"]
        assert other["max_tokens"] > 5
        assert "chat_template_kwargs" not in other
        assert "stop" not in other
