"""The three plots of docs/latency.md, from docs/data/first_packet.json: `python -m benchmarks.latency_plots`.

first_packet.png   distribution of TTFP_eos, ours and the cascade's, with the aim
waterfall.png      the median turn, stage by stage, ours and the cascade's
timeline.png       one turn: the question's waveform, the notes where they were written, the stages behind it
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.latency_figures import Turn, column, is_paused, main_turns, turns_of
from client_demo.audio_file import Recording, read_recording
from client_demo.html_report import STAGE_COLOURS

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "docs" / "data"
SAMPLES = ROOT / "models" / "embedded" / "samples"
OURS, THEIRS, AIM = "#1f77b4", "#7f7f7f", "#d62728"
CASCADE_COLOURS = {
    "vad_wait": STAGE_COLOURS["endpoint_wait"],
    "recognition": STAGE_COLOURS["encode"],
    "first_token": STAGE_COLOURS["prefill"],
    "first_sentence": STAGE_COLOURS["first_clause"],
    "voice": STAGE_COLOURS["first_audio"],
}
# Bars narrower than this have no room for their name.
LABEL_MS = 25


def draw(data: Mapping[str, Any], to: Path) -> None:
    """All that the data has turns for."""
    turns = [turn for turn in main_turns(data["runs"]) if turn.get("ttfp_eos_ms") is not None]
    if not turns:
        return
    distribution(data, turns, to / "first_packet.png")
    waterfall(data, turns, to / "waterfall.png")
    shown = timeline_turn(data)
    if shown is not None:
        timeline(data, shown, to / "timeline.png")


def distribution(data: Mapping[str, Any], turns: Sequence[Turn], to: Path) -> None:
    figure, axes = plt.subplots(figsize=(11, 4.4))
    ours = column(turns, "ttfp_eos_ms")
    median = statistics.median(ours)
    title = f"Half of the answers are heard within {median:.0f} ms of the end of speech"
    for name, values, style in (
        ("plain recordings", column([t for t in turns if not is_paused(t["file"])], "ttfp_eos_ms"), "--"),
        ("with inner pauses", column([t for t in turns if is_paused(t["file"])], "ttfp_eos_ms"), ":"),
        (f"all {len(ours)}", ours, "-"),
    ):
        share(axes, values, f"Forethought, {name}", color=OURS, linestyle=style)
    theirs = column((data.get("cascade") or {}).get("turns", ()), "ttfp_eos_ms")
    if theirs:
        share(axes, theirs, f"cascade of parts of the same size, {len(theirs)}", color=THEIRS)
        title += f",\nof the cascade's within {statistics.median(theirs):.0f} ms"
    axes.axvline(300, color=AIM, linewidth=0.8)
    axes.annotate("aim for the median: 300 ms", (300, 0.03), xytext=(4, 0), textcoords="offset points", color=AIM)
    axes.set(xlabel="ms from the last voiced sample to the first packet with speech in it", ylabel="share of turns")
    axes.set(xlim=(min(0.0, *ours), None), ylim=(0, 1.01), title=title)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(figure, data, to, "WebRTC on loopback, client's clock; turns that cut in are left out. Cascade: in-process.")


def share(axes: Axes, values: Sequence[float], label: str, **style: Any) -> None:
    if values:
        rising = np.sort(values)
        axes.step([rising[0], *rising], np.arange(len(values) + 1) / len(values), where="post", label=label, **style)


def waterfall(data: Mapping[str, Any], turns: Sequence[Turn], to: Path) -> None:
    ours = median_turn([turn for turn in turns if turn["ledger"]["stages_ms"]])
    rows = [("Forethought", dict(ours["ledger"]["stages_ms"]), STAGE_COLOURS, ours["ttfp_eos_ms"])]
    theirs = (data.get("cascade") or {}).get("turns", ())
    if theirs:
        other = median_turn(theirs)
        rows.append(("cascade", other["stages_ms"], CASCADE_COLOURS, other["ttfp_eos_ms"]))
    figure, axes = plt.subplots(figsize=(10, 1.6 + 1.1 * len(rows)))
    for place, (_, stages, colours, total) in enumerate(rows):
        begin, labels = 0.0, 0
        for stage, ms in stages.items():
            axes.barh(place, ms, left=begin, height=0.55, color=colours.get(stage, AIM))
            if ms >= LABEL_MS:
                lift = 0.36 if labels % 2 else -0.36  # neighbours above and below, where both are narrow
                labels += 1
                text = f"{stage.replace('_', ' ')} {ms:.0f}"
                axes.annotate(text, (begin + ms / 2, place + lift), ha="center", va="center", fontsize=8)
            begin += ms
        axes.annotate(f" {total:.0f} ms", (begin, place), va="center", fontweight="bold")
    axes.set_yticks(range(len(rows)), [row[0] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(row[3] for row in rows))
    waits = ours["ledger"]["stages_ms"].get("endpoint_wait", 0.0) + ours["ledger"]["stages_ms"].get("hold", 0.0)
    axes.set(
        xlabel="ms after the last voiced sample",
        title=f"The median turn: {waits:.0f} of {ours['ttfp_eos_ms']:.0f} ms are waiting to be sure that it is over",
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    save(figure, data, to, "The turn nearest to each median. Stages without a name last less than 25 ms.")


def median_turn(turns: Sequence[Turn]) -> Turn:
    median = statistics.median(turn["ttfp_eos_ms"] for turn in turns)
    return min(turns, key=lambda turn: abs(turn["ttfp_eos_ms"] - median))


def timeline_turn(data: Mapping[str, Any]) -> Turn | None:
    """The most usual of the seed samples' turns that took notes: the recording is in the repository."""
    turns = [
        turn
        for turn in turns_of(data["runs"], "plain")
        if (SAMPLES / turn["file"]).is_file() and turn.get("effort") != "minimal" and turn.get("cut_in_ms") is None
        and turn.get("ttfp_eos_ms") is not None and turn["ledger"]["stages_ms"] and len(turn["notes"]) > 2
    ]  # fmt: skip
    return median_turn(turns) if turns else None


