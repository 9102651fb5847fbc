"""What an export is worth before any editor sees it: its loss on held-out rows, and what 8 bits cost.

Runs both graphs on the same rows. What an editor gets of it is measured by `sparrow bench wren`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inference.engines.wren_package import GRAPH
from inference.wren.export import CHECKPOINT, FULL_GRAPH
from inference.wren.shape import Shape
from inference.wren.tokenizer import END, FIM_MIDDLE, SPECIAL


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`held_out` and `held_out_answers` are in nats for each token, of the small graph."""

    positions: int
    held_out: float
    held_out_answers: float
    held_out_full: float  # of the graph in full precision
    same_token: float  # share of positions at which both graphs find the same token likeliest


def evaluate(exported: Path, rows_file: Path, most_rows: int) -> Evaluation:
    import numpy as np
    import onnxruntime

    package = exported / "package"
    config = json.loads((package / CHECKPOINT / "config.json").read_text(encoding="utf-8"))
    shape = Shape.from_hugging_face(config)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    small, full = (
        onnxruntime.InferenceSession(exported / path, options, providers=["CPUExecutionProvider"])
        for path in (Path("package") / GRAPH, Path(FULL_GRAPH))
    )
    rows = np.load(rows_file)[:most_rows].astype(np.int64)
    is_answer = answers(rows, SPECIAL.index(FIM_MIDDLE), SPECIAL.index(END))[:, 1:]
    losses, full_losses, same = [], [], []
    for row in rows:
        logits, reference = (logits_of(session, shape, row[:-1]) for session in (small, full))
        losses.append(_losses(logits, row[1:]))
        full_losses.append(_losses(reference, row[1:]))
        same.append(logits.argmax(-1) == reference.argmax(-1))
    every = np.array(losses)
    return Evaluation(
        positions=int(every.size),
        held_out=float(every.mean()),
        held_out_answers=float(every[is_answer].mean()),
        held_out_full=float(np.mean(full_losses)),
        same_token=float(np.mean(same)),
    )


def answers(rows: Any, middle_id: int, end_id: int) -> Any:
    """Which ids are an answer: those behind `middle_id` up to the `end_id` that ends it, included."""
    import numpy as np

    found = np.zeros(rows.shape, dtype=bool)
    for row, marks in zip(rows, found, strict=True):
        inside = False
        for at, token in enumerate(row):
            marks[at] = inside
            inside = (inside or token == middle_id) and token != end_id
    return found


def logits_of(session: Any, shape: Shape, ids: Any) -> Any:
    import numpy as np

    nothing = np.zeros((0, shape.head), dtype=np.float32)
    feeds = {item.name: nothing for item in session.get_inputs() if item.name.startswith("past")}
    feeds |= {"ids": ids[None], "logits_from": np.array([0])}
    return session.run(["logits"], feeds)[0]


def _losses(logits: Any, targets: Any) -> Any:
    import numpy as np

    shifted = logits - logits.max(-1, keepdims=True)
    normal = np.log(np.exp(shifted).sum(-1))
    return normal - shifted[np.arange(len(targets)), targets]
