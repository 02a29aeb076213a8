"""Attribution methods to choose from, and the layers that each one supports."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.errors import AuralScopeError
from auralscope.session.faithfulness import LANE

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.selection import Selection

DEFAULT = "deconvolution"
"""The method that supports every layer."""

_OURS = {
    "deconvolution": ("Deconvolution", "The response, traced back through the network."),
    "guided": ("Guided backprop", "The gradient, only its positive parts at every step."),
    "gradient": ("Gradient", "Where a small change of the input changes the response most."),
    "gradient-input": ("Gradient × input", "First-order contributions: the gradient times the input."),
    "lrp-epsilon": ("LRP (epsilon)", "The response, shared out among contributions layer by layer."),
    "lrp-zplus": ("LRP (z-plus)", "LRP with only the contributions that raise the response."),
    "attnlrp": ("AttnLRP", "LRP for attention: weights and values share the response."),
    "grad-cam": ("Grad-CAM", "Coarse: the last feature maps, weighted for the label."),
    "occlusion": ("Occlusion", "The loss of response when a patch is silenced. Slow."),
}

SLOW = ("occlusion",)
"""Methods that run the network for each patch: all units of a layer at once, with progress."""


@dataclass(frozen=True)
class Method:
    """An attribution method to choose from.

    Attributes
    ----------
    name : str
        The name that `Run.deconvolve` takes.
    title, about : str
        Title and one sentence for the user.
    """

    name: str
    title: str
    about: str


def methods() -> list[Method]:
    """List the built-in methods and those of plugins, which the first line of their docstring describes."""
    from auralscope.nn.attribution.methods import METHODS

    found = []
    for name, method in METHODS.items():
        about = (inspect.getdoc(type(method)) or "Added by a plugin.").splitlines()[0]
        found.append(Method(name, *_OURS.get(name, (name, about))))
    return found


def title_of(name: str) -> str:
    """Return a method's title: `Guided backprop` for `guided`."""
    return _OURS[name][0] if name in _OURS else name


class Methods:
    """The chosen method, and the layers that methods do not support.

    Attributes
    ----------
    chosen : str
        The selected method.
    unsupported : dict of (str, str) to str
        Reason why a method does not support a layer of this model, by layer and method, as far as it is known.
    """

    changed = Signal()
    """Another method was chosen, or a method was marked as unsupported."""

    def __init__(self, jobs: Jobs, selection: Callable[[], Selection]) -> None:
        self._jobs = jobs
        self._selection = selection
        self._tried: set[str] = set()
        self.unsupported: dict[tuple[str, str], str] = {}

    @property
    def chosen(self) -> str:
        return self._selection().method

    def forget(self) -> None:
        """Drop what is known about the previous model."""
        self._jobs.cancel("methods")
        self._tried = set()
        self.unsupported = {}
        self.changed.emit()

    def supports(self, layer: str, method: str) -> bool:
        """Return whether a method is not marked as unsupported for a layer."""
        return (layer, method) not in self.unsupported

    def mark_unsupported(self, layer: str, method: str, sentence: str) -> None:
        """Mark a method as unsupported for a layer. The default method cannot be marked."""
        if method != DEFAULT:
            self.unsupported[layer, method] = sentence
            self.changed.emit()

    def check_layer(self, run: Run, layer: str) -> None:
        """Find the methods that do not support a layer in the background, by trying each on a single unit."""
        if layer in self._tried:
            return

        def attempt(_job: Job) -> Iterator[tuple[str, str]]:
            for method in methods():
                if method.name not in (DEFAULT, *SLOW):
                    try:
                        run.deconvolve(layer, units=[0], method=method.name)
                        yield method.name, ""
                    except AuralScopeError as error:
                        yield method.name, str(error)

        def found(answer: tuple[str, str]) -> None:
            method, sentence = answer
            if sentence:
                self.mark_unsupported(layer, method, sentence)

        self._jobs.start(
            LANE,
            attempt,
            key="methods",
            each=found,
            done=lambda _: self._tried.add(layer),
            failed=lambda _sentence: None,  # choosing the method shows the error
        )
