"""Weight matrices that multiply rows: int8 on the CPU, dense anywhere. They know no network.

int8 (`Int8Linear`): weights as stored, one scale per output row; activations are quantised per row at run time.
Each row is divided by its own largest magnitude first, so one constant activation scale serves every row. The inner
product is an exact integer sum. Therefore a row's result does not depend, to the bit, on which rows share its batch.

Measured on two cores with AVX512-VNNI, all matrices of the embedded model's 30 layers: 7.6 ms for 1 row, 17 ms for 32,
53 ms for 128. Weight-only int8 (`_weight_int8pack_mm`): 9.1, 65, 206 ms; dense float32: 42, 81, 203 ms.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Quantised range of activations: u8 x s8 pairs are summed in 16 bits where the CPU has no VNNI; 7 bits cannot saturate.
_LEVELS_8_BIT, _ZERO_8_BIT = 127, 128
_LEVELS_7_BIT, _ZERO_7_BIT = 63, 64
_SMALLEST_MAGNITUDE = 1e-30  # a row of zeros stays zeros


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight matrix as a checkpoint holds it.

    weight: [out, in]; int8 with `scale` [out], or floating point with `scale` None. bias: [out] or None.
    """

    weight: Tensor
    scale: Tensor | None = None
    bias: Tensor | None = None

    def dense(self) -> Tensor:
        """The matrix in float32, [out, in]."""
        if self.scale is None:
            return self.weight.float()
        return self.weight.float() * self.scale.float()[:, None]

    def quantised(self) -> Matrix:
        """The same matrix in int8 with a scale per output row (unchanged if it is so already)."""
        if self.scale is not None:
            return self
        weight = self.weight.float()
        scale = weight.abs().amax(dim=1).clamp_min(_SMALLEST_MAGNITUDE) / 127
        return Matrix((weight / scale[:, None]).round().clamp(-127, 127).to(torch.int8), scale, self.bias)

    def rows(self, order: Tensor) -> Matrix:
        """The matrix with its output rows in another order."""
        scale = None if self.scale is None else self.scale[order]
        return Matrix(self.weight[order], scale, None if self.bias is None else self.bias[order])


def stack(matrices: list[Matrix]) -> Matrix:
    """One matrix that computes the outputs of several, in order, in one product."""
    scales = [matrix.scale for matrix in matrices if matrix.scale is not None]
    biases = [matrix.bias for matrix in matrices if matrix.bias is not None]
    assert len(scales) in (0, len(matrices)), "int8 and floating point matrices cannot be stacked"
    assert len(biases) in (0, len(matrices)), "either all stacked matrices have a bias or none"
    return Matrix(
        torch.cat([matrix.weight for matrix in matrices]),
        torch.cat(scales) if scales else None,
        torch.cat(biases) if biases else None,
    )


class DenseLinear(nn.Module):
    """Floating-point weights on any device; rows are cast to the weights' dtype and back to float32."""

    def __init__(self, matrix: Matrix, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> None:
        super().__init__()
        self.weight = matrix.dense().to(device=device, dtype=dtype)
        self.bias = None if matrix.bias is None else matrix.bias.to(device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """`x @ W.T (+ b)`: rows x [n, in] float32 to [n, out] float32."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias).float()


class Int8Linear(nn.Module):
    """int8 weights and per-row int8 activations through fbgemm.

    Raises RuntimeError where this torch has no such operator (see `int8_available`).
    """

    def __init__(self, matrix: Matrix) -> None:
        super().__init__()
        matrix = matrix.quantised()
        assert matrix.scale is not None
        levels, self.zero = (_LEVELS_8_BIT, _ZERO_8_BIT) if _has_vnni() else (_LEVELS_7_BIT, _ZERO_7_BIT)
        self.step = 1.0 / levels
        self.bias = None if matrix.bias is None else matrix.bias.float()
        self.packed: Any = _pack(matrix.weight, matrix.scale)

    def forward(self, x: Tensor) -> Tensor:
        """`x @ W.T (+ b)`: rows x [n, in] float32 to [n, out] float32."""
        peak = x.abs().amax(1, keepdim=True).clamp_min_(1e-30)  # a row of zeros stays zeros
        multiplied = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            x / peak, self.step, self.zero, self.packed
        )
        y: Tensor = multiplied.mul_(peak)
        if self.bias is not None:
            y = y + self.bias
        return y


def int8_available() -> bool:
    """True where `Int8Linear` runs: a torch with fbgemm and the fused quantised operator (x86 builds have both)."""
    try:
        Int8Linear(Matrix(torch.ones(16, 16)))(torch.ones(1, 16))
    except (RuntimeError, AttributeError):
        return False
    return True


def _has_vnni() -> bool:
    probe = getattr(torch.cpu, "_is_vnni_supported", None)  # private, hence guarded: without it the safe range is used
    return bool(probe and probe())


def _pack(weight: Tensor, scale: Tensor) -> Any:
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        raise RuntimeError("this torch has no fbgemm")
    torch.backends.quantized.engine = "fbgemm"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the per-channel constructor is deprecated; nothing else feeds linear_prepack
        zeros = torch.zeros(len(scale), dtype=torch.long)
        quantised = torch._make_per_channel_quantized_tensor(weight.contiguous(), scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(quantised, None)
