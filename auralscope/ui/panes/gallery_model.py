"""The gallery's data: the units of a layer in the chosen order, with pictures and descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QImage

from auralscope.session import summaries
from auralscope.ui.graphs.colour import FULL_SCALE_PERCENTILE, full_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from auralscope.session.session import Session

Index = QModelIndex | QPersistentModelIndex
Kind = Literal["deconvolution", "map"]

TileRole = Qt.ItemDataRole.UserRole
CONTRAST = 0.6
"""Exponent of the brightness, which keeps faint parts visible in a small picture."""
MOST_CELLS = (64, 112)
"""Bins and frames of a picture for a thumbnail: about its pixels, since scaling down further would darken it."""
CURVE_BINS, CURVE_FRAMES = 48, 640
SCALE_SENTENCE = f"Colours: from 0 to the {FULL_SCALE_PERCENTILE}th percentile of its positive values."


@dataclass(frozen=True)
class Tile:
    """Picture and caption of one unit.

    Attributes
    ----------
    title : str
    picture : QImage or None
        None until it is computed, and for a unit of a dense layer, which has a `value` instead.
    activity : float or None
        Level of the unit's activity, relative to the layer's most active unit, 0 to 1.
    is_silent : bool
    is_coarse : bool
        Enlarge the picture without smoothing, so that its cells stay visible.
    value : float or None
    caption : str
        Value by which the units are sorted; it replaces the bar of the activity.
    """

    title: str
    picture: QImage | None
    activity: float | None
    is_silent: bool
    is_coarse: bool = False
    value: float | None = None
    caption: str = ""


def picture_of(image: NDArray[np.floating[Any]], colours: list[int], *, whole: bool = False) -> QImage:
    """Return a picture of an image (bins, frames), with the first bin at the bottom.

    Zero and negative values get the first colour, `full_scale` and higher values the last one. Unless `whole` is set,
    the image is first reduced to at most `MOST_CELLS`, by the maximum: the mean would fade thin lines and clicks, and
    would make the picture of a long window dark. An image of a single bin becomes a curve over time.
    """
    if image.shape[0] == 1:
        image = _curve(image[0], full_scale(image))
    if not whole:
        for axis, most in enumerate(MOST_CELLS):
            step = -(-image.shape[axis] // most)
            image = np.maximum.reduceat(image, np.arange(0, image.shape[axis], step), axis=axis)
    top = full_scale(image)
    scaled = np.clip(image / top, 0.0, 1.0) if top > 0.0 else np.zeros_like(image)
    levels = np.ascontiguousarray((scaled[::-1] ** CONTRAST * 255.0).astype(np.uint8))
    rows, columns = levels.shape
    picture = QImage(levels.data, columns, rows, columns, QImage.Format.Format_Indexed8)
    picture.setColorTable(colours)
    return picture.copy()  # QImage does not own the memory of the array


def _curve(values: NDArray[np.floating[Any]], top: float) -> NDArray[np.floating[Any]]:
    """Return a filled curve as a picture (bins, frames). Its full height is `top`."""
    step = -(-values.size // CURVE_FRAMES)
    highest = np.maximum.reduceat(values, np.arange(0, values.size, step))
    levels = np.arange(CURVE_BINS)[:, None] / CURVE_BINS
    return np.where(highest / (top if top > 0.0 else 1.0) > levels, highest, 0.0)


class GalleryModel(QAbstractListModel):
    """List model of the units of the session's layer in the chosen order."""

    def __init__(self, session: Session, colours: list[int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._colours = colours
        self._kind: Kind = "deconvolution"
        self._order: summaries.Order = "activity"
        self._units: list[int] = []
        self._pictures: dict[int, QImage] = {}
        self.rearrange()

    @property
    def kind(self) -> Kind:
        return self._kind

    def set_kind(self, kind: Kind) -> None:
        self._kind = kind
        self.refresh()

    @property
    def order(self) -> summaries.Order:
        return self._order

    def set_order(self, order: summaries.Order) -> None:
        self._order = order
        self.rearrange()

    def set_colours(self, colours: list[int]) -> None:
        self._colours = colours
        self.refresh()

    def rearrange(self) -> None:
        """Begin anew with the session's layer."""
        self.beginResetModel()
        session, spec = self._session, self._session.layer_spec
        n_units = spec.units if spec is not None else 0
        self._units = summaries.arranged(self._order, session.gallery.layer_result, session.summaries.summary, n_units)
        self._pictures = {}
        self.endResetModel()

    def refresh(self, units: tuple[int, ...] | None = None) -> None:
        """Draw some units anew, or all."""
        if units is None:
            self._pictures = {}
            if self._units:
                self.dataChanged.emit(self.index(0), self.index(len(self._units) - 1), [TileRole])
            return
        for unit in units:
            self._pictures.pop(unit, None)
            row = self.row_of(unit)
            if row is not None:
                self.dataChanged.emit(self.index(row), self.index(row), [TileRole])

    def unit_at(self, index: Index) -> int:
        return self._units[index.row()]

    def row_of(self, unit: int) -> int | None:
        return self._units.index(unit) if unit in self._units else None

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._units)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        unit = self.unit_at(index)
        if role == TileRole:
            return self._tile(unit)
        if role == Qt.ItemDataRole.DisplayRole:
            return self._session.unit_title(unit)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._sentence(unit)
        if role == Qt.ItemDataRole.ToolTipRole:
            tile = self._tile(unit)
            said = escape(self._sentence(unit))
            return f"<p>{said}</p><p>{SCALE_SENTENCE}</p>" if tile.picture is not None else f"<p>{said}</p>"
        return None

    def _sentence(self, unit: int) -> str:
        title = self._session.unit_title(unit)
        layer = self._session.gallery.layer_result
        if layer is None:
            return f"Feature {title}: not computed yet"
        if layer.is_silent(unit):
            return f"Feature {title} is silent: its feature map is 0 in this window"
        said = f"Feature {title}: {layer.rank(unit)} by {layer.ranked_by} ({layer.level(unit)})."
        return " ".join(part for part in (said, self._words(unit), "Click to hear it.") if part)

    def _words(self, unit: int) -> str:
        session, model = self._session, self._session.model
        summary = session.summaries.summary
        if summary is None or model is None:
            return ""
        return summaries.words(summary, unit, model.labels, session.unit_label)

    def _tile(self, unit: int) -> Tile:
        title, layer = self._session.unit_title(unit), self._session.gallery.layer_result
        if layer is None or unit >= len(layer.order):
            return Tile(title, None, None, is_silent=False)
        levels = layer.activity.levels
        activity = float(levels[unit] / levels.max()) if levels.max() > 0.0 else 0.0
        silent = layer.is_silent(unit)
        caption = "" if silent else self._caption(unit)
        if self._kind == "map" and not layer.is_map:
            return Tile(title, None, activity, silent, value=float(layer.maps[unit]), caption=caption)
        coarse = self._kind == "map"
        return Tile(title, None if silent else self._picture(unit), activity, silent, coarse, caption=caption)

    def _caption(self, unit: int) -> str:
        model = self._session.model
        labels = model.labels if model is not None else ()
        if self._order == "label" and " " in self._session.unit_title(unit):
            return ""  # the unit's title already has its label
        return summaries.caption(self._order, self._session.summaries.summary, unit, labels)

    def _picture(self, unit: int) -> QImage | None:
        if unit not in self._pictures:
            layer, feature = self._session.gallery.layer_result, self._session.gallery.features.get(unit)
            if self._kind == "map" and layer is not None:
                self._pictures[unit] = picture_of(np.atleast_2d(layer.maps[unit]), self._colours)
            elif feature is not None:
                self._pictures[unit] = picture_of(feature.picture, self._colours)
        return self._pictures.get(unit)
