"""What a user is told of a start of vLLM's that failed, from what vLLM says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference.engines import vllm_failure
from inference.engines.vllm_failure import is_refused_argument, reason


class Refused(ValueError):
    """Tells of values as pydantic does, with a text of many lines and an address at its end."""

    def __init__(self, *problems: dict[str, Any]) -> None:
        super().__init__(
            "1 validation error for ModelConfig\n  For further information visit https://"
        )
        self.problems = list(problems)

    def errors(self) -> list[dict[str, Any]]:
        return self.problems


DTYPE = {
    "type": "literal_error",
    "loc": ("dtype", "literal['auto','half']"),
    "msg": "Input should be 'auto' or 'half'",
    "input": "float8",
}
LENGTH = {"loc": (), "msg": "Value error, max_model_len (100000) is greater than 4096.\nSet ..."}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Refused(DTYPE, {**DTYPE, "msg": "another"}), "dtype='float8': Input should be 'auto' or 'half'"),
        (Refused(LENGTH), "max_model_len (100000) is greater than 4096"),
        (Refused(), "For further information visit https://"),
        (OSError("one\n  the last  \n"), "the last"),
        (RuntimeError(), "RuntimeError"),
        (RuntimeError("x" * 1000), "x" * 400),
    ],
)  # fmt: skip
def test_the_reason_is_one_line(error: Exception, said: str) -> None:
    assert reason(error) == said


def test_only_an_argument_that_is_refused_is_one() -> None:
    assert is_refused_argument(Refused(DTYPE))
    assert not is_refused_argument(Refused())
    assert not is_refused_argument(RuntimeError("no"))


ELSEWHERE = RuntimeError("Engine core initialization failed. See root cause above.")
LOG = """\
(Worker pid=7) ERROR 11-26 Traceback (most recent call last):
(Worker pid=7) ERROR 11-26     raise ValueError(
(Worker pid=7) ERROR 11-26 ValueError: fp8 is not supported on this CPU.
Exception: WorkerProc initialization failed due to an exception. See stack trace for root cause.
RuntimeError: Engine core initialization failed. See root cause above.
"""


def test_a_cause_that_stands_in_the_log_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "host.log"
    log.write_text(LOG)
    monkeypatch.setattr(vllm_failure, "ERROR_STREAM", log)
    assert reason(ELSEWHERE) == "fp8 is not supported on this CPU"
    log.write_text("nothing of that kind\n")
    assert reason(ELSEWHERE) == "Engine core initialization failed. See root cause above"


@pytest.mark.parametrize("name", [".", "absent"])
def test_without_a_log_vllms_own_words_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(vllm_failure, "ERROR_STREAM", tmp_path / name)
    assert reason(ELSEWHERE) == "Engine core initialization failed. See root cause above"
