"""The dialect of the loaded checkpoint: the mind's words in the decoder's tokens."""

from __future__ import annotations

from realtime.decoder import Decoder, Detokenizer
from realtime.mind import Dialect, SpecialTokens


def seed_dialect(decoder: Decoder, default_instructions: str) -> Dialect:
    """The seed checkpoint's dialect over its own tokenizer."""
    tokenizer = decoder.tokenizer
    special = tokenizer.special
    return Dialect(
        encode=tokenizer.encode,
        detokenizer=lambda: Detokenizer(tokenizer),
        special=SpecialTokens(
            im_start=special.im_start, im_end=special.im_end, audio_start=special.audio_start,
            audio_end=special.audio_end, listen=special.listen, wait=special.wait, think=special.think,
            think_end=special.think_end,
        ),
        default_instructions=default_instructions,
    )  # fmt: skip
