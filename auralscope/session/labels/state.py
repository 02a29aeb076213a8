"""Label vectors of the model: the labels shown, their order and selection, and a ground truth to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from auralscope.files import quoted, write_aside
from auralscope.labels.table import matrix_csv
from auralscope.session.labels import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from auralscope.labels.cooccurrence import Agreement, Point
    from auralscope.labels.ground_truth import GroundTruth
    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric, Order
    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job, Jobs

LANE = "labels"
"""Separate lane: counting a large ground truth takes a while, and a click must not wait for it."""


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Labels in the order in which they are shown.

    Attributes
    ----------
    places : tuple of int
        Place of each label in the model's order.
    linkage : (labels - 1, 4) array or None
        Tree of the labels, if they are ordered by it.
    leaves : tuple of int
        Place among the labels shown of each leaf of the tree.
    """

    places: tuple[int, ...]
    linkage: NDArray[np.float64] | None = None
    leaves: tuple[int, ...] = ()


def arrange(vectors: LabelVectors, order: Order, chosen: frozenset[str] | None) -> Arrangement:
    """Sort the chosen labels, or all; a tree is that of the chosen labels."""
    there = [place for place, label in enumerate(vectors.labels) if chosen is None or label in chosen]
    some = vectors
    if chosen is not None:
        some = type(vectors)(tuple(vectors.labels[place] for place in there), vectors.matrix[:, there], vectors.layer)
    ordered = some.order(by=order)
    places = tuple(there[place] for place in ordered)
    if order != "clustered" or len(there) < 2:
        return Arrangement(places)
    return Arrangement(places, some.linkage, tuple(np.argsort(ordered).tolist()))


