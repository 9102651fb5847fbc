"""Asks vLLM itself which token it finds likeliest behind each of a prompt's tokens but the last.

`python -m tests.with_vllm.likeliest_tokens CHECKPOINT PROMPTS ANSWERS`: prompts and answers are JSON
files of lists of token ids. In full precision, on the CPU.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

MAX_MODEL_LEN = 512


def main(checkpoint: str, asked: Path, told: Path) -> None:
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # nothing is left where this process ends
    from vllm import LLM, SamplingParams, TokensPrompt

    model = LLM(checkpoint, dtype="float32", max_model_len=MAX_MODEL_LEN, enforce_eager=True)
    prompts = [TokensPrompt(prompt_token_ids=ids) for ids in json.loads(asked.read_text())]
    sampling = SamplingParams(max_tokens=1, temperature=0, prompt_logprobs=1)
    answers = [
        [min(place, key=lambda token_id: place[token_id].rank) for place in it.prompt_logprobs[1:]]
        for it in model.generate(prompts, sampling)
    ]
    told.write_text(json.dumps(answers))
    # vLLM's threads are not joined while Python ends, which now and then aborts the process.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
