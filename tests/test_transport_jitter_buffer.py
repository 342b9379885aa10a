"""The jitter buffer against an oracle and against the fault matrix: order, loss, wrap, jumps, stalls, floods.

Fault-matrix rows: 1, 2, 4, 5, 6, 8, 10 (the buffer's part), 19, 26, 27, 28.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.transport.jitter_buffer import Conceal, Decision, JitterBuffer, JitterPolicy, Play, RtpAudio, Silence

MS = 1_000_000
FRAME = 960
TOC_20_MS = 0b11111 << 3  # CELT, full band, 20 ms, one frame


def payload(index: int) -> bytes:
    return bytes([TOC_20_MS]) + index.to_bytes(4, "big")


def packet(index: int, *, sequence: int = 0, timestamp: int = 0, ssrc: int = 1) -> RtpAudio:
    return RtpAudio((sequence + index) & 0xFFFF, (timestamp + index * FRAME) & 0xFFFFFFFF, ssrc, payload(index))


@dataclass
class Heard:
    index: int | None  # None where the audio was made up
    at: int
    samples: int
    now_ns: int


class Run:
    """A buffer driven by a list of (arrival in ns, packet); polls at each deadline as the shell does."""

    def __init__(self, policy: JitterPolicy | None = None) -> None:
        self.buffer = JitterBuffer(policy)
        self.heard: list[Heard] = []
        self.position = 0
        self.now_ns = 0

    def take(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            index = int.from_bytes(decision.payload[1:5], "big") if isinstance(decision, Play) else None
            self.heard.append(Heard(index, self.position, decision.samples, self.now_ns))
            self.position += decision.samples

    def until(self, now_ns: int) -> None:
        while True:
            deadline = self.buffer.deadline_ns(self.now_ns)
            if deadline is None or deadline > now_ns:
                break
            self.now_ns = max(deadline, self.now_ns + 1)
            self.take(self.buffer.poll(self.now_ns))
        self.now_ns = max(now_ns, self.now_ns)

    def feed(self, arrivals: list[tuple[int, RtpAudio]]) -> Run:
        for at_ns, item in sorted(arrivals, key=lambda pair: pair[0]):
            self.until(at_ns)
            self.take(self.buffer.push(item, self.now_ns))
        return self

    @property
    def played(self) -> list[int]:
        return [item.index for item in self.heard if item.index is not None]

    def delay_ms(self, item: Heard) -> float:
        """From when the packet would have arrived on a perfect network to when it was heard."""
        assert item.index is not None
        return item.now_ns / MS - item.index * 20


def steady(count: int, **keywords: int) -> list[tuple[int, RtpAudio]]:
    return [(index * 20 * MS, packet(index, **keywords)) for index in range(count)]


def test_in_order_leaves_at_once() -> None:
    run = Run().feed(steady(100))
    assert run.played == list(range(100))
    assert all(run.delay_ms(item) == 0 for item in run.heard)


def test_one_lost_packet_costs_one_frame_and_no_delay() -> None:  # row 4
    run = Run().feed([item for index, item in enumerate(steady(100)) if index != 50])
    made_up = [item for item in run.heard if item.index is None]
    assert [(item.at, item.samples) for item in made_up] == [(50 * FRAME, FRAME)]
    assert max(later.now_ns - earlier.now_ns for earlier, later in zip(run.heard, run.heard[1:], strict=False)) <= (
        60 * MS
    )
    assert run.delay_ms(run.heard[-1]) == 0
    assert run.position == 100 * FRAME


def test_two_swapped_packets_are_put_in_order() -> None:
    arrivals = steady(20)
    arrivals[10] = (11 * 20 * MS + MS, arrivals[10][1])
    run = Run().feed(arrivals)
    assert run.played == list(range(20))
    assert run.position == 20 * FRAME
    assert run.buffer.stats.concealed_samples == 0


@settings(deadline=None, max_examples=150)
@given(
    fates=st.lists(
        st.sampled_from(["ok", "ok", "ok", "lost", "twice", "late5", "late25", "late70", "late300"]), max_size=80
    ),
    sequence=st.sampled_from([0, 100, 65_500, 65_535]),
    timestamp=st.sampled_from([0, 2**32 - 5 * FRAME, 2**31, 12_345]),
)
def test_against_an_oracle(fates: list[str], sequence: int, timestamp: int) -> None:
    """Whatever the network does: what is heard is in order, once, at the sender's own position, with no hole."""
    fates = ["ok", *fates, "ok"]
    arrivals = []
    for index, fate in enumerate(fates):
        item = packet(index, sequence=sequence, timestamp=timestamp)
        late = int(fate.removeprefix("late")) if fate.startswith("late") else 0
        if fate != "lost":
            arrivals.append((index * 20 * MS + late * MS, item))
        if fate == "twice":
            arrivals.append((index * 20 * MS + 3 * MS, item))
    run = Run().feed(arrivals)
    run.until(run.now_ns + 150 * MS)
    assert run.played == sorted(set(run.played)), "each packet at most once, in order"
    assert all(item.at == item.index * FRAME for item in run.heard if item.index is not None), "true positions"
    assert run.position == (run.played[-1] + 1) * FRAME, "no hole and no extra sample"
    assert run.buffer.held_packets == 0
    # An independent account of what must be heard: everything that came within the shortest wait.
    prompt = {index for index, fate in enumerate(fates) if fate in ("ok", "twice", "late5")}
    assert prompt <= set(run.played)
    never = {index for index, fate in enumerate(fates) if fate == "lost"}
    assert not never & set(run.played)
    stats = run.buffer.stats
    assert stats.received == len(arrivals)
    assert stats.received == len(run.played) + stats.duplicate + stats.late
    assert stats.lost <= len(never)


