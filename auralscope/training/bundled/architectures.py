"""Write the page of architectures, with the parameters of each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.files import write_aside
from auralscope.nn.architectures import ARCHITECTURES, Architecture, architecture

if TYPE_CHECKING:
    from torch import nn

__all__ = ["ARCHITECTURES", "Architecture", "architecture", "page", "parameters", "write_page"]

HEAD = """# Architectures

The networks that `auralscope train --architecture NAME` can train. This page is written by
`python -m auralscope.training.bundled architectures --markdown docs/architectures.md`.

Parameters are counted in the built networks, including scales and shifts of batch norms, for the input and the number
of labels of the paper. The next column is the paper's own number, if it states one. Other inputs work if they are large
enough for the kernels; a pooling larger than the remaining maps is cut to their size.

All networks can be trained and can tag, and their feature maps can be shown. Layers of convolutions and poolings can be
auralised directly. A unit of a dense or recurrent layer starts from its gradient at the last feature map. The
auralisation of a network on the waveform is a waveform.

| name | input | labels | parameters | in the paper | source | note |
|---|---|---:|---:|---:|---|---|
"""


def parameters(network: nn.Module) -> int:
    """Count the parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def page() -> str:
    """Return the page as Markdown."""
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
    """Write the page to a file."""
    write_aside(file, page().encode())
