"""Two ears: the line that a transcriber wrote, or the one that the decoder writes when it hears the same sound itself?

Their errors are others: the transcriber knows people and takes everything for English, the decoder was taught with
synthetic voices and knows what people ask of it. Each says how sure it is of its own line, and the decoder, which
reads the transcriber's line before it writes its own, how likely it finds that one. Log-probabilities in, a choice out.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

# A logistic regression over the lines that one of the two had better, of seed samples, people, actors and three
# families of synthetic voices (`python -m benchmarks.ears --fit`): above 0 the decoder's is more often the better.
BIAS = 0.5
TRANSCRIBER_WEIGHT = -2.1  # mean log-probability of a token of its line
DECODER_WEIGHT = 9.4  # the same of the decoder's line
PREFERENCE_WEIGHT = 0.11  # how much likelier, as a whole, the decoder finds its own line
LEAST_MEAN = -1.5  # less sure than this is not sure at all
PREFERENCE_RANGE = (-5.0, 30.0)


def own_is_better(transcriber: float, own: Sequence[float], given: Sequence[float]) -> bool:
    """Whether the decoder's own line is to be believed.

    Args:
        transcriber: mean natural log-probability of the tokens of the transcriber's line, by the transcriber.
        own: of each token of the decoder's line and of its end, by the decoder.
        given: of each token of the transcriber's line and of its end, by the decoder. May be empty: nothing was said.
    """
    if not own:
        return False
    preference = sum(own) - sum(given)
    least, most = PREFERENCE_RANGE
    score = (
        BIAS
        + TRANSCRIBER_WEIGHT * max(transcriber, LEAST_MEAN)
        + DECODER_WEIGHT * max(fmean(own), LEAST_MEAN)
        + PREFERENCE_WEIGHT * min(max(preference, least), most)
    )
    return score > 0
