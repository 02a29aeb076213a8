"""The ways to ask what a unit answered to, for people who choose one, and which of them make sense where."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.errors import AuralScopeError
from auralscope.session.faithfulness import LANE

if TYPE_CHECKING:
    from auralscope.nn.loaded import Run
    from auralscope.session.jobs import Job, Jobs

DEFAULT = "deconvolution"

_OURS = {
    "deconvolution": ("Deconvolution", "What made it answer, traced back through the network."),
    "guided": ("Guided backprop", "The gradient, keeping what excites at every step: sharp outlines."),
    "gradient": ("Gradient", "Where a small change would change the answer most."),
    "gradient-input": ("Gradient × input", "What contributed, to first order: the gradient times the input."),
    "lrp-epsilon": ("LRP (epsilon)", "The answer shared out among what contributed, layer by layer."),
    "lrp-zplus": ("LRP (z-plus)", "As LRP, counting only what speaks for the answer."),
    "grad-cam": ("Grad-CAM", "Coarse: the last feature maps, weighted for the label."),
    "occlusion": ("Occlusion", "What the answer loses when a patch is silenced. Slow."),
}

SLOW = ("occlusion",)
"""These run the network anew for each patch: all units of a layer at once, and with progress."""


@dataclass(frozen=True)
class Method:
    """One of them.

    Attributes
    ----------
    name : str
        As given to `method=`.
    title, about : str
        For people; `about` is one sentence.
    """

    name: str
    title: str
    about: str


def methods() -> list[Method]:
    """Ours, and those of plugins, which are told by the first line of their docstring."""
    from auralscope.nn.attribution.methods import METHODS

    found = []
    for name, method in METHODS.items():
        about = (inspect.getdoc(type(method)) or "Brought by a plugin.").splitlines()[0]
        found.append(Method(name, *_OURS.get(name, (name, about))))
    return found


def title_of(name: str) -> str:
    """`Guided backpropagation` for `guided`."""
    return _OURS[name][0] if name in _OURS else name


class Methods:
    """Which method is chosen, and what is known against the others.

    Attributes
    ----------
    chosen : str
    unsupported : dict of (str, str) to str
        Why a method makes no sense for a layer of this model, by layer and method; filled as it is found out.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._tried: set[str] = set()
        self.chosen = DEFAULT
        self.unsupported: dict[tuple[str, str], str] = {}

    def forget(self) -> None:
        """The model is another."""
        self._jobs.cancel("methods")
        self._tried = set()
        self.unsupported = {}
        self.choose(DEFAULT)

    def choose(self, method: str) -> None:
        """From now on."""
        self.chosen = method
        self.changed.emit()

    def supports(self, layer: str, method: str) -> bool:
        """Whether nothing is known against it."""
        return (layer, method) not in self.unsupported

    def mark_unsupported(self, layer: str, method: str, sentence: str) -> None:
        """It turned out to make no sense there. Of the first one, which all fall back to, this is never so."""
        if method != DEFAULT:
            self.unsupported[layer, method] = sentence
            self.changed.emit()

    def check_layer(self, run: Run, layer: str) -> None:
        """Find out in the background which others make no sense for a layer, by trying each on a single unit."""
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
            failed=lambda _sentence: None,  # it is said when the method is chosen
        )
