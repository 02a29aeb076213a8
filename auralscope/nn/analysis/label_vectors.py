"""Find label vectors, the weights from the last hidden units to each label, and compare them (Choi 2018, sec. 7.3).

Two labels are similar to a network if the same units have large weights for both. Table 7-C of the thesis shows the dot
product of vectors of unit length, the cosine. The dot product of the vectors themselves (Eq. 7.1 as printed) favours
labels with long vectors; both are available.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.labels.categories import CATEGORIES, category
from auralscope.nn.tape.capture import INPUT, Tape, record
from auralscope.nn.tape.functions import KINDS, Kind, functions_of, quantised_linear
from auralscope.nn.tape.layout import layout_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.tagger import Tagger
    from auralscope.nn.tape.steps import Step

Metric = Literal["cosine", "dot"]
Order = Literal["model", "alphabetical", "clustered", "category"]


class Pair(NamedTuple):
    """Two labels and their similarity; `a` is first in the model's order."""

    a: str
    b: str
    value: float


class Vote(NamedTuple):
    """A unit and its weight, positive if its activation raises the label's probability."""

    unit: int
    weight: float


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """The label vectors of a network, and their similarity.

    Attributes
    ----------
    labels : tuple of str
        In the model's order.
    matrix : (units, labels) float64 array
        Each column is a label's vector.
    layer : str
        The model's layer whose units are the rows, so that each can be auralised; empty if there is none.
    """

    labels: tuple[str, ...]
    matrix: NDArray[np.float64]
    layer: str = ""
    _similarity: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def similarity(self, *, metric: Metric = "cosine") -> NDArray[np.float64]:
        """Compute the similarity of all pairs of labels.

        Parameters
        ----------
        metric : {"cosine", "dot"}
            Dot product of the vectors, scaled to unit length for "cosine": -1 to 1, NaN for a vector of zeros.

        Returns
        -------
        (labels, labels) float64 array
            Symmetric.
        """
        if metric not in ("cosine", "dot"):
            raise ValueError(f"the metric is 'cosine' or 'dot', not '{metric}'")
        if metric not in self._similarity:
            vectors = self.matrix
            if metric == "cosine":
                length = np.linalg.norm(vectors, axis=0)
                vectors = np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0.0)
            product = vectors.T @ vectors
            product = (product + product.T) / 2.0  # rounding: a matrix product is not exactly symmetric
            if metric == "cosine":
                product = product.clip(-1.0, 1.0)
                product[np.diag_indices_from(product)] = np.where(length > 0.0, 1.0, np.nan)
            product.setflags(write=False)
            self._similarity[metric] = product
        return self._similarity[metric]

    def pairs(self, *, metric: Metric = "cosine") -> list[Pair]:
        """Return all pairs of two labels, the most similar first, undefined similarities last.

        Parameters
        ----------
        metric : {"cosine", "dot"}
            See `similarity`.

        Returns
        -------
        list of Pair
        """
        first, second = np.triu_indices(len(self.labels), 1)
        values = self.similarity(metric=metric)[first, second]
        best = np.argsort(-values, kind="stable")  # NaN sorts to the end
        return [
            Pair(self.labels[a], self.labels[b], value)
            for a, b, value in zip(first[best].tolist(), second[best].tolist(), values[best].tolist(), strict=True)
        ]

    def ranks(self, *, metric: Metric = "cosine") -> NDArray[np.int64]:
        """Return the position of each pair in `pairs`.

        Parameters
        ----------
        metric : {"cosine", "dot"}
            See `similarity`.

        Returns
        -------
        (labels, labels) int64 array
            From 1; 0 on the diagonal.
        """
        places = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)
        first, second = np.triu_indices(len(self.labels), 1)
        best = np.argsort(-self.similarity(metric=metric)[first, second], kind="stable")
        places[first[best], second[best]] = np.arange(1, best.size + 1)
        return places + places.T

    def order(self, *, by: Order = "model") -> list[int]:
        """Sort the labels.

        Parameters
        ----------
        by : {"model", "alphabetical", "clustered", "category"}
            "clustered" is the order of the leaves of `linkage`; "category" is the order of `labels.categories`, with
            the model's order within each.

        Returns
        -------
        list of int
            Positions of the labels in the model's order.
        """
        there = range(len(self.labels))
        if by == "model":
            return list(there)
        if by == "alphabetical":
            return sorted(there, key=lambda place: (self.labels[place].casefold(), place))
        if by == "category":
            return sorted(there, key=lambda place: CATEGORIES.index(category(self.labels[place])))
        if by != "clustered":
            raise ValueError(f"labels are ordered by 'model', 'alphabetical', 'clustered' or 'category', not '{by}'")
        if len(self.labels) < 2:
            return list(there)
        from scipy.cluster.hierarchy import leaves_list

        leaves: list[int] = leaves_list(self.linkage).tolist()
        return leaves

    @cached_property
    def linkage(self) -> NDArray[np.float64]:
        """Hierarchical clustering of two or more labels in scipy's form, (labels - 1, 4), for a dendrogram.

        Average linkage of cosine distances, with optimal leaf ordering (Bar-Joseph et al. 2001). A label whose vector
        is all zeros has distance 1 from every other.
        """
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform

        distance = 1.0 - np.nan_to_num(self.similarity(metric="cosine"), nan=0.0)
        np.fill_diagonal(distance, 0.0)
        tree: NDArray[np.float64] = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
        return tree

    def index(self, label: str) -> int:
        """Return the position of a label in the model's order.

        Parameters
        ----------
        label : str
            Upper and lower case are equal, unless only case distinguishes two labels.

        Returns
        -------
        int

        Raises
        ------
        UnknownNameError
            There is no such label; the message lists all labels.
        """
        if label in self.labels:
            return self.labels.index(label)
        alike = [place for place, name in enumerate(self.labels) if name.casefold() == label.casefold()]
        if len(alike) != 1:
            raise UnknownNameError(f"The model has no label '{label}'; it has: {', '.join(self.labels)}.")
        return alike[0]

    def votes(self, label: str) -> list[Vote]:
        """Return all units with their weights for a label, the largest weight first.

        Parameters
        ----------
        label : str

        Returns
        -------
        list of Vote

        Raises
        ------
        UnknownNameError
            There is no such label.
        """
        weights = self.matrix[:, self.index(label)]
        return [Vote(unit, float(weights[unit])) for unit in np.argsort(-weights, kind="stable").tolist()]

    def shared_units(self, a: str, b: str) -> list[Vote]:
        """Return the contribution of each unit to the cosine between two labels, the largest first.

        A contribution is positive if the unit's weights for both labels have the same sign.

        Parameters
        ----------
        a, b : str
            Labels.

        Returns
        -------
        list of Vote
            The weights add up to the cosine.

        Raises
        ------
        UnknownNameError
            There is no such label.
        """
        one, other = self.matrix[:, self.index(a)], self.matrix[:, self.index(b)]
        length = np.linalg.norm(one) * np.linalg.norm(other)
        parts = one * other / length if length > 0.0 else np.zeros_like(one)
        return [Vote(unit, float(parts[unit])) for unit in np.argsort(-parts, kind="stable").tolist()]


