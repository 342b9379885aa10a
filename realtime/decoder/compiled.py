"""TorchScript where there is one. It knows nothing of what it compiles.

Calling an operator from Python costs about as much as a small operator itself. TorchScript runs the same operators on
the same numbers without that cost; a Python or torch that lacks it runs the function as it is.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch


def compiled(function_or_module: Any) -> Any:
    """`function_or_module` through TorchScript, or unchanged where TorchScript is missing or refuses it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return torch.jit.script(function_or_module)
        except (RuntimeError, AttributeError):
            return function_or_module
