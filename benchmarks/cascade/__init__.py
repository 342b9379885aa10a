"""The usual voice agent, for comparison: separate steps one after the other, after the end of the turn.

Silero VAD (200 ms of silence) → Whisper tiny.en → SmolLM2-135M-Instruct → the embedded voice: parts of the size of
ours, on this machine, int8 where their libraries offer it, two threads, warmed up. It runs in one process with no
network, no transport and no other session, and waits for nothing but its own stages, all of which favours it.

    turn_end.py    when a standard cascade takes the turn to be over
    parts.py       the recogniser, the language model and the voice
    cascade.py     one recording through all of them, with the time of each

`python -m benchmarks.cascade FILES…` runs it (see `__main__.py`); it needs `make cascade` first.
"""
