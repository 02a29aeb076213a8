"""Find the layers of a network that nobody has described."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auralscope.errors import NetworkError
from auralscope.nn.model import Layer
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.functions import Kind, functions_of
from auralscope.nn.tape.layout import layout_of
from auralscope.nn.tape.steps import tensors_in

if TYPE_CHECKING:
    from torch import Tensor, nn

_BLOCK_STARTS = frozenset(functions_of(Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION, Kind.DENSE, Kind.ATTENTION))

_RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")


def find_layers(network: nn.Module, image: Tensor) -> tuple[Layer, ...]:
    """Find the layers of a network: one for each block, at the last module of the block.

    A block begins with a convolution, a dense or recurrent layer or an attention, and ends before the next one. Its
    layer is the last module in it that makes its output by a step of its own, such as the pooling (Choi 2018, sec.
    7.2).

    Parameters
    ----------
    network : torch.nn.Module
    image : (1, channels, bins, frames) tensor
        An input; the layers are those that it runs through.

    Returns
    -------
    tuple of Layer
        From the input upwards; each has the name of its module.

    Raises
    ------
    NetworkError
        The network has no such module, or does not run on the image.
    """
    tape = record(network, image)
    found: list[str] = []
    current: str | None = None  # the layer of the present block, so far
    begun = False
    for step in tape.steps:
        if step.function in _BLOCK_STARTS or step.name in _RECURRENT:
            begun, current = True, None
        output = next(tensors_in(step.output))
        if not begun or not step.module or output.ndim < 2 or tape.layers.get(step.module) is not output:
            continue
        if current is not None:
            found.remove(current)
        current = None if step.module in found else step.module
        if current is not None:
            found.append(current)
    if not found:
        raise NetworkError("No layer was found: no module of the network returns what a step of its own computed.")
    tops = {name: tape.layers[name] for name in found}
    return tuple(Layer(name, name, top.shape[layout_of(tape, top).unit]) for name, top in tops.items())
