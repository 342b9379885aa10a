"""What is answered where nobody speaks, or nobody can be understood. Words only."""

from __future__ import annotations

from training.items import Item

NO_SPEECH, UNCLEAR = "[no speech]", "[unclear]"


def none(kind: str) -> Item:
    """kind: what is heard instead, a word of `sounds.NOISES` or `silence`."""
    what = {"silence": "silence", "music": "music", "hum": "a hum"}.get(kind, "noise")
    return Item(
        "speech/none",
        "",
        NO_SPEECH,
        f"There is only {what}, nobody speaks.",
        "I did not hear anything. Could you say it again, please?",
        "again",
    )


def unclear(spoken: str) -> Item:
    return Item(
        "speech/unclear",
        spoken,
        UNCLEAR,
        "Somebody speaks, but the noise is too loud.",
        "I could not understand that. Could you say it again, please?",
        "again",
    )
