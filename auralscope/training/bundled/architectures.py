"""The page of architectures: what there is to train, whose it is, and how many parameters it has.

The networks themselves are in `auralscope.nn.architectures`, where the app can build a model that was trained without
this room's extra; neither needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.files import write_aside
from auralscope.nn.architectures import ARCHITECTURES, Architecture, architecture

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ARCHITECTURES", "Architecture", "architecture", "page", "parameters", "write_page"]

HEAD = """# Architectures

What `auralscope train --architecture NAME` can fit. Written by `python -m auralscope.training.bundled architectures
--markdown docs/architectures.md`; parameters are counted in the networks that are built, scales and shifts of batch
norms among them, for the input and the number of labels of the paper. The paper's own figure stands beside it where it
gives one. Any other input will do into which the kernels fit; poolings are cut to what is left of a smaller one.

All can be trained, tag, and show feature maps. Those of convolutions and poolings alone auralise; of layers above
them, dense or recurrent, it is the gradient at the last map that does. A network on the waveform gives a waveform.

| name | input | labels | parameters | in the paper | source | note |
|---|---|---:|---:|---:|---|---|
"""


def parameters(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def page() -> str:
    """The page, as Markdown."""
    import torch

    rows = []
    for each in ARCHITECTURES.values():
        with torch.device("meta"):  # shapes without memory
            count = parameters(each.build(each.n_labels))
        bins, frames = each.input_shape
        given = f"{frames:,} samples" if each.family == "waveform" else f"{bins} x {frames}"
        published = f"{each.published:,} ({count / each.published - 1:+.1%})" if each.published else ""
        cells = (f"`{each.name}`", given, str(each.n_labels), f"{count:,}", published, each.source, each.note)
        rows.append("| " + " | ".join(cell or "-" for cell in cells) + " |")
    return HEAD + "\n".join(rows) + "\n"


def write_page(file: Path) -> None:
    """Write the page, whole or not at all."""
    write_aside(file, page().encode())
