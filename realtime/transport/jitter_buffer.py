"""RTP packets in, an unbroken audio timeline out. It knows no codec, no socket and no clock: time is passed in.

The listener is a recogniser, not a loudspeaker: nobody plays this audio on a beat, so a packet that is in order
leaves at once (no prefetch), and the buffer holds packets only while an earlier one is missing. How long it waits is
learnt from how late packets came, 20 to 120 ms, and forgotten with a half-life of 700 ms. When it gives up, all that
was held leaves together; a loss therefore never leaves delay behind.

The timeline is the sender's RTP clock (RFC 3550): what is missing between two packets is answered by exactly as many
samples of concealment or silence as the timestamps say, so that the audio drifts by 0 samples however much is lost.
While nothing arrives at all, silence follows the clock 400 ms behind, so that a turn can end; packets that come after
it are all heard, later on the timeline by the part that overlaps (`shifted_samples`).

    missing, then found      late within the wait        Play in order
    missing, given up        later packet + wait         Conceal, Play …
    not sent (DTX, mute)     timestamp gap, no loss      Silence, Play
    nothing arrives          idle > 400 ms (DTX: 60)     Silence, …
    new SSRC, jump of the sequence or timestamp          goes on without a gap
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from realtime.clock import NS_PER_MS, NS_PER_S
from realtime.transport.opus import DTX_PACKET_BYTES, RATE_HZ, packet_samples

# RFC 3550 appendix A.1 takes 3000 packets; a minute of 20 ms packets is as far as a sequence number can be trusted.
_MAX_DROPOUT_PACKETS = 3_000
_MAX_MISORDER_PACKETS = 100
_MAX_HELD_PACKETS = 64
# Sender clocks differ by some 100 ppm; a percent faster than ours is no flood however long it lasts.
_LEAK = 1.01
_SILENCE_STEP_SAMPLES = RATE_HZ * 20 // 1000


@dataclass(frozen=True, slots=True)
class RtpAudio:
    """The parts of an RTP packet that matter: 16-bit sequence number, 32-bit timestamp (48 kHz), source, payload."""

    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Play:
    """Decode this packet; it lasts `samples` at 48 kHz."""

    payload: bytes
    samples: int


@dataclass(frozen=True, slots=True)
class Conceal:
    """Packets were lost here: bridge `samples` at 48 kHz."""

    samples: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was sent here: `samples` of silence at 48 kHz."""

    samples: int


Decision = Play | Conceal | Silence


@dataclass(frozen=True, slots=True)
class JitterPolicy:
    """What the buffer may do. Times in ms, each with its reason beside it."""

    # One packet: a neighbour that was overtaken is a few ms late, and a true loss must not stall longer than 60 ms.
    min_wait_ms: float = 20.0
    # Beyond this a late packet is worth less than the delay that waiting for it costs every turn.
    max_wait_ms: float = 120.0
    # From the longest wait to the shortest in less than 2 s.
    wait_half_life_ms: float = 700.0
    # More than a route change of 300 ms, less than any pause that ends a turn.
    stall_ms: float = 400.0
    # After a DTX packet the sender has said that it is silent; the slack is only for jitter.
    dtx_stall_ms: float = 60.0
    # A timestamp gap that exceeds the time that really passed by more than this is a jump, not lost audio.
    jump_slack_ms: float = 2_000.0
    # Audio may run ahead of the clock by this much (a sender that catches up); more is a flood and is dropped.
    burst_ms: float = 5_000.0


@dataclass(slots=True)
class ReceiveStats:
    """Counters of one stream; packets unless the name says samples (48 kHz)."""

    received: int = 0
    lost: int = 0
    late: int = 0
    duplicate: int = 0
    malformed: int = 0
    flooded: int = 0
    restarts: int = 0
    concealed_samples: int = 0
    silence_samples: int = 0
    shifted_samples: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Held:
    packet: RtpAudio
    samples: int
    arrival_ns: int


def _nearest(value: int, bits: int, reference: int) -> int:
    """The integer congruent to `value` modulo 2**bits that is nearest to `reference` (unwraps a counter)."""
    half = 1 << (bits - 1)
    return reference + ((value - reference + half) % (1 << bits)) - half


