"""Initialise the weights of a network from data."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def initialise(network: nn.Module, images: torch.Tensor) -> None:
    """Initialise a network without batch norms so that no unit is dead (after Kraehenbuehl et al. 2016, sec. 3.1).

    He's initialisation; then, layer by layer, each unit's weights and bias are set so that its response to `images`
    before the ReLU has mean 0 and variance 1: it is above zero for about half of the images.

    Parameters
    ----------
    network : torch.nn.Module
        Changed in place.
    images : (batch, 1, bins, frames) tensor
        A few dozen are enough.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    # A small last layer: all labels start equally probable, and the first steps change the layers below little.
    nn.init.normal_(layers[-1].weight, std=0.01)
    training = network.training
    network.eval()

    def standardise(layer: nn.Conv2d | nn.Linear, _inputs: object, response: torch.Tensor) -> torch.Tensor:
        over = (0, 2, 3) if response.ndim == 4 else (0,)
        shape = (1, -1, 1, 1) if response.ndim == 4 else (1, -1)
        mean, spread = response.mean(over), response.std(over).clamp(min=1e-6)
        layer.weight /= spread.view(-1, *[1] * (layer.weight.ndim - 1))
        if layer.bias is not None:
            layer.bias.copy_(-mean / spread)
        return (response - mean.view(shape)) / spread.view(shape)

    # Each hook corrects its layer and returns the corrected response, so a single pass sets all layers in order.
    hooks = [layer.register_forward_hook(standardise) for layer in layers[:-1]]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    network.train(training)
