"""The steps from repositories to a model that the engine loads, one command each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from inference.wren.sequences import Sequences

MANIFEST = Path(__file__).with_name("repositories.json")
_EXISTING = click.Path(exists=True, path_type=Path)
_TARGET = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Makes wren. Each step reads what the one before it wrote."""


@main.command()
@click.option("--manifest", type=_EXISTING, default=MANIFEST, show_default=True)
@click.option("--clones", type=_EXISTING, required=True, help="Folder of owner/name.")
@click.option("--exclude", type=_EXISTING, multiple=True, help="Folder of texts not to learn.")
@click.option("--out", type=_TARGET, required=True)
def corpus(manifest: Path, clones: Path, exclude: tuple[Path, ...], out: Path) -> None:
    """Collect the files to learn from."""
    from inference.wren.corpus import build
    from inference.wren.manifest import UnusableManifest, read_manifest

    def progress(name: str, done: int, total: int) -> None:
        click.echo(f"\r{done}/{total} {name:<40.40}", nl=False, err=True)

    try:
        repositories = read_manifest(manifest)
    except UnusableManifest as error:
        raise click.ClickException(str(error)) from None
    report = build(repositories, clones, exclude, out, progress)
    click.echo(err=True)
    for refused in report.refused:
        click.echo(f"left out: {refused}", err=True)
    click.echo(f"{sum(report.kept.values()) / 1e6:.1f} MB, dropped {dict(report.dropped)}")


@main.command()
@click.option("--corpus", "source", type=_EXISTING, required=True)
@click.option("--out", type=_TARGET, required=True, help="Folder for tokenizer.json.")
@click.option("--vocabulary", default=8_192, show_default=True)
@click.option("--megabytes", default=30, show_default=True, help="Of the corpus, at most.")
def tokenizer(source: Path, out: Path, vocabulary: int, megabytes: int) -> None:
    """Learn the vocabulary."""
    from inference.wren import tokenizer as vocabularies
    from inference.wren.corpus import sample

    made = vocabularies.train(sample(source, megabytes * 1_000_000), vocabulary)
    vocabularies.save(made, out)
    click.echo(f"{made.get_vocab_size()} tokens")


@main.command()
@click.option("--corpus", "source", type=_EXISTING, required=True)
@click.option("--tokenizer", "vocabulary", type=_EXISTING, required=True)
@click.option("--out", type=_TARGET, required=True, help="Folder for the rows.")
@click.option("--rows", multiple=True, required=True, metavar="LENGTHxCOUNT")
@click.option("--validation", default="512x48", show_default=True, metavar="LENGTHxCOUNT")
@click.option("--seed", default=1, show_default=True)
def data(
    *, source: Path, vocabulary: Path, out: Path, rows: tuple[str, ...], validation: str, seed: int
) -> None:
    """Draw the training sequences."""
    from inference.wren.sequences import Rows, write

    out.mkdir(parents=True, exist_ok=True)

    def draw(sizes: tuple[str, ...], name: str, *, held_out: bool) -> None:
        sequences = _sequences(source, vocabulary, held_out=held_out)
        for size in sizes:
            length, count = map(int, size.split("x"))
            target = out / f"{name}-{length}.npy"
            with click.progressbar(length=count, label=target.name) as bar:
                write(sequences, target, Rows(count, length, seed), bar.update)

    draw(rows, "train", held_out=False)
    draw((validation,), "held-out", held_out=True)


