"""`python -m benchmarks [NAME…]` runs all benchmarks, or those named."""

from __future__ import annotations

import sys

from benchmarks import click_to_sound, deconvolution, labels, responsiveness, startup, tagging

ALL = {
    "startup": startup.main,
    "deconvolution": deconvolution.main,
    "click_to_sound": click_to_sound.main,
    "tagging": tagging.main,
    "responsiveness": responsiveness.main,
    "labels": labels.main,
}

for name in sys.argv[1:] or ALL:
    if name not in ALL:
        sys.exit(f"There is no benchmark '{name}'; there is: {', '.join(ALL)}")
    print(f"\n== {name}")
    ALL[name]()
