"""Write model cards from templates and measured figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auralscope.files import sha256, write_aside
from auralscope.wording import percent

if TYPE_CHECKING:
    from auralscope.nn.model import ModelSpec
    from auralscope.training.fit import Fitted, Settings

TEMPLATES = Path(__file__).with_name("templates")


def write_card(
    file: Path,
    template: Path,
    *,
    spec: ModelSpec,
    weights: Path,
    settings: Settings,
    fitted: Fitted,
    command: str,
    **values: Any,
) -> None:
    """Write the model card of trained weights as Markdown, whole or not at all.

    Parameters
    ----------
    file : Path
    template : Path
        A Jinja template that extends `card.md.j2`.
    spec : ModelSpec
    weights : Path
        Its name and SHA-256 stand in the card.
    settings : Settings
    fitted : Fitted
    command : str
        The command line of the training.
    **values
        What else the template uses.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, TEMPLATES]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["figure"] = lambda value: "-" if math.isnan(value) else f"{value:.3f}"
    environment.filters["percent"] = lambda share: percent(share, 1)
    values |= {"spec": spec, "weights": weights, "digest": sha256(weights), "settings": settings, "fitted": fitted}
    text = environment.get_template(template.name).render(values, command=command)
    write_aside(file, text.encode())
