"""Run all benchmarks, or those named: `python -m benchmarks [NAME…]`."""

from __future__ import annotations

import os
import sys

from benchmarks import click_to_sound, deconvolution, labels, responsiveness, startup, tagging, torchvision_networks

ALL = {
    "startup": startup.main,
    "deconvolution": deconvolution.main,
    "torchvision_networks": torchvision_networks.main,
    "click_to_sound": click_to_sound.main,
    "tagging": tagging.main,
    "responsiveness": responsiveness.main,
    "labels": labels.main,
}

cores, load = os.cpu_count() or 1, os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
print(f"{cores} cores, load {load:.1f}" + ("; other programs run, and all figures are too slow" if load > 0.5 else ""))

for name in sys.argv[1:] or ALL:
    if name not in ALL:
        sys.exit(f"There is no benchmark '{name}'; there is: {', '.join(ALL)}")
    print(f"\n== {name}")
    ALL[name]()
