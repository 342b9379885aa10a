"""The encoder's matrices in compiled code. Only hearing's own products: what lies between them is torch's."""

from __future__ import annotations

from torch import Tensor, nn

from realtime.decoder.native.assistant import Assistant, assistant
from realtime.decoder.native.dense import NativeDense
from realtime.decoder.native.host import kind_of_host
from streaming_encoder import AudioModel


class AssistedLayer(nn.Module):
    """One layer as one step of the assistant: woken for each product alone, it would miss the beginning of all."""

    def __init__(self, layer: nn.Module, helper: Assistant) -> None:
        super().__init__()
        self.layer = layer
        self._helper = helper

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, position: int) -> Tensor:
        """As the layer's own."""
        with self._helper.step():
            heard: Tensor = self.layer(x, keys, values, position)
        return heard


def compile_hearing(model: AudioModel, assisted: bool = True) -> None:
    """Replace the matrices of a loaded model, in place, where this CPU runs the compiled products.

    assisted: a second thread takes a part of each while its core is idle.
    """
    if kind_of_host() is None:
        return
    helper = assistant() if assisted else None
    layers = model.encoder.layers
    for module in (*layers, model.adapter):
        for name, linear in list(module.named_children()):
            if isinstance(linear, nn.Linear):
                setattr(module, name, NativeDense(linear.weight, linear.bias, helper))
    if helper is not None:
        model.encoder.layers = nn.ModuleList(AssistedLayer(layer, helper) for layer in layers)
