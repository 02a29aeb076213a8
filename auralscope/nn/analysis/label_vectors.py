"""Label vectors: the weights by which the last hidden units speak for and against each label (Choi 2018, sec. 7.3).

Two labels are alike to a network where the same units speak for them. The similarity that the thesis's table 7-C shows
is the dot product of vectors of unit length, the cosine; that of the vectors as they are (Eq. 7.1 to the letter)
favours labels with long vectors, and is there as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from auralscope.errors import AuralScopeError, UnknownNameError
from auralscope.labels.categories import CATEGORIES, category
from auralscope.nn.tape.capture import INPUT, Tape, record, unit_count
from auralscope.nn.tape.functions import KINDS, Kind, functions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.nn.tagger import Tagger
    from auralscope.nn.tape.steps import Step

Metric = Literal["cosine", "dot"]
Order = Literal["model", "alphabetical", "clustered", "category"]


class Pair(NamedTuple):
    """Two labels and how alike they are; `a` comes first in the model's order."""

    a: str
    b: str
    value: float


class Vote(NamedTuple):
    """A unit and its weight: positive where it speaks for the label."""

    unit: int
    weight: float


@dataclass(frozen=True, eq=False)
class LabelVectors:
    """What a network thinks of its labels.

    Attributes
    ----------
    labels : tuple of str
        In the model's order.
    matrix : (units, labels) float64 array
        A column is a label's vector.
    layer : str
        The model's layer whose units the rows are, so that each can be heard; empty where none has exactly these.
    """

    labels: tuple[str, ...]
    matrix: NDArray[np.float64]
    layer: str = ""
    _similarity: dict[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)

    def similarity(self, metric: Metric = "cosine") -> NDArray[np.float64]:
        """How alike labels are, (labels, labels), symmetric.

        Parameters
        ----------
        metric : {"cosine", "dot"}
            Of vectors of unit length (-1 to 1; NaN, undefined, with a vector that is all zeros), or as they are.
        """
        if metric not in ("cosine", "dot"):
            raise ValueError(f"the metric is 'cosine' or 'dot', not '{metric}'")
        if metric not in self._similarity:
            vectors = self.matrix
            if metric == "cosine":
                length = np.linalg.norm(vectors, axis=0)
                vectors = np.divide(vectors, length, out=np.full_like(vectors, np.nan), where=length > 0.0)
            product = vectors.T @ vectors
            product = (product + product.T) / 2.0  # a matrix product need not be symmetric to the last bit
            if metric == "cosine":
                product = product.clip(-1.0, 1.0)
                product[np.diag_indices_from(product)] = np.where(length > 0.0, 1.0, np.nan)
            product.setflags(write=False)
            self._similarity[metric] = product
        return self._similarity[metric]

    def pairs(self, metric: Metric = "cosine") -> list[Pair]:
        """Every pair of two labels, the most alike first; those that are undefined last."""
        first, second = np.triu_indices(len(self.labels), 1)
        values = self.similarity(metric)[first, second]
        best = np.argsort(-values, kind="stable")  # NaN sorts to the end
        return [
            Pair(self.labels[a], self.labels[b], value)
            for a, b, value in zip(first[best].tolist(), second[best].tolist(), values[best].tolist(), strict=True)
        ]

    def ranks(self, metric: Metric = "cosine") -> NDArray[np.int64]:
        """The place of each pair in `pairs`, (labels, labels), from 1; 0 on the diagonal."""
        places = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)
        first, second = np.triu_indices(len(self.labels), 1)
        best = np.argsort(-self.similarity(metric)[first, second], kind="stable")
        places[first[best], second[best]] = np.arange(1, best.size + 1)
        return places + places.T

    def order(self, by: Order = "model") -> list[int]:
        """Labels' places in the model, in another order.

        Parameters
        ----------
        by : {"model", "alphabetical", "clustered", "category"}
            "clustered" is the order of the leaves under `linkage`; "category" that of `labels.categories`, and the
            model's within each.
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
        """Hierarchical clustering as scipy gives it, (labels - 1, 4), for a dendrogram; of two labels and more.

        By the mean cosine distance between clusters, the leaves so ordered that neighbours are as alike as can be
        (Bar-Joseph et al. 2001). A label whose vector is all zeros is at distance 1 from every other.
        """
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform

        distance = 1.0 - np.nan_to_num(self.similarity("cosine"), nan=0.0)
        np.fill_diagonal(distance, 0.0)
        tree: NDArray[np.float64] = linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
        return tree

    def index(self, label: str) -> int:
        """Where a label stands in the model's order; capitals matter only where they tell two labels apart.

        Raises
        ------
        UnknownNameError
            Names the labels that there are.
        """
        if label in self.labels:
            return self.labels.index(label)
        alike = [place for place, name in enumerate(self.labels) if name.casefold() == label.casefold()]
        if len(alike) != 1:
            raise UnknownNameError(f"The model has no label '{label}'; it has: {', '.join(self.labels)}.")
        return alike[0]

    def votes(self, label: str) -> list[Vote]:
        """All units, from the one that speaks most for a label to the one that speaks most against it."""
        weights = self.matrix[:, self.index(label)]
        return [Vote(unit, float(weights[unit])) for unit in np.argsort(-weights, kind="stable").tolist()]

    def shared_units(self, a: str, b: str) -> list[Vote]:
        """What each unit adds to the cosine between two labels, most first; the sum is the cosine.

        A positive part comes from a unit that speaks for both labels or against both.
        """
        one, other = self.matrix[:, self.index(a)], self.matrix[:, self.index(b)]
        length = np.linalg.norm(one) * np.linalg.norm(other)
        parts = one * other / length if length > 0.0 else np.zeros_like(one)
        return [Vote(unit, float(parts[unit])) for unit in np.argsort(-parts, kind="stable").tolist()]


# -- finding them in a network ------------------------------------------------------------------------------------


def label_vectors(model: Tagger) -> LabelVectors:
    """Find the label vectors of a model: by tracing, or where its plugin says (`ModelSpec.label_vectors`).

    Tracing runs the network once and follows its output down to the last dense layer, past whatever keeps labels apart
    (biases, reshaping, means over time). The weights are then read as the gradient of each output by each of that
    layer's inputs: exactly its weights, whether it is an `nn.Linear`, a matrix product, or a 1x1 convolution.

    Raises
    ------
    AuralScopeError
        There is no such layer, or something stands above it that mixes labels; the text says what.
    """
    shape = model.front_end.input_shape
    low, high = model.front_end.value_range
    noise = torch.rand((1, 1, *shape), generator=torch.Generator().manual_seed(0)) * (high - low) + low
    with model.one_at_a_time:
        tape = record(model.network, noise.to(model.device))
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


_APART = frozenset(
    functions_of(
        *(Kind.IDENTITY, Kind.CONVERSION, Kind.SUM, Kind.REDUCTION, Kind.SHAPE, Kind.MAXIMUM, Kind.MAX_POOL),
        *(Kind.ADAPTIVE_MAX_POOL, Kind.AVERAGE_POOL),
    )
)
"""What may stand between the last dense layer and the output: steps that keep labels, or units, apart."""

_POINTWISE = _APART | frozenset(functions_of(Kind.ACTIVATION, Kind.ELEMENTWISE, Kind.BATCH_NORM, Kind.PRODUCT))
"""What may stand, besides, between the units of a named layer and the dense layer that they go into."""


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
        if step.function not in _APART or len(varying) != 1:
            raise AuralScopeError(
                f"The label vectors of '{model_id}' cannot be found by tracing: '{step.name}' stands "
                "above its last dense layer. Its plugin can name that layer (label_vectors)."
            )
        tensor = varying[0]


def _step_of(tape: Tape, module: str, model_id: str) -> Step:
    """The dense step that a module made; the last, where it made several."""
    for step in reversed(tape.steps):
        if step.module == module and _is_dense(step):
            return step
    raise AuralScopeError(f"The plugin of '{model_id}' names '{module}' for its label vectors: no dense layer.")


def _hidden(tape: Tape, step: Step) -> tuple[Tensor, int]:
    """What a dense step weighs, and the axis along which its units lie."""
    if KINDS.get(step.function) is Kind.CONVOLUTION:
        tensor = step.varying_tensors()[0]
        return tensor, 1 - tensor.ndim
    if step.function is functional.linear:
        return step.varying_tensors()[0], -1
    *_, left, right = step.tensors()  # of addmm, the bias comes first
    if tape.maker(left) is not None:
        return left, -1
    return right, -2 if right.ndim > 1 else -1


def _gradients(tape: Tape, hidden: Tensor) -> Tensor:
    """Of each output by all of `hidden`: (labels, *hidden)."""
    with torch.enable_grad():
        leaf = hidden.detach().requires_grad_()
        logits = tape.replay(hidden, leaf, tape.output).flatten()
        return torch.stack([torch.autograd.grad(logit, leaf, retain_graph=True)[0] for logit in logits])


def _layer_of(model: Tagger, tape: Tape, hidden: Tensor, units: int) -> str:
    """The model's layer that `hidden` is, but for steps that keep units apart; empty where there is none."""
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
    return named[id(tensor)] if unit_count(tensor, tape.image) == units else ""
