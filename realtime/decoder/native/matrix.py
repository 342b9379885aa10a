"""One int8 matrix in compiled code: products with rows, and the rows that it consists of. It knows no network.

So a table of words that is also the head of its network is held once.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime.decoder.linear import Matrix
from realtime.decoder.native import step
from realtime.decoder.native.multiply import KIND, OUTPUTS, multiply
from realtime.decoder.native.products import pack, unpacked


class NativeMatrix(nn.Module):
    """A matrix [out, in] on one thread; `in` is a multiple of 16. A row's result depends, to the bit, on no other."""

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        matrix = matrix.quantised()
        self.outputs, self.inputs = matrix.weight.shape
        packed = packed_bytes(matrix)
        self._packed = aligned(len(packed))
        self._packed[:] = packed

    def forward(self, x: Tensor) -> Tensor:
        """`x @ W.T`: rows x [n, in] float32 to [n, out] float32."""
        rows = np.ascontiguousarray(x.numpy(), np.float32)
        n, filled = len(rows), -(-self.outputs // OUTPUTS) * OUTPUTS
        levels = np.empty((n, self.inputs), KIND.activation)
        scales, sums = np.empty(n, np.float32), np.empty(n, np.int32)
        out = np.empty((n, filled), np.float32)
        levels_at, scales_at, sums_at = levels.ctypes.data, scales.ctypes.data, sums.ctypes.data
        step.quantise_rows(rows.ctypes.data, rows.strides[0], n, self.inputs, levels_at, scales_at, sums_at)
        multiply(
            self._packed.ctypes.data, self.outputs, self.inputs, n, levels_at, scales_at, sums_at,
            out.ctypes.data, out.strides[0], 0,
        )  # fmt: skip
        return torch.from_numpy(out)[:, : self.outputs]

    def rows(self, ids: Tensor) -> Tensor:
        """Rows of the matrix: float32 [n, in]. ids: int64 [n]."""
        weight, scale = unpacked(self._packed, self.inputs, ids.numpy(), KIND)
        return torch.from_numpy(weight.astype(np.float32) * scale[:, None])


def packed_bytes(matrix: Matrix) -> NDArray[np.uint8]:
    """The matrix as the products read it."""
    matrix = matrix.quantised()
    assert matrix.scale is not None
    return pack(matrix.weight.contiguous().numpy(), matrix.scale.float().numpy(), KIND)


def aligned(size: int) -> NDArray[np.uint8]:
    """`size` bytes on a cache line's border, so that no vector lies on two lines."""
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]