def test_random_loss_drifts_by_0_samples_and_leaves_no_delay() -> None:  # rows 1 and 2
    for seed, rate in ((1, 0.01), (2, 0.05), (3, 0.2)):
        chance = random.Random(seed)
        arrivals = [item for index, item in enumerate(steady(2000)) if index in (0, 1999) or chance.random() > rate]
        run = Run().feed(arrivals)
        assert run.position == 2000 * FRAME
        assert all(item.at == item.index * FRAME for item in run.heard if item.index is not None)
        delays = sorted(run.delay_ms(item) for item in run.heard if item.index is not None)
        assert delays[int(len(delays) * 0.75)] == 0
        assert delays[-1] <= 60


def test_jitter_grows_the_wait_which_then_shrinks_within_2_s() -> None:  # row 5
    chance = random.Random(7)
    arrivals = [(at + int(chance.uniform(10, 70) * MS), item) for at, item in steady(500)]
    run = Run()
    waits = []
    for arrival in sorted(arrivals, key=lambda pair: pair[0]):
        run.feed([arrival])
        waits.append(run.buffer.wait_ms(run.now_ns))
    assert max(waits) > 40
    assert run.position == 500 * FRAME
    assert len(run.played) >= 490  # lateness of up to 60 ms in every packet, learnt from nothing
    # 100 packets are 2 s
    run.feed([(10_070 * MS + index * 20 * MS, packet(500 + index)) for index in range(100)])
    assert run.buffer.wait_ms(run.now_ns) == 20
    assert run.heard[-1].now_ns == 10_070 * MS + 99 * 20 * MS, "a packet in order is never held"


def test_reorder_and_duplicates_lose_and_double_nothing() -> None:  # row 6
    chance = random.Random(11)
    arrivals = []
    for at, item in steady(1000):
        late = 15 * MS if chance.random() < 0.05 else 0
        arrivals.append((at + late + chance.randrange(8 * MS), item))
        if chance.random() < 0.05:
            arrivals.append((at + 12 * MS, item))
    run = Run().feed(arrivals)
    assert run.played == list(range(1000))
    assert run.position == 1000 * FRAME


def test_a_delay_step_of_300_ms_loses_nothing() -> None:  # row 8
    arrivals = [(at + (300 * MS if index >= 50 else 0), item) for index, (at, item) in enumerate(steady(100))]
    run = Run().feed(arrivals)
    assert run.played == list(range(100))
    assert run.position == 100 * FRAME


def test_a_blackout_is_filled_while_it_lasts_and_ends_without_drift() -> None:  # row 10
    arrivals = [item for index, item in enumerate(steady(300)) if not 100 <= index < 200]
    run = Run()
    run.feed(arrivals[:100])
    run.until(100 * 20 * MS + 1_000 * MS)
    assert abs(run.position / 48 - (2_000 + 1_000 - 400)) <= 40, "silence follows 400 ms behind"
    run.feed(arrivals[100:])
    assert run.position == 300 * FRAME
    assert run.buffer.stats.shifted_samples == 0


