"""Label vectors in a sitting: which labels are shown in which order, which are meant, and what they are held against.

No Qt here. Everything is called and signalled on the session's thread; tracing, reading and counting are jobs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from auralscope.files import quoted, write_aside
from auralscope.session.labels import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from auralscope.labels.cooccurrence import Agreement, Point
    from auralscope.labels.ground_truth import GroundTruth
    from auralscope.nn.analysis.label_vectors import LabelVectors, Metric, Order
    from auralscope.nn.loaded import Model
    from auralscope.session.jobs import Job
    from auralscope.session.session import Session

LANE = "labels"
"""Of its own: counting a large ground truth takes a while, and a click must not wait for it."""


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Labels in the order in which they are shown.

    Attributes
    ----------
    places : tuple of int
        Of each in the model's order.
    linkage : (labels - 1, 4) array or None
        Their tree, where they are ordered by it; its leaf k stands at place `leaves[k]` of those shown.
    leaves : tuple of int
    """

    places: tuple[int, ...]
    linkage: NDArray[np.float64] | None = None
    leaves: tuple[int, ...] = ()


def arrange(vectors: LabelVectors, order: Order, chosen: frozenset[str] | None) -> Arrangement:
    """Put some labels, or all, into an order; a tree is that of the labels shown."""
    there = [place for place, label in enumerate(vectors.labels) if chosen is None or label in chosen]
    some = vectors
    if chosen is not None:
        some = type(vectors)(tuple(vectors.labels[place] for place in there), vectors.matrix[:, there], vectors.layer)
    ordered = some.order(order)
    places = tuple(there[place] for place in ordered)
    if order != "clustered" or len(there) < 2:
        return Arrangement(places)
    return Arrangement(places, some.linkage, tuple(np.argsort(ordered).tolist()))


