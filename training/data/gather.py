"""`python -m training.data.gather FOLDER MODEL OUT`: recordings without a manifest become a corpus with one.

FOLDER holds a game that `training.data.talkies` reads, or sound files, one folder for each speaker. MODEL is a Whisper
for faster-whisper. OUT gets audio/ (WAV, 16 kHz) and manifest.jsonl, ready to be named in a recipe; a second run goes
on where the first was interrupted. It knows files; what to believe of a label is decided in `labelling`.
"""

from __future__ import annotations

import json
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer

from training.data.labelling import Label, Line, Recognizer, Samples, label, write_manifest
from training.data.recognizer import RecognizerMissing, Whisper
from training.data.talkies import TalkieUnreadable, Utterance, open_talkie
from training.items import SAMPLE_RATE_HZ

_SUFFIXES = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"}
_AT_ONCE = 64  # recordings decoded and labelled before the manifest grows: what an interruption costs

app = typer.Typer(add_completion=False, help=__doc__)


def sound_files(folder: Path) -> list[Utterance]:
    """Every sound file below `folder`; its folder's name is the speaker."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    keys = [str(path.relative_to(folder).with_suffix("")).replace("/", "-") for path in paths]
    return [
        Utterance(key, str(path).encode(), _decode_file, "", path.parent.name, "own-recordings")
        for key, path in zip(keys, paths, strict=True)
    ]


def gather(utterances: Sequence[Utterance], recognizer: Recognizer, out: Path) -> tuple[int, int]:
    """Labels what OUT's manifest does not have yet; returns how many lines were written and how many were dropped."""
    (out / "audio").mkdir(parents=True, exist_ok=True)
    seen_path, manifest = out / "seen.txt", out / "manifest.jsonl"
    seen = set(seen_path.read_text(encoding="utf-8").split("\n")) if seen_path.exists() else set()
    todo = [utterance for utterance in utterances if utterance.key not in seen]
    written = 0
    for at in range(0, len(todo), _AT_ONCE):
        batch = todo[at : at + _AT_ONCE]
        recordings = [utterance.samples() for utterance in batch]
        lines = []
        for index, found in label(recordings, [utterance.script for utterance in batch], recognizer):
            if found is not None:
                utterance, samples = batch[index], recordings[index]
                audio = f"audio/{utterance.key}.wav"
                _write_wave(out / audio, samples)
                lines.append(_line(utterance, audio, len(samples), found))
        written += write_manifest(manifest, lines)
        with seen_path.open("a", encoding="utf-8") as file:
            file.writelines(utterance.key + "\n" for utterance in batch)
    return written, len(todo) - written


def _line(utterance: Utterance, audio: str, count: int, found: Label) -> Line:
    end_ms = count * 1000 // SAMPLE_RATE_HZ
    return Line(audio, found.text, utterance.speaker, utterance.source, 0, end_ms, found.word_end_ms, found.is_sure)


def _decode_file(encoded_path: bytes) -> Samples:
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    with av.open(encoded_path.decode(), "r") as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]) if frames else np.zeros(0, np.int16)


def _write_wave(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="a game's data files, or sound files in a folder for each speaker")],
    model: Annotated[Path, typer.Argument(help="a Whisper in CTranslate2 form")],
    out: Annotated[Path, typer.Argument(help="gets audio/ and manifest.jsonl")],
) -> None:
    try:
        try:
            utterances = open_talkie(folder).speech()
        except TalkieUnreadable:
            utterances = sound_files(folder)
            if not utterances:
                raise
        written, dropped = gather(utterances, Whisper(model), out)
    except (TalkieUnreadable, RecognizerMissing) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    left = sum(1 for _ in (out / "manifest.jsonl").open(encoding="utf-8"))
    typer.echo(json.dumps({"written": written, "dropped": dropped, "in_manifest": left}))


if __name__ == "__main__":
    app()
