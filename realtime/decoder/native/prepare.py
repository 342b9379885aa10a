"""`python -m realtime.decoder.native.prepare` compiles the step for this CPU ahead of the first start."""

from __future__ import annotations

import sys
import time

import torch

from realtime.decoder.linear import Matrix
from realtime.decoder.model import LayerWeights
from realtime.decoder.native.host import kind_of_host
from realtime.decoder.sequence import Row, Sequence
from realtime.decoder.shape import DecoderShape

_SMALLEST = DecoderShape(
    vocab_size=16, width=16, layers=1, heads=1, kv_heads=1, head_dim=16, mlp_width=16, rope_theta=1e4, norm_eps=1e-5,
    max_position=16, tied_head=True, qkv_bias=False,
)  # fmt: skip


def main() -> None:
    kind = kind_of_host()
    if kind is None:
        sys.stdout.write("this CPU runs none of the compiled kernels; torch's operators serve\n")
        return
    begin = time.monotonic()
    # They choose the kind when they are imported.
    from realtime.decoder.native.assistant import assistant  # noqa: PLC0415
    from realtime.decoder.native.dense import NativeDense  # noqa: PLC0415
    from realtime.decoder.native.matrix import NativeMatrix  # noqa: PLC0415
    from realtime.decoder.native.network import NativeNetwork  # noqa: PLC0415

    def matrix(outputs: int) -> Matrix:
        return Matrix(torch.ones(outputs, 16))

    layer = LayerWeights(torch.ones(16), matrix(48), matrix(16), torch.ones(16), matrix(32), matrix(16))
    network = NativeNetwork(_SMALLEST, [layer], torch.ones(16), matrix(16), assistant())
    seq = Sequence(16, symbols=[1], blocks=[0])
    logits = network.compute(torch.ones(1, 16), [Row(seq, 1, want_logits=True)], [0], network.new_cache(1, 16))
    assert logits.isfinite().all()
    assert NativeMatrix(matrix(16))(torch.ones(1, 16)).isfinite().all()
    assert NativeDense(torch.ones(16, 16), torch.ones(16))(torch.ones(1, 16)).isfinite().all()
    sys.stdout.write(f"kernels for {kind.name} ready in {time.monotonic() - begin:.1f} s\n")


if __name__ == "__main__":
    main()
