"""Compare the label vectors of another model with those of the session's model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.session.labels.state import LANE, Arrangement
from auralscope.wording import decimal

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from auralscope.labels.comparison import Comparison
    from auralscope.nn.analysis.label_vectors import LabelVectors
    from auralscope.nn.model import ModelSpec
    from auralscope.session.fetching import Fetching
    from auralscope.session.jobs import Job, Jobs
    from auralscope.session.labels.state import Labels


class OtherModel:
    """The similarities of two models, over the labels that both have.

    Attributes
    ----------
    spec : ModelSpec or None
        The other model.
    comparison : Comparison or None
    problem : str
        Reason why there is no comparison, or empty.
    arrangement : Arrangement
        Order of the labels that both have and that are shown.
    """

    changed = Signal()
    """The other model, the comparison or the labels shown have changed."""

    def __init__(
        self, jobs: Jobs, labels: Labels, all_specs: Callable[[], list[ModelSpec]], fetching: Fetching
    ) -> None:
        self._jobs = jobs
        self._fetching = fetching
        self._all_specs = all_specs
        self._labels = labels
        self._vectors: LabelVectors | None = None
        self._compared: tuple[object, object, str] | None = None
        self.spec: ModelSpec | None = None
        self.comparison: Comparison | None = None
        self.problem = ""
        self.arrangement = Arrangement(())
        labels.changed.connect(self._compare)
        fetching.changed.connect(self.changed.emit)

    @property
    def specs(self) -> list[ModelSpec]:
        """Models to choose from: all but the session's model."""
        model = self._labels.model
        return [spec for spec in self._all_specs() if model is None or spec.id != model.spec.id]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels shown, in their order."""
        if self.comparison is None:
            return ()
        return tuple(self.comparison.labels[place] for place in self.arrangement.places)

    def shown(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of a matrix over the common labels that belongs to the labels shown, in their order."""
        return matrix[list(self.arrangement.places)][:, list(self.arrangement.places)]

    def choose(self, spec: ModelSpec) -> None:
        """Compare with another model, which is loaded only for its label vectors."""

        def trace(_job: Job) -> LabelVectors:
            from auralscope.catalogue import load_model

            return load_model(spec.id, device="cpu").label_vectors()  # only its weights are read

        def traced(vectors: LabelVectors) -> None:
            self._vectors = vectors
            self._compare()

        self.spec, self._vectors, self.comparison, self.problem = spec, None, None, ""
        if self.lacks_weights(spec):
            self._jobs.cancel("other model")
            self._failed(f"The weights of {spec.title} are not on this computer yet.")
            return
        self._jobs.start(
            LANE, trace, title=f"Loading {spec.title}", key="other model", done=traced, failed=self._failed
        )
        self.changed.emit()

    def lacks_weights(self, spec: ModelSpec) -> bool:
        """Return whether the weights of a model must be fetched before it can be compared."""
        return self._fetching.states.get(spec.id) == "available"

    def get_weights(self) -> None:
        """Download the weights of the other model, then compare with it."""
        spec = self.spec
        if spec is not None:
            self._fetching.fetch(spec, lambda: self.choose(spec) if self.spec is spec else None)

    def _compare(self) -> None:
        """Compare again in the background if a model or the metric has changed."""
        model = self._labels.model
        if model is not None and self.spec is not None and self.spec.id == model.spec.id:
            self.spec, self._vectors = None, None  # the other model became the session's own
        ours, theirs, metric = self._labels.vectors, self._vectors, self._labels.metric
        if ours is None or theirs is None:
            self.comparison, self._compared = None, None
        elif self._compared != (ours, theirs, metric):
            self._compared = (ours, theirs, metric)

            def compare(_job: Job) -> Comparison:
                from auralscope.labels.comparison import compare

                return compare(
                    ours.labels, ours.similarity(metric=metric), theirs.labels, theirs.similarity(metric=metric)
                )

            self._jobs.start(LANE, compare, key="compare labels", done=self._set, failed=self._failed)
        self._arrange()

    def _set(self, comparison: Comparison) -> None:
        self.comparison, self.problem = comparison, ""
        self._arrange()

    def _failed(self, sentence: str) -> None:
        self.comparison, self.problem = None, sentence
        self.changed.emit()

    def _arrange(self) -> None:
        if self.comparison is not None:
            there = {label: place for place, label in enumerate(self.comparison.labels)}
            self.arrangement = Arrangement(tuple(there[label] for label in self._labels.labels if label in there))
        self.changed.emit()

    def pair_sentence(self, a: str, b: str) -> str:
        """Describe the similarity of a pair in each model."""
        model, comparison = self._labels.model, self.comparison
        if comparison is None or model is None or self.spec is None or a == b:
            return a
        first, second = comparison.labels.index(a), comparison.labels.index(b)
        one, other = (decimal(float(values[first, second])) for values in (comparison.first, comparison.second))
        apart = decimal(float(comparison.difference[first, second]))
        return f"{a} – {b}: {one} to {model.spec.title}, {other} to {self.spec.title}; difference {apart}"
