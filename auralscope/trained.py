"""Read and write the folders of the user's trained models.

A folder holds `model.json`, `weights.safetensors` and `MODEL_CARD.md`. `model.json` names one of
`auralscope.nn.architectures`, so a folder contains no code.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from auralscope.dsp.frontends import FrontEnd, SpectrogramFrontEnd
from auralscope.dsp.melgrams import SquaredMelgram, StandardisedMelgram
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import AuralScopeError, PluginError, WeightsError, one_line
from auralscope.files import json_text, parse_json, quoted, reason, require_file, sha256, size_words, write_aside
from auralscope.hookspecs import hookimpl
from auralscope.nn.architectures import architecture
from auralscope.nn.model import ModelSpec, Weights, check_spec

if TYPE_CHECKING:
    from torch import nn

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"
CARD = "MODEL_CARD.md"
FORMAT = 1
FIELDS: dict[str, type] = {
    **dict.fromkeys(
        ("id", "title", "architecture", "output", "weights_sha256", "licence", "summary", "trained_on"), str
    ),
    "format": int,
    "labels": list,
    "front_end": dict,
}
"""Fields of `model.json`, and the type of each."""

ADDED: dict[str, Any] = {"trained_on": "recordings of its maker"}
"""Fields that older descriptions lack, and their values there."""

MAX_BYTES, MAX_SIZE = 16_000_000, 1_000_000_000
"""Limits of a description's length, and of its sizes in samples or bands."""


FRONT_ENDS: dict[str, type[Any]] = {
    "spectrogram": SpectrogramFrontEnd,
    "processed-spectrogram": ProcessedSpectrogram,
    "standardised-melgram": StandardisedMelgram,
    "squared-melgram": SquaredMelgram,
    "waveform": WaveformFrontEnd,
}


class TrainedModel:
    """Plugin that contains one trained model."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    @hookimpl
    def auralscope_models(self) -> Sequence[ModelSpec]:
        return [self.spec]


def found(models: Path) -> Iterator[tuple[str, str, Callable[[], TrainedModel]]]:
    """Yield (name, path, function that reads it) of each model in the folder of trained models."""
    if models.is_dir():
        for path in sorted(models.iterdir()):
            if (path / DESCRIPTION).is_file() and not path.name.startswith("."):
                yield path.name, str(path), partial(_read_as_plugin, path)


def _read_as_plugin(path: Path) -> TrainedModel:
    return TrainedModel(read(path))


def read(path: Path) -> ModelSpec:
    """Return the model in a folder.

    Raises
    ------
    PluginError
        Its `model.json` cannot be read or is not valid.
    """
    file = path / DESCRIPTION
    require_file(file)
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {size_words(MAX_BYTES)}")
        values = parse_json(content)
        if not isinstance(values, dict):
            raise ValueError("it is not a JSON object")
        values = ADDED | values
        for name, kind in FIELDS.items():
            if not isinstance(values[name], kind) or isinstance(values[name], bool):
                raise ValueError(f"its {name} is {reprlib.repr(values[name])}")
        if unknown := sorted(set(values) - set(FIELDS)):
            raise ValueError(f"it has {', '.join(map(reprlib.repr, unknown))}, which no description has")
        if values["format"] != FORMAT:
            raise ValueError(f"its format is {values['format']}, and this version of AuralScope reads {FORMAT}")
        if values["output"] not in ("softmax", "sigmoid"):
            raise ValueError(f"its output is {reprlib.repr(values['output'])}")
        front_end, labels = front_end_from(values["front_end"]), tuple(values["labels"])
        chosen = architecture(values["architecture"])
        spec = ModelSpec(
            id=values["id"],
            title=values["title"],
            labels=labels,
            layers=chosen.layers(len(labels), front_end.input_shape),
            front_end=front_end,
            build=partial(_build, path, values["weights_sha256"], values["architecture"], len(labels), front_end),
            weights=Weights(path / WEIGHTS, licence=values["licence"], card=path / CARD),
            output=values["output"],
            trained_on=values["trained_on"],
            summary=values["summary"],
            citation=chosen.source,
        )
        check_spec(spec)
        return spec
    except OSError as failure:
        raise PluginError(f"{quoted(file)} cannot be read: {reason(failure)}.") from failure
    except KeyError as failure:
        raise PluginError(f"{quoted(file)} does not say {failure.args[0]!r}.") from failure
    except (ValueError, TypeError, ArithmeticError, AuralScopeError) as failure:
        raise PluginError(f"{quoted(file)} does not describe a model: {one_line(failure).rstrip('.')}.") from failure


def describe(spec: ModelSpec, architecture_name: str, weights_sha256: str) -> dict[str, Any]:
    """Return the content of `model.json` for a model; the inverse of `read`."""
    return {
        "format": FORMAT,
        "id": spec.id,
        "title": spec.title,
        "architecture": architecture_name,
        "labels": list(spec.labels),
        "front_end": front_end_to(spec.front_end),
        "output": spec.output,
        "weights_sha256": weights_sha256,
        "licence": spec.weights.licence,
        "summary": spec.summary,
        "trained_on": spec.trained_on,
    }


def write_description(path: Path, spec: ModelSpec, architecture_name: str) -> None:
    """Write `model.json` into a folder that holds the weights and the card."""
    description = describe(spec, architecture_name, sha256(path / WEIGHTS))
    write_aside(path / DESCRIPTION, json_text(description).encode())


def front_end_to(front_end: FrontEnd) -> dict[str, Any]:
    """Return a front end as values for JSON."""
    kind = next(name for name, each in FRONT_ENDS.items() if each is type(front_end))
    return {"kind": kind, **asdict(front_end)}  # type: ignore[call-overload]


def front_end_from(values: dict[str, Any]) -> FrontEnd:
    """Return the front end that values from JSON describe; the inverse of `front_end_to`.

    Raises
    ------
    ValueError
        The values describe no front end.
    """
    given = dict(values)
    kind = given.pop("kind", None)
    if not isinstance(kind, str) or kind not in FRONT_ENDS:
        raise ValueError(f"there is no front end {reprlib.repr(kind)}; there is: {', '.join(FRONT_ENDS)}")
    known = {field.name for field in fields(FRONT_ENDS[kind])}
    if set(given) - known:
        raise ValueError(f"a front end '{kind}' has no {', '.join(sorted(set(given) - known))}")
    types = get_type_hints(FRONT_ENDS[kind])
    for name, value in given.items():
        if not _fits(value, types[name]):
            raise ValueError(f"its front_end's {name} is {reprlib.repr(value)}")
    front_end: FrontEnd = FRONT_ENDS[kind](
        **{name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    )
    return front_end


def _fits(value: object, kind: Any) -> bool:
    """Return whether a value from JSON is one for a field of a front end."""
    if kind in (int, int | None):
        return (value is None and kind is not int) or (type(value) is int and 0 < value <= MAX_SIZE)
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return isinstance(value, list) and len(value) <= MAX_SIZE and all(_fits(item, float) for item in value)
    return isinstance(value, str) and value in get_args(kind)


def _build(path: Path, digest: str, name: str, n_labels: int, front_end: FrontEnd) -> nn.Module:
    """Build the untrained network, after a check that the weights belong to the description."""
    weights = path / WEIGHTS
    if weights.is_file() and sha256(weights) != digest:
        raise WeightsError(f"{quoted(weights)} is not the file that {DESCRIPTION} beside it was written for.")
    return architecture(name).build(n_labels, front_end.input_shape)
