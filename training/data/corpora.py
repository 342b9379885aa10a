"""Manifests of well-known corpora of recordings, made from their own files. Knows LibriSpeech and Common Voice.

`python -m training.data.corpora librispeech FOLDER > manifest.jsonl`, then `people_from = ["manifest.jsonl"]` in the
recipe's [mixture].
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

app = typer.Typer(add_completion=False, help=__doc__)


def librispeech(folder: Path) -> Iterator[dict[str, Any]]:
    """Lines for every `SPEAKER-CHAPTER.trans.txt` under a folder such as `LibriSpeech/train-clean-100`."""
    for listing in sorted(folder.rglob("*.trans.txt")):
        for line in listing.read_text().splitlines():
            name, _, text = line.partition(" ")
            audio = listing.parent / f"{name}.flac"
            speaker = f"librispeech/{name.partition('-')[0]}"
            row = {"audio": str(audio.resolve()), "text": text.lower(), "speaker": speaker, "source": "librispeech"}
            yield row | ({"split": "dev"} if "dev-" in str(listing) or "test-" in str(listing) else {"split": "train"})


def common_voice(folder: Path) -> Iterator[dict[str, Any]]:
    """Lines for the tables `train.tsv`, `dev.tsv`, `test.tsv` of a language's folder."""
    for split in ("train", "dev", "test"):
        table = folder / f"{split}.tsv"
        if not table.exists():
            continue
        with table.open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                audio = (folder / "clips" / row["path"]).resolve()
                speaker = f"common-voice/{row['client_id'][:12]}"
                yield {
                    "audio": str(audio), "text": row["sentence"], "speaker": speaker, "source": "common-voice",
                    "split": split,
                }  # fmt: skip


@app.command()
def main(corpus: str, folder: Path) -> None:
    makers = {"librispeech": librispeech, "common-voice": common_voice}
    if corpus not in makers:
        raise typer.BadParameter(f"no corpus {corpus!r}: use {' or '.join(makers)}")
    for row in makers[corpus](folder):
        typer.echo(json.dumps(row))


if __name__ == "__main__":
    app()
