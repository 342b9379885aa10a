"""What a lane will probably write next, so that many tokens are checked in one step, not written one by one.

Speculative decoding (Leviathan et al. 2023) without a second model: the guesses are what earlier attempts at the same
turn wrote (a rehearsal while the user was still speaking, an attempt that was revoked), as in prompt lookup decoding
(Saxena 2023). The decoder computes the guessed symbols behind the real ones; those it would have chosen itself stand,
the rest is forgotten. So a guess can only save time: it never changes a token.

Symbols in, symbols out; it knows no model, no lane and no meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from realtime.mind.memory import Symbol

# Rows of one step cost little more than one row while reading the weights is what takes the time (8 rows: about 1.3
# times one), and a row that is wrong is lost. So a trusted run of guesses is long, and one behind a miss is short.
REACH_FIRST = 16
REACH_MOST = 24
REACH_AFTER_MISS = 5
# Words that were put in between are looked over for this many symbols.
REALIGN_WINDOW = 16
# What was written in this lane before is said again ("seventy three minus three is …"): two symbols must agree.
ECHO_SYMBOLS = 2
ECHO_REACH = 4


class Draft:
    """Guesses for one lane, kept in step with what it really writes.

    Args:
        earlier: what earlier attempts wrote, the newest first. May be empty: then only echoes of the lane's own words
            are guessed.
    """

    def __init__(self, earlier: Iterable[Sequence[Symbol]] = ()) -> None:
        self._earlier = [list(symbols) for symbols in earlier if symbols]
        self._at = [0] * len(self._earlier)
        self._missed = [0] * len(self._earlier)  # symbols in a row that stand in none of the window's places
        self._run = [0] * len(self._earlier)  # symbols in a row that it had right
        self._written: list[Symbol] = []
        self._reach = REACH_FIRST

    def again(self) -> Draft:
        """The same guesses for a lane that begins anew."""
        return Draft(self._earlier)

    @property
    def written(self) -> Sequence[Symbol]:
        """Everything the lane has written so far."""
        return self._written

    def follow(self, symbols: Iterable[Symbol]) -> None:
        """The lane has written `symbols`, guessed or not."""
        for symbol in symbols:
            self._written.append(symbol)
            for source in range(len(self._earlier)):
                self._step(source, symbol)

    def guess(self, limit: int) -> list[Symbol]:
        """At most `limit` symbols that probably come next; none where there is nothing to go by."""
        # One miss is most often one word in place of another: what stood behind it comes all the same.
        # Who was right for longer is likelier to be right again; of equals the newest.
        sources = sorted(range(len(self._earlier)), key=lambda source: -self._run[source])
        for missed, reach in ((0, self._reach), (1, REACH_AFTER_MISS)):
            for source in sources:
                symbols, begin = self._earlier[source], self._at[source] + missed
                if self._missed[source] == missed and begin < len(symbols):
                    trusted = min(REACH_MOST, max(reach, self._run[source]))
                    return symbols[begin : begin + min(trusted, limit)]
        return self._echo(min(ECHO_REACH, limit))

    def checked(self, guessed: int, accepted: int) -> None:
        """Of the last `guessed` symbols the first `accepted` were right: trust grows with success."""
        if guessed:
            self._reach = min(REACH_MOST, 2 * self._reach) if accepted == guessed else max(REACH_AFTER_MISS, accepted)

    def _step(self, source: int, symbol: Symbol) -> None:
        symbols, at = self._earlier[source], self._at[source]
        window = symbols[at : at + REALIGN_WINDOW]
        if symbol in window:
            skipped = window.index(symbol)
            self._at[source] = at + skipped + 1
            self._missed[source] = 0
            self._run[source] = 1 if skipped else self._run[source] + 1
        else:
            self._missed[source] += 1
            self._run[source] = 0

    def _echo(self, limit: int) -> list[Symbol]:
        written = self._written
        tail = written[-ECHO_SYMBOLS:]
        if len(tail) < ECHO_SYMBOLS:
            return []
        for end in range(len(written) - 1, ECHO_SYMBOLS - 1, -1):
            if written[end - ECHO_SYMBOLS : end] == tail:
                return written[end : end + limit]
        return []
