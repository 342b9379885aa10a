"""One recorded line of a game, and where its lines come from. It knows no container; each game has its own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt


class TalkieUnreadable(Exception):
    """A game's file is missing, cut short or of another version. Says which file and what was wrong with it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line as one actor recorded it.

    key: its name within the game; the order of the keys is the order of the script.
    encoded: the bytes as the game stores them, unpacked but not decoded: a tenth of the samples.
    decode: gives int16 [n], 16 kHz mono.
    script: what the actor was given to say, as printed; empty where the game's files do not tell. Actors stray from it.
    speaker: game and person, or game and scene where the person is not known, e.g. `queen/bob`, `sky/52`.
    source: a key of `training.data.licences`.
    """

    key: str
    encoded: bytes
    decode: Callable[[bytes], npt.NDArray[np.int16]]
    script: str
    speaker: str
    source: str

    def samples(self) -> npt.NDArray[np.int16]:
        """int16 [n], 16 kHz mono."""
        return self.decode(self.encoded)


class Talkie(Protocol):
    """A game's data, opened."""

    def speech(self) -> list[Utterance]:
        """Every recorded line, by key."""
        ...

    def effects(self) -> list[Utterance]:
        """Recordings without speech: doors, engines, crowds. Good for backgrounds; empty where there are none."""
        ...


def open_talkie(folder: Path) -> Talkie:
    """The game whose data files lie in `folder`; raises TalkieUnreadable where it holds neither game."""
    from training.data.talkies.amazon_queen import RESOURCES, AmazonQueen  # noqa: PLC0415 — each imports this file
    from training.data.talkies.steel_sky import INDEX, SteelSky  # noqa: PLC0415

    if (folder / RESOURCES).exists():
        return AmazonQueen(folder)
    if (folder / INDEX).exists():
        return SteelSky(folder)
    raise TalkieUnreadable(f"{folder} holds neither {RESOURCES} nor {INDEX}: name the folder with a game's data files")