class Labels:
    """The label vectors of the model, as they are shown.

    Attributes
    ----------
    model : Model or None
    vectors : LabelVectors or None
        None until they are computed.
    problem : str
        Reason why the model has no label vectors, or empty.
    metric : {"cosine", "dot"}
    order : {"model", "category", "alphabetical", "clustered"}
    chosen : frozenset of str or None
        The labels shown; None for all.
    arrangement : Arrangement
    selected : tuple of str
        Empty, one label, or a pair.
    truth : GroundTruth or None
    truth_files : tuple of Path
        Files of the ground truth.
    truth_problem : str
        Reason why the last files could not be read, or empty.
    agreement : Agreement or None
        Agreement of similarity and co-occurrence; at first without intervals.
    """

    changed = Signal()
    """Vectors, metric, order or the labels shown have changed."""
    selected_changed = Signal()
    """Another label, pair or none was selected."""
    truth_changed = Signal()
    """The ground truth, its agreement or its problem has changed."""

    def __init__(
        self,
        jobs: Jobs,
        choose_layer_unit: Callable[[str, int], None],
        write: Callable[[Path, Callable[[], None]], None],
        on_problem: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._choose_layer_unit = choose_layer_unit
        self._write = write
        self._on_problem = on_problem
        self.model: Model | None = None
        self.vectors: LabelVectors | None = None
        self.problem = ""
        self.metric: Metric = "cosine"
        self.order: Order = "model"
        self.chosen: frozenset[str] | None = None
        self.arrangement = Arrangement(())
        self.selected: tuple[str, ...] = ()
        self.truth: GroundTruth | None = None
        self.truth_files: tuple[Path, ...] = ()
        self.truth_problem = ""
        self.agreement: Agreement | None = None
        self._points: dict[tuple[str, str], Point] = {}

    # -- the model ---------------------------------------------------------------------------------------------------

    def set_model(self, model: Model) -> None:
        """Take another model and compute its label vectors."""
        self.model = model
        self.vectors, self.problem, self.chosen, self.selected = None, "", None, ()
        self.arrangement = Arrangement(())
        if self.truth is not None and self.truth.labels != model.labels:
            self.forget_truth()
        self.changed.emit()
        self.selected_changed.emit()

        def failed(sentence: str) -> None:
            self.problem = sentence
            self.changed.emit()

        # Computed now, so that the label page opens without delay later.
        self._jobs.start(
            "model", lambda _job: model.label_vectors(), key="label vectors", done=self._found, failed=failed
        )

    def _found(self, vectors: LabelVectors) -> None:
        self.vectors = vectors
        self._arrange()
        self._agree()

    @property
    def title(self) -> str:
        """Title of the model."""
        return self.model.spec.title if self.model is not None else ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels shown, in their order."""
        return tuple(self.vectors.labels[place] for place in self.arrangement.places) if self.vectors else ()

    def shown(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the part of a matrix over the model's labels that belongs to the labels shown, in their order."""
        places = list(self.arrangement.places)
        return matrix[np.ix_(places, places)]

    def set_metric(self, metric: Metric) -> None:
        """Choose cosine or dot product."""
        if metric != self.metric:
            self.metric = metric
            self.changed.emit()
            self._agree()

    def set_order(self, order: Order) -> None:
        """Choose the order of the labels."""
        if order != self.order:
            self.order = order
            self._arrange()

    def choose(self, labels: Iterable[str]) -> None:
        """Show some of the labels, or all."""
        chosen = frozenset(labels)
        self.chosen = None if self.vectors is None or chosen >= set(self.vectors.labels) else chosen
        self._arrange()

    def _arrange(self) -> None:
        vectors, order, chosen = self.vectors, self.order, self.chosen
        if vectors is None:
            return

        def arranged(arrangement: Arrangement) -> None:
            self.arrangement = arrangement
            self.changed.emit()

        self._jobs.cancel("arrange labels")
        if order != "clustered":
            arranged(arrange(vectors, order, chosen))
            return
        # The tree takes too long for the owner's thread.
        self._jobs.start(
            LANE,
            lambda _job: arrange(vectors, order, chosen),
            key="arrange labels",
            urgency=2,
            done=arranged,
            failed=self._on_problem,
        )

    # -- selection ---------------------------------------------------------------------------------------------------

    def select(self, *labels: str) -> None:
        """Select a label, a pair, or nothing."""
        if len(labels) == 2 and labels[0] == labels[1]:
            labels = labels[:1]
        if labels != self.selected:
            self.selected = labels
            self.selected_changed.emit()

    def has_units(self) -> bool:
        """Return whether the rows of the vectors are units of a layer."""
        return self.vectors is not None and bool(self.vectors.layer)

    def unit_name(self, unit: int) -> str:
        """Return the name of a unit, such as `6-12`, or the row's number if the rows are no layer's units."""
        from auralscope.types import unit_name

        if self.model is None or self.vectors is None or not self.vectors.layer:
            return str(unit)
        return unit_name(self.model.layer_number(self.vectors.layer), unit)

    def choose_unit(self, unit: int) -> None:
        """Choose a unit of the last hidden layer and play its sound."""
        if self.vectors is not None and self.vectors.layer:
            self._choose_layer_unit(self.vectors.layer, unit)

    # -- ground truth ------------------------------------------------------------------------------------------------

    def load_truth(self, files: Sequence[Path]) -> None:
        """Read a ground truth, tracks x labels; the one before stays until it is read, or if that fails."""
        model = self.model
        if model is None:
            return

        def read(job: Job) -> GroundTruth:
            from auralscope.labels.ground_truth import load_ground_truth

            return load_ground_truth(files, model.labels, progress=job.advance)

        def failed(sentence: str) -> None:
            self.truth_problem = sentence
            self.truth_changed.emit()

        self._jobs.start(
            LANE,
            read,
            title=f"Reading {quoted(files[0].name)}" + (f" and {len(files) - 1} more" if len(files) > 1 else ""),
            key="ground truth",
            done=lambda truth: self._truth_read(truth, tuple(files)),
            failed=failed,
        )

    def _truth_read(self, truth: GroundTruth, files: tuple[Path, ...]) -> None:
        self.truth, self.truth_files, self.truth_problem = truth, files, ""
        self._agree()
        self.truth_changed.emit()

    def forget_truth(self) -> None:
        """Drop the ground truth."""
        self._jobs.cancel("ground truth")
        self._jobs.cancel("agreement")
        self.truth, self.truth_files, self.truth_problem = None, (), ""
        self.agreement, self._points = None, {}
        self.truth_changed.emit()

    def _agree(self) -> None:
        truth, vectors, metric = self.truth, self.vectors, self.metric
        self._jobs.cancel("agreement")
        if truth is None or vectors is None:
            return

        def agree(_job: Job) -> Iterator[Agreement]:
            from auralscope.labels.cooccurrence import agreement

            yield agreement(vectors.similarity(metric=metric), truth, replicates=0)
            yield agreement(vectors.similarity(metric=metric), truth)

        def agreed(agreement: Agreement) -> None:
            self.agreement = agreement
            self._points = {(point.a, point.b): point for point in agreement.points}
            self.truth_changed.emit()

        def failed(sentence: str) -> None:
            self.agreement, self._points, self.truth_problem = None, {}, sentence
            self.truth_changed.emit()

        self._jobs.start(
            LANE, agree, title="Bootstrap of the correlations", key="agreement", each=agreed, failed=failed
        )

    # -- sentences ---------------------------------------------------------------------------------------------------

    def point_of(self, a: str, b: str) -> Point | None:
        """Return a pair of `agreement`, in either order, or None if it is undefined."""
        return self._points.get((a, b)) or self._points.get((b, a))

    def pair_sentence(self, a: str, b: str) -> str:
        """Describe a pair: similarity, rank, and co-occurrence."""
        if self.vectors is None:
            return ""
        if a == b:
            return f"{a}: click for similar labels and the units that vote for it"
        said = words.pair(self.vectors, self.metric, a, b)
        together = self.together_sentence(a, b)
        return f"{said}; {together}" if together else said

    def together_sentence(self, a: str, b: str) -> str:
        """Describe the co-occurrence of two labels; empty without a ground truth."""
        return words.together(self.truth, a, b, self.point_of(a, b)) if self.truth is not None else ""

    # -- files -------------------------------------------------------------------------------------------------------

    def save_table(self, path: Path, labels: Sequence[str], values: NDArray[np.float64]) -> None:
        """Write a matrix over labels as CSV."""
        self._write(path, lambda: write_aside(path, matrix_csv(values, labels)))

    def save_picture(self, path: Path, content: bytes) -> None:
        """Write a picture."""
        self._write(path, lambda: write_aside(path, content))
