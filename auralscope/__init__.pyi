from .audio.files import load_clip, write_wav
from .catalogue import ModelInfo, load_model, models
from .errors import AuralScopeError
from .nn.analysis.label_vectors import LabelVectors
from .nn.attribution.deconvolution import deconvolve
from .nn.loaded import Model, Run, model_of
from .nn.network_files import load_network
from .nn.passages import Passage
from .types import Auralisation, Clip, Scores

__version__: str

__all__ = [
    "AuralScopeError",
    "Auralisation",
    "Clip",
    "LabelVectors",
    "Model",
    "ModelInfo",
    "Passage",
    "Run",
    "Scores",
    "__version__",
    "deconvolve",
    "load_clip",
    "load_model",
    "load_network",
    "model_of",
    "models",
    "write_wav",
]