@main.command()
@click.option("--data", "source", type=_EXISTING, required=True, help="Folder of the rows.")
@click.option(
    "--out", type=_TARGET, required=True, help="Folder of the run; resumed if it is there."
)
@click.option(
    "--corpus",
    type=_EXISTING,
    help="Draw the rows from it during the run; of --data those for validation are read alone.",
)
@click.option("--tokenizer", "vocabulary", type=_EXISTING, help="Needed with --corpus.")
@click.option("--workers", default=1, show_default=True, help="Processes that draw rows.")
@click.option("--minutes", type=float, required=True, help="Of training, earlier runs included.")
@click.option(
    "--stage",
    multiple=True,
    metavar="LENGTH:UNTIL",
    default=("512:0.75", "1024:0.92", "2048:1"),
    show_default=True,
    help="Rows of that length until that share of the time.",
)
@click.option("--validation", default=512, show_default=True, help="Length of its rows.")
@click.option("--threads", default=1, show_default=True)
@click.option("--hidden", default=256, show_default=True)
@click.option("--layers", default=4, show_default=True)
@click.option("--heads", default=4, show_default=True)
@click.option("--key-heads", default=2, show_default=True)
@click.option("--feed-forward", default=704, show_default=True)
@click.option("--vocabulary", "tokens", default=8_192, show_default=True)
@click.option("--batch-tokens", default=3_072, show_default=True)
@click.option("--matrix-rate", default=0.02, show_default=True)
@click.option("--rate", default=0.004, show_default=True)
@click.option("--decay", default=0.01, show_default=True)
@click.option("--fall-from", default=0.5, show_default=True)
@click.option("--from-stable", is_flag=True, help="Go on from before the rate fell.")
def train(
    *,
    source: Path,
    out: Path,
    corpus: Path | None,
    vocabulary: Path | None,
    workers: int,
    minutes: float,
    stage: tuple[str, ...],
    validation: int,
    threads: int,
    hidden: int,
    layers: int,
    heads: int,
    key_heads: int,
    feed_forward: int,
    tokens: int,
    batch_tokens: int,
    matrix_rate: float,
    rate: float,
    decay: float,
    fall_from: float,
    from_stable: bool,
) -> None:
    """Train, or go on training."""
    import torch

    from inference.wren.row_sources import RowFiles, RowSource, RowStream
    from inference.wren.shape import Shape
    from inference.wren.training import Recipe, Stage
    from inference.wren.training import train as run

    torch.set_num_threads(threads)
    shape = Shape(tokens, hidden, layers, heads, key_heads, feed_forward)
    pairs = (item.split(":") for item in stage)
    stages = [Stage(int(length), float(until)) for length, until in pairs]
    rows: RowSource = RowFiles(source)
    if corpus is not None:
        if vocabulary is None:
            raise click.UsageError("--corpus needs --tokenizer")
        rows = RowStream(_sequences(corpus, vocabulary, held_out=False), workers, seed=1)
    click.echo(f"{shape.parameters / 1e6:.2f}M parameters", err=True)
    run(
        shape,
        rows,
        stages,
        Recipe(
            time_limit_s=60 * minutes,
            batch_tokens=batch_tokens,
            matrix_rate=matrix_rate,
            rate=rate,
            decay=decay,
            fall_from=fall_from,
        ),
        validation=source / f"held-out-{validation}.npy",
        folder=out,
        report=lambda line: click.echo(f"\r{line}", nl=False, err=True),
        from_stable=from_stable,
    )
    click.echo(err=True)


@main.command()
@click.option("--run", "source", type=_EXISTING, required=True, help="Checkpoint of the training.")
@click.option("--tokenizer", "vocabulary", type=_EXISTING, required=True)
@click.option("--out", type=_TARGET, required=True)
def export(source: Path, vocabulary: Path, out: Path) -> None:
    """Write the checkpoint for vLLM, and the package for the engine."""
    from inference.wren.decoder import state
    from inference.wren.export import export as write
    from inference.wren.training import load_decoder

    decoder = load_decoder(source)
    write(decoder.shape, {k: v.numpy() for k, v in state(decoder).items()}, vocabulary, out)
    click.echo(f"{out}: package, with the checkpoint in it, and wren-float32.onnx")


@main.command()
@click.option("--exported", type=_EXISTING, required=True)
@click.option("--data", "source", type=_EXISTING, required=True, help="Folder of the rows.")
@click.option("--validation", default=512, show_default=True, help="Length of its rows.")
@click.option("--rows", default=50, show_default=True, help="At most.")
def evaluate(exported: Path, source: Path, validation: int, rows: int) -> None:
    """Tell the loss on held-out rows, and how far the small graph agrees with the full one."""
    import json
    from dataclasses import asdict

    from inference.wren.evaluation import evaluate as judge

    found = judge(exported, source / f"held-out-{validation}.npy", rows)
    click.echo(json.dumps({name: round(value, 4) for name, value in asdict(found).items()}))


def _sequences(corpus: Path, vocabulary: Path, *, held_out: bool) -> Sequences:
    from tokenizers import Tokenizer

    from inference.wren import tokenizer as vocabularies
    from inference.wren.corpus import read
    from inference.wren.sequences import Sequences

    path = vocabulary / "tokenizer.json"
    files = [file for file in read(corpus) if file.held_out is held_out]
    ids = Tokenizer.from_file(str(path))
    return Sequences(files, vocabularies.load(path), ids.token_to_id)


if __name__ == "__main__":
    main()
