"""What the model can do when it hears every word: `python -m benchmarks.skills [--model models/embedded] [--items 10]`.

Typed questions of every skill that it was taught, with arguments that training held out. Each is answered as the engine
answers it, once with what a thought calculates worked out (`realtime.mind.working`) and once as the model guesses it.
Printed: right answers by skill; with `--show` every wrong one, with its thought.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from training.data.split import is_evaluation
from training.data.texts import skills_numbers, skills_words
from training.data.texts.draft import Maker
from training.evaluation.scores import Tried, is_answered
from training.evaluation.served import ServedModel
from training.evaluation.trial import Manner, Trial
from training.items import Example

SEED = 77
MOST_DRAWN = 4_000  # some skills have few arguments: then there are fewer questions
MANNERS = {"worked": Manner(), "guessed": Manner(cues=False)}


def held_out(maker: Maker, items: int, rng: np.random.Generator) -> Iterator[Example]:
    """At most `items` different questions whose argument training held out."""
    known: set[str] = set()
    for _ in range(MOST_DRAWN):
        drawn = maker(rng)
        if is_evaluation(drawn.argument) and drawn.item.spoken not in known:
            known.add(drawn.item.spoken)
            yield Example(drawn.item, None)
        if len(known) == items:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedded"))
    parser.add_argument("--items", type=int, default=10, help="of each skill")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="every wrong answer, with its thought")
    given = parser.parse_args()
    console, rng = Console(), np.random.default_rng(SEED)
    makers = {**skills_numbers.MAKERS, **skills_words.makers(None)}
    asked = [Trial(name, each) for name, maker in makers.items() for each in held_out(maker, given.items, rng)]
    model = ServedModel(given.model, threads=given.threads)
    columns = {
        name: [Tried(*pair) for pair in zip(asked, model.converse(asked, manner), strict=True)]
        for name, manner in MANNERS.items()
    }
    table = Table("right answers", "of", *columns)
    for name in (*makers, "all"):
        rows = [[t for t in column if name in (t.trial.set, "all")] for column in columns.values()]
        table.add_row(name, str(len(rows[0])), *(str(sum(map(is_answered, row))) for row in rows))
    console.print(table)
    for tried in columns["worked"] if given.show else ():
        if not is_answered(tried):
            line = f"{tried.kind} | {tried.trial.example.item.spoken} | {tried.reply.thought} | {tried.reply.answer}"
            console.print(line, highlight=False, soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
