"""AuralScope: look inside the neural networks that tag music, and hear what each layer has learned.

The names of the public API are imported on first use, so `import auralscope` loads neither torch nor numpy.

>>> import auralscope as asc
>>> clip = asc.load_clip("song.flac", start_s=30.0, duration_s=4.0)  # doctest: +SKIP
>>> run = asc.load_model("genre-convnet").analyse(clip)  # doctest: +SKIP
>>> sound = run.auralise("conv3", unit=7)  # doctest: +SKIP
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
