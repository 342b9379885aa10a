"""Which texts are for evaluation only. A stable hash of what an item asks about decides.

Five in a hundred arguments (the numbers of a sum, a phrasing of a greeting, a sentence) never occur in training.
"""

from __future__ import annotations

import hashlib

EVALUATION_PERCENT = 5


def is_evaluation(argument: str) -> bool:
    """True where examples with this argument are for evaluation only; the same on every machine."""
    digest = hashlib.blake2b(argument.lower().encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % 100 < EVALUATION_PERCENT