# -- tracing -----------------------------------------------------------------------------------------------------


def label_vectors(model: Tagger) -> LabelVectors:
    """Find the label vectors of a model by tracing, or in the layer that its plugin names (`ModelSpec.label_vectors`).

    Tracing runs the network once and follows its output back to the last dense layer, through steps that do not mix
    labels (biases, reshaping, means over time). The gradient of each output with respect to that layer's input is
    exactly the layer's weights, for an `nn.Linear`, a matrix product and a 1x1 convolution.

    Parameters
    ----------
    model : Tagger

    Returns
    -------
    LabelVectors

    Raises
    ------
    AuralScopeError
        The network has no such layer, or a step above it mixes labels; the message names the step.
    """
    shape = model.front_end.input_shape
    low, high = model.front_end.value_range
    noise = torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0)) * (high - low) + low
    with model.one_at_a_time:
        tape = record(model.network, noise.to(model.device))
        returned: Any = tape.output
        if not isinstance(returned, Tensor):  # a tuple or a dictionary
            tape.output = model.checked(returned)
    declared = model.spec.label_vectors
    step = _step_of(tape, declared, model.spec.id) if declared else _last_dense(tape, model.spec.id)
    hidden, axis = _hidden(tape, step)
    gradients = _gradients(tape, hidden).movedim(axis, -1)
    units = gradients.shape[-1]
    matrix = gradients.reshape(len(gradients), -1, units).sum(dim=1).T
    if matrix.shape[1] != len(model.labels):
        raise AuralScopeError(
            f"The last dense layer of '{model.spec.id}' has {matrix.shape[1]} outputs for {len(model.labels)} labels; "
            "its plugin can name another (label_vectors)."
        )
    return LabelVectors(model.labels, matrix.cpu().double().numpy(), _layer_of(model, tape, hidden, units))


