"""Where the words of the sample recordings lie: forced alignment of their known texts, kept in word_times.json.

python -m benchmarks.word_times          (needs `pip install pocketsphinx`; half a minute)

The pauses of `benchmarks.samples` are laid into gaps between words, so the words must be known to a few hundredths of
a second. pocketsphinx (BSD, the decoder whose test data the human recordings are) aligns each text with its acoustic
model. It refuses the two espeak voices; their times were read off the waveform and are kept as they are.
"""

from __future__ import annotations

import json
from typing import Any

from benchmarks.samples import WORD_TIMES, path_of
from tests.turns_material import load

FRAME_MS = 10
# The aligner's own, then a wide one: a synthetic voice can be far from what the acoustic model has heard.
BEAMS = (1e-48, 1e-120)
# <s>, <sil>, [NOISE] and the like: what the aligner hears between words.
NO_WORD = ("<", "[", "+")


def main() -> None:
    try:
        from pocketsphinx import Decoder  # noqa: PLC0415 - needed by this command alone
    except ImportError:
        raise SystemExit("word_times needs pocketsphinx: pip install pocketsphinx") from None
    recordings: dict[str, dict[str, Any]] = json.loads(WORD_TIMES.read_text())
    decoders = [Decoder(lm=None, loglevel="FATAL", beam=beam, pbeam=beam, wbeam=beam) for beam in BEAMS]
    for name, entry in recordings.items():
        pcm = load(path_of(name)).tobytes()
        tries = (aligned(decoder, entry["text"], pcm) for decoder in decoders)
        found = next((words for words in tries if len(words) == len(entry["text"].split())), None)
        if found is not None:
            entry["words"] = found
        else:
            print(f"{name}: not aligned; kept as it was")
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in recordings.items()]
    WORD_TIMES.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def aligned(decoder: Any, text: str, pcm: bytes) -> list[tuple[str, int, int]]:
    """(word, begin ms, end ms) of each word of `text` in `pcm`, int16 16 kHz; nothing where there is no path."""
    decoder.set_align_text(text)
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
    segments = decoder.seg() if decoder.hyp() is not None else ()
    return [
        # A second pronunciation is called word(2).
        (part.word.partition("(")[0], part.start_frame * FRAME_MS, (part.end_frame + 1) * FRAME_MS)
        for part in segments
        if not part.word.startswith(NO_WORD)
    ]


if __name__ == "__main__":
    main()
