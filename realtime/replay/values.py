"""What tasks get from outside, as plain values on the tape and back. Knows the kinds, not who gets them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

import realtime.errors
import tts_bridge.errors
from realtime.transport import AudioIn, ClientText, Gone
from tts_bridge import Pcm


def plain_of(value: Any) -> list[Any] | None:
    """A value as [kind, …]; None for one that brings nothing (asyncio's own waits give None and True)."""
    match value:
        case ClientText():
            return ["text", value.raw]
        case AudioIn():
            return ["audio", value.at_sample, value.arrival_ns, value.pcm.tobytes()]
        case Gone():
            return ["gone", value.reason]
        case Pcm():  # its samples come back from the resampling behind it
            return ["speech", value.sample_rate_hz]
        case float():
            return ["probability", value]
        case list():
            return ["probabilities", value]
        case np.ndarray():
            return ["samples", value.tobytes()]
        case BaseException():
            return ["raised", type(value).__name__, str(value)]
    return None


def value_of(plain: list[Any]) -> Any:
    """The value that `plain_of` was given; an exception comes back as one of its own class."""
    match plain:
        case ["text", raw]:
            return ClientText(raw)
        case ["audio", at_sample, arrival_ns, pcm]:
            return AudioIn(at_sample, np.frombuffer(pcm, np.int16), arrival_ns)
        case ["gone", reason]:
            return Gone(reason)
        case ["speech", rate_hz]:
            return Pcm(np.zeros(1, np.int16), rate_hz)
        case ["probability" | "probabilities", value]:
            return value
        case ["samples", pcm]:
            return np.frombuffer(pcm, np.int16)
        case ["raised", name, message]:
            return error_named(name, message)
    raise ValueError(f"a tape holds no {plain[:1]}")


def error_named(name: str, message: str) -> Exception:
    """An error of one of our classes, or of Python's, by name."""
    for module in (realtime.errors, tts_bridge.errors, builtins):
        kind = getattr(module, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return kind(message)
    unknown: Exception = type(name, (Exception,), {})(message)
    return unknown
