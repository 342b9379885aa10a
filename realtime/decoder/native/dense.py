"""A float32 matrix with a bias in compiled code, in place of torch's `nn.Linear`. It knows no network."""

from __future__ import annotations

import weakref
from contextlib import nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from realtime.decoder.native.assistant import Assistant
from realtime.decoder.native.dense_products import DENSE_OUTPUTS, pack_dense
from realtime.decoder.native.matrix import aligned
from realtime.decoder.native.multiply import KIND
from realtime.decoder.native.sharing import multiply_dense_together


class NativeDense(nn.Module):
    """A matrix [out, in] and a bias [out]. A row's result depends, to the bit, on no other row and on no thread.

    assistant: takes a part of each product while its core is idle; None is one thread.
    """

    def __init__(self, weight: Tensor, bias: Tensor, assistant: Assistant | None = None) -> None:
        super().__init__()
        self.outputs, self.inputs = weight.shape
        blocks = pack_dense(weight.numpy(), bias.numpy(), KIND)
        packed = aligned(blocks.nbytes).view(np.float32).reshape(blocks.shape)
        packed[:] = blocks
        self.packed = nn.Parameter(torch.from_numpy(packed), requires_grad=False)
        self._assistant = assistant
        if assistant is not None:
            weakref.finalize(self, assistant.settle).atexit = False

    def forward(self, x: Tensor) -> Tensor:
        """`x @ W.T + b`: rows x [n, in] float32 to [n, out] float32."""
        rows = np.ascontiguousarray(x.numpy(), np.float32)
        assert rows.ndim == 2 and rows.shape[1] == self.inputs, rows.shape
        out = np.empty((len(rows), len(self.packed) * DENSE_OUTPUTS), np.float32)
        with nullcontext(0) if self._assistant is None else self._assistant.step() as board:
            ours = multiply_dense_together(
                board, self.packed.data_ptr(), self.outputs, self.inputs, len(rows), rows.ctypes.data,
                rows.strides[0], out.ctypes.data, out.strides[0],
            )  # fmt: skip
            if not ours and self._assistant is not None:
                self._assistant.leave(rows, out)
                out = out.copy()
        return torch.from_numpy(out)[:, : self.outputs]