def timeline(data: Mapping[str, Any], turn: Turn, to: Path) -> None:
    recording = read_recording(SAMPLES / turn["file"], 16_000)
    speech_end_ms = int(recording.voiced_ends[-1]) / 16
    begin_ms = turn["speech_end_ms"] - speech_end_ms
    last_ms = speech_end_ms + turn["ttfp_eos_ms"]
    figure, axes = plt.subplots(figsize=(11, 4.2))
    waveform(axes, recording)
    written = 0
    for index, note in enumerate(turn["notes"]):
        at_ms = note["ms"] - begin_ms
        written += at_ms < speech_end_ms
        height = -1.25 - 0.28 * (index % 3)
        axes.plot([at_ms, at_ms], [-1.0, height + 0.1], color=STAGE_COLOURS["thought"], linewidth=0.8)
        axes.annotate(note["text"].strip(), (at_ms, height), ha="center", va="center", fontsize=8)
    place = speech_end_ms
    for stage, ms in turn["ledger"]["stages_ms"].items():
        axes.barh(1.5, ms, left=place, height=0.5, color=STAGE_COLOURS.get(stage, AIM), label=f"{stage} {ms:.0f} ms")
        place += ms
    axes.axvline(speech_end_ms, color="black", linewidth=0.8, linestyle=":")
    axes.axvline(last_ms, color=AIM, linewidth=1.2)
    axes.annotate(f"“{turn['answer']}”", (last_ms, 0.9), xytext=(5, 0), textcoords="offset points", fontsize=9)
    axes.annotate(
        "end of speech", (speech_end_ms, 2.0), ha="right", fontsize=8, xytext=(-4, 0), textcoords="offset points"
    )
    axes.annotate("first packet", (last_ms, 2.0), color=AIM, fontsize=8, xytext=(5, 0), textcoords="offset points")
    axes.annotate("notes", (0, -1.3), ha="right", fontsize=9, xytext=(-6, 0), textcoords="offset points")
    axes.set(xlabel="ms from the beginning of the recording", yticks=[], ylim=(-2.1, 2.3), xlim=(-200, last_ms + 1400))
    axes.set_title(
        f"{written} of {len(turn['notes'])} notes were written while the user spoke; "
        f"the answer was heard {turn['ttfp_eos_ms']:.0f} ms after the last sound"
    )
    axes.legend(frameon=False, fontsize=7, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    axes.spines[["top", "right", "left"]].set_visible(False)
    save(figure, data, to, f"{turn['file']}, effort {turn.get('effort')}; notes at the ms of audio heard by then.")


def waveform(axes: Axes, recording: Recording) -> None:
    step = 80  # 5 ms
    blocks = recording.pcm[: recording.pcm.size // step * step].reshape(-1, step) / max(1, np.abs(recording.pcm).max())
    axes.fill_between(np.arange(len(blocks)) * 5, blocks.min(axis=1), blocks.max(axis=1), color=OURS, linewidth=0)


def save(figure: Figure, data: Mapping[str, Any], to: Path, words: str) -> None:
    about = data["machine"]
    source = f"{words} docs/data/first_packet.json, {data['date']}; {about['cpu']}, {about['cores']} cores."
    figure.text(0.01, 0.005, source, fontsize=7, color="#555555")
    figure.tight_layout(rect=(0, 0.03, 1, 1))
    figure.savefig(to, dpi=110)
    plt.close(figure)


def main() -> None:
    draw(json.loads((DATA / "first_packet.json").read_text()), DATA)


if __name__ == "__main__":
    main()
