"""The one place where Lightning and torchmetrics are imported; both import torchvision where it is installed."""

from __future__ import annotations

from auralscope.training import torchvision_shim  # noqa: F401 - before those that import torchvision

# isort: split

import lightning
import torchmetrics
from lightning.pytorch import callbacks

__all__ = ["callbacks", "lightning", "torchmetrics"]