def test_packets_that_were_held_up_longer_than_the_stall_are_all_heard() -> None:
    arrivals = [(at if not 50 <= index < 100 else 2_000 * MS, item) for index, (at, item) in enumerate(steady(150))]
    run = Run().feed(arrivals)
    assert run.played == list(range(150))
    assert run.position == 150 * FRAME + run.buffer.stats.shifted_samples
    assert run.buffer.stats.shifted_samples <= 621 * 48  # 1020 ms without a packet, 400 of patience


def test_discontinuous_transmission_is_silence_soon() -> None:
    arrivals = steady(50)
    quiet = RtpAudio(50, 50 * FRAME, 1, bytes([TOC_20_MS]))
    arrivals.append((50 * 20 * MS, quiet))
    arrivals.append((70 * 20 * MS, RtpAudio(51, 70 * FRAME, 1, payload(70))))
    run = Run().feed(arrivals[:51])
    run.until(50 * 20 * MS + 200 * MS)
    assert run.position / 48 >= 51 * 20 + 120, "the timeline goes on 60 ms behind"
    run.feed(arrivals[51:])
    assert run.position == 71 * FRAME
    assert run.buffer.stats.concealed_samples == 0


def test_new_source_and_timestamp_jump_go_on_without_a_gap() -> None:  # row 27
    arrivals = steady(50)
    arrivals += [((50 + i) * 20 * MS, packet(i, sequence=7_000, timestamp=999_999, ssrc=2)) for i in range(50)]
    arrivals += [((100 + i) * 20 * MS, packet(i, sequence=7_050, timestamp=3_000_000_000, ssrc=2)) for i in range(50)]
    run = Run().feed(arrivals)
    assert run.played == list(range(50)) * 3
    assert run.position == 150 * FRAME
    assert run.buffer.stats.restarts == 2


def test_sequence_restart_needs_two_packets() -> None:
    arrivals = steady(50)
    arrivals.insert(25, (24 * 20 * MS + MS, packet(0, sequence=40_000, timestamp=5)))  # one stray packet
    run = Run().feed(arrivals)
    assert run.played == list(range(50))
    run.feed([((50 + i) * 20 * MS, packet(i, sequence=30_000, timestamp=777)) for i in range(10)])
    assert run.played[50:] == list(range(1, 10)), "one packet pays for the proof"
    assert run.buffer.stats.restarts == 1


def test_a_flood_is_bounded() -> None:  # row 19
    run = Run().feed([(index * 2 * MS, packet(index)) for index in range(10_000)])  # 20 s at ten times the pace
    assert run.position / 48_000 <= 20 + 5 + 1
    assert run.buffer.stats.flooded > 5_000


def test_a_fast_sender_clock_is_no_flood() -> None:  # row 28
    run = Run()
    for index in range(60_000):  # 20 minutes, half a percent fast: 6 s ahead in the end
        run.now_ns = index * 19_900_000
        run.take(run.buffer.push(packet(index), run.now_ns))
        run.heard.clear()
    assert run.buffer.stats.flooded == 0
    assert run.position == 60_000 * FRAME


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.integers(0, 65_535) | st.integers(0, 20),
            st.integers(0, 2**32 - 1) | st.integers(0, 50_000),
            st.sampled_from([1, 1, 1, 2]),
            st.binary(max_size=12),
        ),
        max_size=60,
    )
)
def test_nothing_a_peer_sends_breaks_it(items: list[tuple[int, int, int, int, bytes]]) -> None:  # row 26
    run = Run()
    for gap_ms, sequence, timestamp, ssrc, data in items:
        run.until(run.now_ns + gap_ms * MS)
        run.take(run.buffer.push(RtpAudio(sequence, timestamp, ssrc, data), run.now_ns))
    run.until(run.now_ns + 500 * MS)
    assert run.buffer.held_packets <= 65
    assert all(item.samples > 0 for item in run.heard)
    assert run.position <= (run.now_ns / 1e9 * 1.01 + 5 + 1) * 48_000, "bounded by the clock and the burst"


def test_decisions_are_values() -> None:
    assert Conceal(960) == Conceal(960) != Silence(960)