class JitterBuffer:
    """One incoming stream. `push` and `poll` return what to do now, in order; call `poll` at `deadline_ns` at latest.

    `now_ns` must never go back. Nothing here raises for anything a peer can send.
    """

    def __init__(self, policy: JitterPolicy | None = None) -> None:
        self.policy = policy or JitterPolicy()
        self.stats = ReceiveStats()
        self._ssrc: int | None = None
        self._next_sequence = 0  # unwrapped
        self._next_timestamp = 0  # unwrapped; of the sample after the last one released
        self._held: dict[int, _Held] = {}
        self._gap_since_ns = 0
        self._given_up: dict[int, int] = {}  # sequence → when its absence was noticed
        self._lateness_ns = 0.0
        self._lateness_at_ns = 0
        self._started_ns: int | None = None
        self._last_arrival_ns = 0
        self._released_arrival_ns = 0
        # A leaky bucket: how far the audio is ahead of the clock, and when that was so.
        self._ahead_samples = 0.0
        self._ahead_at_ns = 0
        self._filled = 0  # silence sent ahead of _next_timestamp while nothing arrived
        self._dtx = False
        self._suspect: tuple[int, int] | None = None  # (ssrc, sequence) that would confirm a restart

    # What the shell calls

    def push(self, packet: RtpAudio, now_ns: int) -> list[Decision]:
        """Take a packet that arrived at `now_ns`."""
        samples = packet_samples(packet.payload) if packet.payload else 0
        if samples is None:
            self.stats.malformed += 1
            return self.poll(now_ns)
        self.stats.received += 1
        decisions: list[Decision] = []
        if self._started_ns is None:
            self._started_ns = self._ahead_at_ns = now_ns
            self._begin(packet, now_ns)
        sequence = _nearest(packet.sequence, 16, self._next_sequence)
        ahead = sequence - self._next_sequence
        if packet.ssrc != self._ssrc or not -_MAX_MISORDER_PACKETS <= ahead <= _MAX_DROPOUT_PACKETS:
            if packet.ssrc == self._ssrc and self._suspect != (packet.ssrc, packet.sequence):
                # One stray packet must not tear the stream; two in a row mean that the sender began anew.
                self._suspect = (packet.ssrc, (packet.sequence + 1) & 0xFFFF)
                return self.poll(now_ns)
            decisions += self._release(now_ns, everything=True)
            self.stats.restarts += 1
            self._begin(packet, now_ns)
            sequence, ahead = self._next_sequence, 0
        self._suspect = None
        self._last_arrival_ns = now_ns
        if sequence in self._held:
            self.stats.duplicate += 1
        elif ahead < 0:
            self._too_late(sequence, now_ns)
        else:
            if ahead == 0 and self._held:
                self._learn(now_ns - self._gap_since_ns, now_ns)
            elif ahead > 0 and not self._held:
                self._gap_since_ns = now_ns
            self._held[sequence] = _Held(packet, samples, now_ns)
        return decisions + self.poll(now_ns)

    def poll(self, now_ns: int) -> list[Decision]:
        """What has become due by `now_ns`: packets no longer waited for, and silence while nothing arrives."""
        return self._release(now_ns) + self._stall(now_ns)

    def deadline_ns(self, now_ns: int) -> int | None:
        """When `poll` would next have something to say if nothing arrived; None before the first packet."""
        if self._started_ns is None:
            return None
        if self._held:
            return self._gap_since_ns + self._wait_ns(now_ns)
        return self._last_arrival_ns + self._stall_ns() + (self._filled + _SILENCE_STEP_SAMPLES) * NS_PER_S // RATE_HZ

    def wait_ms(self, now_ns: int) -> float:
        """How long a missing packet would be waited for now."""
        return self._wait_ns(now_ns) / NS_PER_MS

    @property
    def held_packets(self) -> int:
        return len(self._held)

    # Order

    def _begin(self, packet: RtpAudio, now_ns: int) -> None:
        """Start (again) with `packet`: its timestamp continues the timeline where it stands."""
        self._ssrc = packet.ssrc
        self._next_sequence = packet.sequence
        self._next_timestamp = packet.timestamp
        self._released_arrival_ns = now_ns
        self._filled = 0
        self._given_up.clear()

    def _too_late(self, sequence: int, now_ns: int) -> None:
        noticed_ns = self._given_up.pop(sequence, None)
        if noticed_ns is None:
            self.stats.duplicate += 1
            return
        self.stats.late += 1
        self.stats.lost -= 1
        self._learn(now_ns - noticed_ns, now_ns)

    def _release(self, now_ns: int, everything: bool = False) -> list[Decision]:
        decisions: list[Decision] = []
        while self._held:
            held = self._held.pop(self._next_sequence, None)
            if held is None:
                waited = now_ns - self._gap_since_ns >= self._wait_ns(now_ns)
                if not (waited or everything or len(self._held) > _MAX_HELD_PACKETS):
                    break
                self._give_up()
                continue
            lost_before = self._next_sequence - 1 in self._given_up
            self._next_sequence += 1
            decisions += self._emit(held, lost_before)
            if self._held and self._next_sequence not in self._held:
                # A new gap: it was noticed when the first packet behind it came.
                self._gap_since_ns = min(other.arrival_ns for other in self._held.values())
        return decisions

    def _give_up(self) -> None:
        """Stop waiting for everything before the first packet that is held."""
        first = min(self._held)
        self.stats.lost += first - self._next_sequence
        for sequence in range(max(self._next_sequence, first - _MAX_MISORDER_PACKETS), first):
            self._given_up[sequence] = self._gap_since_ns
        for sequence in [old for old in self._given_up if old < first - _MAX_MISORDER_PACKETS]:
            del self._given_up[sequence]
        self._next_sequence = first

    # Time

    def _emit(self, held: _Held, lost_before: bool) -> list[Decision]:
        if not held.samples:
            return []  # padding: it has a place in the order, but none in time
        timestamp = _nearest(held.packet.timestamp, 32, self._next_timestamp)
        gap = timestamp - self._next_timestamp
        passed = (held.arrival_ns - self._released_arrival_ns) * RATE_HZ // NS_PER_S
        if gap < 0 or gap > passed + self._samples(self.policy.jump_slack_ms):
            gap = 0
            self.stats.restarts += 1
        self._next_timestamp = timestamp + held.samples
        if not self._within_rate(gap - self._filled + held.samples, held.arrival_ns):
            self.stats.flooded += 1
            return []
        decisions: list[Decision] = []
        missing = gap - self._filled
        if missing > 0:
            decisions.append(self._fill(missing, lost_before))
        elif missing < 0:
            self.stats.shifted_samples -= missing
        self._filled = 0
        self._released_arrival_ns = held.arrival_ns
        self._dtx = len(held.packet.payload) <= DTX_PACKET_BYTES
        decisions.append(Play(held.packet.payload, held.samples))
        return decisions

    def _fill(self, samples: int, lost: bool) -> Decision:
        if lost:
            self.stats.concealed_samples += samples
            return Conceal(samples)
        self.stats.silence_samples += samples
        return Silence(samples)

    def _stall(self, now_ns: int) -> list[Decision]:
        """Silence that follows the clock at a distance while nothing arrives and nothing is held."""
        if self._started_ns is None or self._held:
            return []
        idle = (now_ns - self._last_arrival_ns - self._stall_ns()) * RATE_HZ // NS_PER_S
        due = (idle - self._filled) // _SILENCE_STEP_SAMPLES * _SILENCE_STEP_SAMPLES
        if due <= 0:
            return []
        self._filled += due
        return [self._fill(due, lost=False)]

    def _within_rate(self, samples: int, now_ns: int) -> bool:
        leaked = (now_ns - self._ahead_at_ns) * RATE_HZ / NS_PER_S * _LEAK
        self._ahead_samples = max(0.0, self._ahead_samples - leaked)
        self._ahead_at_ns = now_ns
        if self._ahead_samples + samples > self._samples(self.policy.burst_ms):
            return False
        self._ahead_samples += samples
        return True

    # The wait

    def _learn(self, late_ns: int, now_ns: int) -> None:
        # 20 % and 5 ms more than the latest packet of late: the next one may be a little later still.
        wanted = late_ns * 1.2 + 5 * NS_PER_MS
        if wanted > self._decayed_lateness(now_ns):
            self._lateness_ns, self._lateness_at_ns = wanted, now_ns

    def _decayed_lateness(self, now_ns: int) -> float:
        age = (now_ns - self._lateness_at_ns) / (self.policy.wait_half_life_ms * NS_PER_MS)
        return float(self._lateness_ns * 0.5**age)

    def _wait_ns(self, now_ns: int) -> int:
        low, high = self.policy.min_wait_ms * NS_PER_MS, self.policy.max_wait_ms * NS_PER_MS
        return int(min(max(self._decayed_lateness(now_ns), low), high))

    def _stall_ns(self) -> int:
        return int((self.policy.dtx_stall_ms if self._dtx else self.policy.stall_ms) * NS_PER_MS)

    @staticmethod
    def _samples(milliseconds: float) -> int:
        return int(milliseconds * RATE_HZ / 1000)