class Labels:
    """What is looked at in a model's label vectors.

    Parameters
    ----------
    session : Session
        Its model, and the unit that is heard.

    Attributes
    ----------
    vectors : LabelVectors or None
        Of the session's model; None until they are found.
    problem : str
        Why there are none.
    metric : {"cosine", "dot"}
    order : {"model", "category", "alphabetical", "clustered"}
    chosen : frozenset of str or None
        The labels that are shown; None for all.
    arrangement : Arrangement
    selected : tuple of str
        Nothing, a label, or a pair.
    truth : GroundTruth or None
    truth_files : tuple of Path
        Where it was read from.
    truth_problem : str
        Why the last one could not be read.
    agreement : Agreement or None
        Of similarity and co-occurrence; at first without intervals.
    """

    changed = Signal()
    """Vectors, metric, order or what is shown."""
    selected_changed = Signal()
    truth_changed = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._model: Model | None = None
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
        session.model_changed.connect(self._model_changed)

    # -- the model ---------------------------------------------------------------------------------------------------

    def _model_changed(self) -> None:
        model = self._session.model
        if model is None or model is self._model:
            return
        self._model = model
        self.vectors, self.problem, self.chosen, self.selected = None, "", None, ()
        self.arrangement = Arrangement(())
        if self.truth is not None and self.truth.labels != model.labels:
            self.forget_truth()
        self.changed.emit()
        self.selected_changed.emit()

        def failed(sentence: str) -> None:
            self.problem = sentence
            self.changed.emit()

        # At once, and not when the pane is opened: a click on it is then answered at once, too.
        self._session.jobs.start(
            "model", lambda _job: model.label_vectors(), key="label vectors", done=self._found, failed=failed
        )

    def _found(self, vectors: LabelVectors) -> None:
        self.vectors = vectors
        self._arrange()
        self._agree()

    @property
    def title(self) -> str:
        """The model's."""
        return self._model.spec.title if self._model is not None else ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Those shown, in their order."""
        return tuple(self.vectors.labels[place] for place in self.arrangement.places) if self.vectors else ()

    def shown(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """A matrix over the model's labels, for those shown in their order."""
        places = list(self.arrangement.places)
        return matrix[np.ix_(places, places)]

    def set_metric(self, metric: Metric) -> None:
        """Cosine or dot product."""
        if metric != self.metric:
            self.metric = metric
            self.changed.emit()
            self._agree()

    def set_order(self, order: Order) -> None:
        """How labels are ordered."""
        if order != self.order:
            self.order = order
            self._arrange()

    def choose(self, labels: Iterable[str]) -> None:
        """Show some labels; all of the model's, where all of them are named."""
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

        self._session.jobs.cancel("arrange labels")
        if order != "clustered":
            arranged(arrange(vectors, order, chosen))
            return
        # The tree is no work for the window's thread.
        self._session.jobs.start(
            LANE,
            lambda _job: arrange(vectors, order, chosen),
            key="arrange labels",
            urgency=2,
            done=arranged,
            failed=self._session.problem.emit,
        )

    # -- what is meant -----------------------------------------------------------------------------------------------

    def select(self, *labels: str) -> None:
        """Mean a label, a pair, or nothing."""
        if len(labels) == 2 and labels[0] == labels[1]:
            labels = labels[:1]
        if labels != self.selected:
            self.selected = labels
            self.selected_changed.emit()

    def has_units(self) -> bool:
        """Whether the rows of the vectors are units of a layer."""
        return self.vectors is not None and bool(self.vectors.layer)

    def unit_name(self, unit: int) -> str:
        """`6-12`, or the row's number where the rows are no layer's units."""
        from auralscope.types import unit_name

        if self._model is None or self.vectors is None or not self.vectors.layer:
            return str(unit)
        return unit_name(self._model.layer_number(self.vectors.layer), unit)

    def choose_unit(self, unit: int) -> None:
        """Make a unit of the last hidden layer the one that is heard."""
        if self.vectors is not None and self.vectors.layer:
            self.choose_layer_unit(self.vectors.layer, unit)

    def choose_layer_unit(self, layer: str, unit: int) -> None:
        """Make a unit the one that is heard."""
        self._session.choose_layer(layer)
        self._session.choose_unit(unit)
        if self._session.clip is None:
            self._session.problem.emit("Open a recording to hear what this unit keeps of it.")

    # -- ground truth ------------------------------------------------------------------------------------------------

    def load_truth(self, files: Sequence[Path]) -> None:
        """Read a ground truth, tracks x labels; what was there stays until it is read, and if it cannot be."""
        model = self._model
        if model is None:
            return

        def read(job: Job) -> GroundTruth:
            from auralscope.labels.ground_truth import load_ground_truth

            return load_ground_truth(files, model.labels, progress=job.advance)

        def failed(sentence: str) -> None:
            self.truth_problem = sentence
            self.truth_changed.emit()

        self._session.jobs.start(
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
        """Without ground truth from now on."""
        self._session.jobs.cancel("ground truth")
        self._session.jobs.cancel("agreement")
        self.truth, self.truth_files, self.truth_problem = None, (), ""
        self.agreement, self._points = None, {}
        self.truth_changed.emit()

    def _agree(self) -> None:
        truth, vectors, metric = self.truth, self.vectors, self.metric
        self._session.jobs.cancel("agreement")
        if truth is None or vectors is None:
            return

        def agree(_job: Job) -> Iterator[Agreement]:
            from auralscope.labels.cooccurrence import agreement

            yield agreement(vectors.similarity(metric), truth, replicates=0)
            yield agreement(vectors.similarity(metric), truth)

        def agreed(agreement: Agreement) -> None:
            self.agreement = agreement
            self._points = {(point.a, point.b): point for point in agreement.points}
            self.truth_changed.emit()

        def failed(sentence: str) -> None:
            self.agreement, self._points, self.truth_problem = None, {}, sentence
            self.truth_changed.emit()

        self._session.jobs.start(
            LANE, agree, title="Bootstrap of the correlations", key="agreement", each=agreed, failed=failed
        )

    # -- in words ----------------------------------------------------------------------------------------------------

    def point_of(self, a: str, b: str) -> Point | None:
        """A pair in `agreement`, whichever of the two comes first; None where it is undefined."""
        return self._points.get((a, b)) or self._points.get((b, a))

    def pair_sentence(self, a: str, b: str) -> str:
        """A pair's value and rank, and how often it occurs together."""
        if self.vectors is None:
            return ""
        if a == b:
            return f"{a}: click for what is like it and which units speak for it"
        said = words.pair(self.vectors, self.metric, a, b)
        together = self.together_sentence(a, b)
        return f"{said}; {together}" if together else said

    def together_sentence(self, a: str, b: str) -> str:
        """How often two labels occur together; empty without ground truth."""
        return words.together(self.truth, a, b, self.point_of(a, b)) if self.truth is not None else ""

    # -- writing -----------------------------------------------------------------------------------------------------

    def save_table(self, path: Path, labels: Sequence[str], values: NDArray[np.float64]) -> None:
        """Write a matrix over labels as CSV."""
        self._write(path, table(labels, values))

    def save_picture(self, path: Path, content: bytes) -> None:
        """Write a picture that was drawn."""
        self._write(path, content)

    def _write(self, path: Path, content: bytes) -> None:
        self._session.jobs.start(
            "files",
            lambda _job: write_aside(path, content),
            title=f"Writing {quoted(path.name)}",
            done=lambda _: self._session.notice.emit(f"Written: {quoted(path)}"),
            failed=self._session.problem.emit,
        )


def table(labels: Sequence[str], values: NDArray[np.float64]) -> bytes:
    """A matrix over labels as CSV, labels along both edges; what is undefined stays empty."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["", *labels])
    for label, row in zip(labels, values.tolist(), strict=True):
        writer.writerow([label, *("" if np.isnan(value) else repr(value) for value in row)])
    return text.getvalue().encode("utf-8")
