"""State what is selected at one moment; every result carries the selection that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from auralscope.types import unit_name

if TYPE_CHECKING:
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Rate
    from auralscope.nn.loaded import Model
    from auralscope.types import Clip


@dataclass(frozen=True)
class Selection:
    """Recording, model, window, layer, unit and the way from the unit to its sound.

    A result may be shown or played only while the part of the selection that it depends on is unchanged. The properties
    name these parts: each is a selection in which the rest has no value, so parts are compared with ``==``.

    Attributes
    ----------
    clip : Clip or None
        Compared by identity, as the model is.
    model : Model or None
    window_start_s : float
    layer : str
    method : str
        The attribution method.
    unit : int or None
    render : {"mask", "phase"}
    rate : {"recording", "model"}
    """

    clip: Clip | None = None
    model: Model | None = None
    window_start_s: float = 0.0
    layer: str = ""
    method: str = ""
    unit: int | None = None
    render: Render = "mask"
    rate: Rate = "recording"

    @property
    def window(self) -> Selection:
        """The part that scores and the model's input depend on."""
        return Selection(self.clip, self.model, self.window_start_s)

    @property
    def maps(self) -> Selection:
        """The part that a layer's feature maps depend on."""
        return replace(self.window, layer=self.layer)

    @property
    def gallery(self) -> Selection:
        """The part that the images of a layer's units depend on."""
        return replace(self.maps, method=self.method)

    @property
    def feature(self) -> Selection:
        """The part that the chosen unit's image and its faithfulness depend on."""
        return replace(self.gallery, unit=self.unit)

    def unit_label(self, unit: int) -> str:
        """Return the name of a unit of the layer: `3-38` for unit 38 of the third layer."""
        return unit_name(self.model.layer_number(self.layer), unit) if self.model else str(unit)

    def unit_title(self, unit: int) -> str:
        """Return the name of a unit of the layer, with its label in the output layer: `7-0 ballad`."""
        label = self.unit_label(unit)
        if self.model is not None and self.layer == self.model.layers[-1] and unit < len(self.model.labels):
            return f"{label} {self.model.labels[unit]}"
        return label
