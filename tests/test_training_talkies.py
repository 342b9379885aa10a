"""Two games' files: what is packed unpacks, every recording finds its line, and a damaged file says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training_talkie_files import dialogue, mp3, pack, scene, write_queen, write_sky
from training.data.talkies import TalkieUnreadable, open_talkie, rnc

LITERALS = st.binary(min_size=0, max_size=40)
PAIRS = st.lists(st.tuples(LITERALS, st.integers(1, 60), st.integers(2, 50)), min_size=1, max_size=12)


def _chunk(pairs: list[tuple[bytes, int, int]], done: int) -> list[tuple[bytes, tuple[int, int] | None]]:
    """Copies that reach back no further than what there is, and none at the end."""
    chunk: list[tuple[bytes, tuple[int, int] | None]] = []
    for place, (given_literals, distance, length) in enumerate(pairs):
        literals = given_literals or (b"x" if done == 0 else b"")
        done += len(literals)
        last = place == len(pairs) - 1
        chunk.append((literals, None if last else (min(distance, done), length)))
        done += 0 if last else length
    return chunk


@settings(max_examples=60, deadline=None)
@given(st.lists(PAIRS, min_size=1, max_size=3))
def test_what_is_packed_unpacks(chunks: list[list[tuple[bytes, int, int]]]) -> None:
    built, done = [], 0
    for pairs in chunks:
        built.append(_chunk(pairs, done))
        done += sum(len(literals) + (copy[1] if copy else 0) for literals, copy in built[-1])
    block, plain = pack(built)
    assert rnc.unpack(block) == plain


def test_checksum_is_the_known_one() -> None:
    assert rnc.checksum(b"123456789") == 0xBB3D  # CRC-16/ARC


@pytest.mark.parametrize("place", [0, 9, 12, 14, 20, -1])
def test_any_damage_is_noticed(place: int) -> None:
    block, _ = pack([[(b"Foster", (3, 9)), (b"!", None)]])
    damaged = bytearray(block)
    damaged[place] ^= 0x10
    with pytest.raises(rnc.RncDamaged):
        rnc.unpack(bytes(damaged))
    with pytest.raises(rnc.RncDamaged):
        rnc.unpack(block[:-1])


def _tone(seconds: float) -> np.ndarray:
    return (8000 * np.sin(np.arange(int(11_025 * seconds)) * 0.2)).astype(np.int16)


def _queen(folder: Path) -> None:
    talk = dialogue(
        7, {0x1F: "Hello.*02How are you?*03"}, {0x1F: "Fine.", 0x20: "*FL*XY00(237,112)Wait*00..."}, ("Again?", "Yes!")
    )
    cut = scene(["*", "Well*03*WTIt is here.", "#credits", "", "Odd"])
    sound = mp3(_tone(0.8))
    names = ["07001FJ1", "07001FJ2", "07001FP1", "070020P3", "07XXXXP1", "07XXXXJ1"]
    names += ["C9A__021", "C9A__023", "C9A__051", "JOE00421", "JOE00011", "88SSSSSS"]
    entries = {"BOB2.DOG": talk, "C9A.CUT": cut, "QUEEN2.JAS": b"Nothing*03\r\nA tree*24\r\n"}
    write_queen(folder, entries | {f"{name}.SB": sound for name in names})


def test_every_recording_of_the_queen_finds_its_line(tmp_path: Path) -> None:
    _queen(tmp_path)
    lines = {line.key: (line.script, line.speaker) for line in open_talkie(tmp_path).speech()}
    assert lines == {
        "07001FJ1": ("Hello.", "queen/joe"),
        "07001FJ2": ("How are you?", "queen/joe"),
        "07001FP1": ("Fine.", "queen/bob"),
        "070020P3": ("Wait", "queen/bob"),
        "07XXXXP1": ("Again?", "queen/bob"),
        "07XXXXJ1": ("Yes!", "queen/joe"),
        "C9A__021": ("Well", "queen/scene-c9a"),
        "C9A__023": ("It is here.", "queen/scene-c9a"),
        "C9A__051": ("Odd", "queen/scene-c9a"),
        "JOE00421": ("A tree", "queen/joe"),
        "JOE00011": ("", "queen/joe"),
    }


def test_recordings_of_the_queen_come_at_16_khz(tmp_path: Path) -> None:
    _queen(tmp_path)
    [effect] = open_talkie(tmp_path).effects()
    samples = effect.samples()
    assert (effect.key, effect.speaker, samples.dtype) == ("88SSSSSS", "queen/effects", np.int16)
    assert 0.7 < len(samples) / 16_000 < 1.1
    spectrum = np.abs(np.fft.rfft(samples.astype(float)))
    assert abs(int(spectrum.argmax()) * 16_000 / len(samples) - 0.2 * 11_025 / (2 * np.pi)) < 5


def test_recordings_of_sky_come_at_16_khz_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    wave = (128 + 80 * np.sin(np.arange(11_025) * 0.2)).astype(np.uint8).tobytes()
    block, _ = pack([[(b"h" * 42 + wave, None)]])
    write_sky(tmp_path, {50_103: bytes(22) + block, 52_060: bytes(22) + block, 50_007: bytes(40), 60_111: b"song"})
    talkie = open_talkie(tmp_path)
    lines = talkie.speech()
    assert [(line.key, line.speaker, line.script) for line in lines] == [
        ("50103", "sky/501", ""),
        ("52060", "sky/520", ""),
    ]
    samples = lines[1].samples()
    assert (samples.dtype, len(samples)) == (np.int16, 16_000)
    assert 18_000 < np.abs(samples[100:-100].astype(int)).max() < 22_000
    assert talkie.effects() == []


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(TalkieUnreadable, match="neither"):
        open_talkie(tmp_path)
    write_queen(tmp_path, {"A.SB": b""}, compression=0)
    with pytest.raises(TalkieUnreadable, match="MP3"):
        open_talkie(tmp_path)
    write_queen(tmp_path, {"BOB.DOG": bytes(30)})
    with pytest.raises(TalkieUnreadable, match=r"BOB\.DOG"):
        open_talkie(tmp_path)
    (tmp_path / "queen.1c").write_bytes(b"QTBL")
    with pytest.raises(TalkieUnreadable):
        open_talkie(tmp_path)
    (tmp_path / "queen.1c").unlink()
    (tmp_path / "sky.dnr").write_bytes(b"\5\0\0\0")
    (tmp_path / "sky.dsk").write_bytes(b"")
    with pytest.raises(TalkieUnreadable, match="promises 5"):
        open_talkie(tmp_path)
