"""Import Lightning and torchmetrics after the fix for torchvision, which both import where it is installed."""

from __future__ import annotations

from auralscope.training import torchvision_shim  # noqa: F401 - before the modules that import torchvision

# isort: split

import lightning
import torchmetrics
from lightning.pytorch import callbacks

__all__ = ["callbacks", "lightning", "torchmetrics"]
