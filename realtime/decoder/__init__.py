"""An incremental, batched decoder over a block KV cache. The torch part loads only when it is asked for.

`blocks`, `sequence`, `scheduler` and `detokenizer` are free of torch and are imported by code that must stay so.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.decoder.blocks import BlockPool
    from realtime.decoder.decoder import Decoder
    from realtime.decoder.detokenizer import Detokenizer
    from realtime.decoder.frames import FrameStore
    from realtime.decoder.sampling import Sampler, greedy
    from realtime.decoder.scheduler import Grant, Service, WorkItem, schedule
    from realtime.decoder.sequence import Row, Sequence, Symbol
    from realtime.decoder.shape import DecoderShape
    from realtime.decoder.tokenizer import SpecialTokens, Tokenizer

_HOME = {
    "BlockPool": "blocks",
    "Decoder": "decoder",
    "DecoderShape": "shape",
    "Detokenizer": "detokenizer",
    "FrameStore": "frames",
    "Grant": "scheduler",
    "Row": "sequence",
    "Sampler": "sampling",
    "Sequence": "sequence",
    "Service": "scheduler",
    "SpecialTokens": "tokenizer",
    "Symbol": "sequence",
    "Tokenizer": "tokenizer",
    "WorkItem": "scheduler",
    "greedy": "sampling",
    "schedule": "scheduler",
}

__all__ = [
    "BlockPool",
    "Decoder",
    "DecoderShape",
    "Detokenizer",
    "FrameStore",
    "Grant",
    "Row",
    "Sampler",
    "Sequence",
    "Service",
    "SpecialTokens",
    "Symbol",
    "Tokenizer",
    "WorkItem",
    "greedy",
    "schedule",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"realtime.decoder.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