_UNMIXED = frozenset(
    functions_of(
        *(Kind.IDENTITY, Kind.CONVERSION, Kind.SUM, Kind.REDUCTION, Kind.SHAPE, Kind.MAXIMUM, Kind.MAX_POOL),
        *(Kind.ADAPTIVE_MAX_POOL, Kind.AVERAGE_POOL),
    )
)
"""Functions that do not mix labels; they may follow the last dense layer."""

_POINTWISE = _UNMIXED | frozenset(
    functions_of(
        *(Kind.ACTIVATION, Kind.ELEMENTWISE, Kind.SQUASH, Kind.POWER, Kind.LOGARITHM, Kind.BATCH_NORM, Kind.PRODUCT)
    )
)
"""Functions that do not mix units; they may stand between a named layer and the dense layer that follows it."""


def _is_dense(step: Step) -> bool:
    return KINDS.get(step.function) in (Kind.DENSE, Kind.CONVOLUTION)


def _last_dense(tape: Tape, model_id: str) -> Step:
    tensor = tape.output
    while True:
        index = tape.maker(tensor)
        if index is None or index == INPUT:
            raise AuralScopeError(f"'{model_id}' has no dense layer, so its labels have no vectors.")
        step = tape.steps[index]
        if _is_dense(step):
            return step
        varying = step.varying_tensors()
        if step.function not in _UNMIXED or len(varying) != 1:
            raise AuralScopeError(
                f"The label vectors of '{model_id}' cannot be found by tracing: '{step.name}' stands "
                "above its last dense layer. Its plugin can name that layer (label_vectors)."
            )
        tensor = varying[0]


def _step_of(tape: Tape, module: str, model_id: str) -> Step:
    """Return the last dense step that a module made."""
    for step in reversed(tape.steps):
        if step.module == module and _is_dense(step):
            return step
    raise AuralScopeError(f"The plugin of '{model_id}' names '{module}' for its label vectors: no dense layer.")


def _hidden(tape: Tape, step: Step) -> tuple[Tensor, int]:
    """Return the input of a dense step and the axis of its units."""
    if KINDS.get(step.function) is Kind.CONVOLUTION:
        tensor = step.varying_tensors()[0]
        return tensor, 1 - tensor.ndim
    if step.function in (functional.linear, quantised_linear):
        return step.varying_tensors()[0], -1
    *_, left, right = step.tensors()  # of addmm, the bias comes first
    if tape.maker(left) is not None:
        return left, -1
    return right, -2 if right.ndim > 1 else -1


def _gradients(tape: Tape, hidden: Tensor) -> Tensor:
    """Compute the gradient of each output with respect to `hidden`, (labels, *hidden)."""
    with torch.enable_grad():
        leaf = hidden.detach().requires_grad_()
        logits = tape.replay(hidden, leaf, tape.output).flatten()
        return torch.stack([torch.autograd.grad(logit, leaf, retain_graph=True)[0] for logit in logits])


def _layer_of(model: Tagger, tape: Tape, hidden: Tensor, units: int) -> str:
    """Return the model's layer from which `hidden` is computed without mixing units; empty if there is none."""
    named = {id(tape.layers[layer.module]): layer.name for layer in model.spec.layers if layer.module in tape.layers}
    tensor = hidden
    while id(tensor) not in named:
        index = tape.maker(tensor)
        if index is None or index == INPUT:
            return ""
        step = tape.steps[index]
        if step.function not in _POINTWISE or len(step.varying_tensors()) != 1:
            return ""
        tensor = step.varying_tensors()[0]
    return named[id(tensor)] if tensor.shape[layout_of(tape, tensor).unit] == units else ""
