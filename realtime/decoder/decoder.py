"""The decoder's face: sequences of symbols in, logits out. It knows nothing of turns, lanes' purposes or time.

One thread uses a Decoder. `Decoder.load` sets torch's number of threads for the whole process.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from collections.abc import Sequence as Sequence_
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from realtime.decoder.attention import TILE_TOKENS
from realtime.decoder.blocks import BlockPool
from realtime.decoder.checkpoint import Weights, load_weights
from realtime.decoder.frames import FrameStore
from realtime.decoder.kv_cache import Cache
from realtime.decoder.runner import Runner
from realtime.decoder.sequence import Row, Sequence, Symbol
from realtime.decoder.shape import DecoderShape
from realtime.decoder.tokenizer import SpecialTokens, Tokenizer
from realtime.errors import CheckpointError, ConfigurationError, LimitError
from streaming_encoder.checkpoint import TensorParts
from streaming_encoder.errors import CheckpointError as PartsError


class Decoder:
    """A loaded model with its KV cache and block pool. Make it with `Decoder.load`."""

    def __init__(
        self,
        weights: Weights,
        tokenizer: Tokenizer,
        *,
        kv_tokens: int,
        block_tokens: int = 16,
        device: str = "cpu",
    ) -> None:
        if block_tokens % 16 or TILE_TOKENS % block_tokens:
            raise ConfigurationError(f"block_tokens must be 16, 32, 64 or 128, not {block_tokens}")
        if kv_tokens < block_tokens:
            raise ConfigurationError(f"kv_tokens must be at least {block_tokens}, not {kv_tokens}")
        self.shape = weights.network.shape
        self.parameters = weights.parameters
        self.tokenizer = tokenizer
        self.frames = FrameStore(self.shape.width, device=device)
        self.cache: Cache = weights.network.new_cache(kv_tokens // block_tokens, block_tokens)
        self.pool = BlockPool(kv_tokens // block_tokens, in_runs=self.cache.reads_runs)
        self._block_tokens = block_tokens
        self._runner = Runner(weights, self.cache, self.pool, self.frames, device)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        kv_tokens: int = 6144,
        block_tokens: int = 16,
        threads: int = 2,
        exact: bool = False,
        native: bool = True,
        assisted: bool = True,
        kv_dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> Decoder:
        """Read and verify a checkpoint directory.

        kv_tokens: cached positions of all sequences together. exact: float32 weights instead of int8, for tests.
        threads: of torch's operators; compiled code has one.
        native: compiled code where this CPU runs it; False is torch's operators everywhere.
        assisted: compiled code takes a second core into use while that is idle.
        Raises CheckpointError (weights, tokenizer or config missing or damaged) or ConfigurationError.
        """
        torch.set_num_threads(threads)
        config = _read_config(directory)
        shape = DecoderShape.from_config(config["decoder"])
        tokenizer = Tokenizer(directory / "tokenizer.json", SpecialTokens.from_config(config["tokens"]))
        try:
            weights = load_weights(
                TensorParts(directory),
                shape,
                exact=exact,
                device=device,
                native=native,
                assisted=assisted,
                kv_dtype=kv_dtype,
            )
        except PartsError as error:
            raise CheckpointError(str(error)) from error
        return cls(weights, tokenizer, kv_tokens=kv_tokens, block_tokens=block_tokens, device=device)

    def new(self, symbols: Iterable[Symbol] = ()) -> Sequence:
        """An empty sequence, extended by `symbols`. Costs no blocks before it is computed."""
        seq = Sequence(self._block_tokens)
        self.extend(seq, symbols)
        return seq

    def fork(self, seq: Sequence) -> Sequence:
        """A second sequence with the same symbols and the same blocks. Nothing is copied before one of them writes.

        The fork does not inherit `ahead`.
        """
        _require_alive(seq)
        return seq.fork(self.pool)

    def extend(self, seq: Sequence, symbols: Iterable[Symbol]) -> None:
        """Append symbols, to be computed by later steps unless they are those of `seq.ahead`, in order.

        Raises LimitError beyond the model's last position.
        """
        _require_alive(seq)
        added = list(symbols)
        if len(seq) + len(added) > self.shape.max_position:
            raise LimitError(f"a conversation of more than {self.shape.max_position} symbols does not fit this model")
        bad = next((symbol for symbol in added if symbol >= self.shape.vocab_size), None)
        if bad is not None:
            raise ValueError(f"token id {bad} is not in the vocabulary of {self.shape.vocab_size}")
        seq.extend(self.pool, added)

    def truncate(self, seq: Sequence, length: int) -> None:
        """Forget all symbols from `length` on. Blocks that held only them are given back."""
        _require_alive(seq)
        if not 0 <= length <= len(seq):
            raise ValueError(f"cannot truncate {len(seq)} symbols to {length}")
        seq.truncate(self.pool, length)

    def drop(self, seq: Sequence) -> None:
        """Give back everything the sequence holds. It cannot be used afterwards; dropping it again does nothing."""
        if seq.alive:
            seq.drop(self.pool)

    def step(self, rows: Sequence_[Row]) -> list[Tensor | None]:
        """One batched forward pass; see `Runner.execute`. Logits are float32 [1 + guessed symbols, vocab]."""
        return self._runner.execute(rows)


def _require_alive(seq: Sequence) -> None:
    if not seq.alive:
        raise ValueError("the sequence was dropped")


def _read_config(directory: Path) -> dict[str, Any]:
    path = directory / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); is {directory} a model directory?") from error
    if not isinstance(config, dict) or not all(isinstance(config.get(name), dict) for name in ("decoder", "tokens")):
        raise CheckpointError(f"{path} has no sections decoder and tokens")
    return config
