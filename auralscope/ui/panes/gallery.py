"""The gallery: pictures of all units of a layer, which appear as they are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from auralscope.session import summaries
from auralscope.ui.graphs.colour import COLOUR_MAPS, value_lut
from auralscope.ui.panes.feature_map import FeatureMapPane
from auralscope.ui.panes.gallery_choices import MethodChoice, WordsChoice
from auralscope.ui.panes.gallery_model import GalleryModel
from auralscope.ui.panes.gallery_view import TileView
from auralscope.ui.widgets.layouts import in_column, in_row, line

if TYPE_CHECKING:
    from auralscope.session.session import Session


class GalleryPane(QWidget):
    """The gallery with the choice of its pictures, the attribution method and the order.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._following = False
        self._method = session.methods.chosen
        self.model = GalleryModel(session, value_lut(COLOUR_MAPS[0]).tolist(), self)
        self.view = TileView(self)
        self.view.setModel(self.model)
        self.model.modelReset.connect(self.view.delegate.clear)  # pictures of another layer or window are not kept
        self.map = FeatureMapPane(session, value_lut(COLOUR_MAPS[0]).tolist())
        self.heading = line()
        self.legend = line()
        self.resume = QPushButton("Compute the rest")
        self.resume.setToolTip("Compute the missing features")
        self.kind = WordsChoice((("deconvolution", "Attribution"), ("map", "Feature map")))
        self.kind.setToolTip(
            "Pictures of the features (D)\n"
            "Attribution: the part of the input that makes the feature respond, by the method on the right.\n"
            "Feature map: the output of the feature."
        )
        self.method = MethodChoice(session)
        self.about = line(elastic=True)
        self.order = QComboBox()
        for order, (title, about) in summaries.ORDERS.items():
            self.order.addItem(title, order)
            self.order.setItemData(self.order.count() - 1, about, Qt.ItemDataRole.ToolTipRole)
        self.order.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.order.setMinimumContentsLength(10)
        self.order.setAccessibleName("Order of the features")
        self.order.setToolTip("Order of the features")
        choices = in_row(self.kind, (self.method, 1), (self.order, 1), spacing=4)
        below = in_row((self.about, 1), self.legend, self.heading, self.resume)
        in_column(self, choices, below, (self.map, 2), (self.view, 5), spacing=6)

        self.view.chosen.connect(self._choose_row)
        self.kind.chosen.connect(self._set_kind)
        self.order.currentIndexChanged.connect(lambda: self._rearrange_by(self.order.currentData()))
        self.resume.clicked.connect(session.fill_gallery)
        session.layer_changed.connect(self._rearrange)
        session.gallery.layer_result_changed.connect(self._rearrange)
        session.gallery.features_arrived.connect(self._arrived)
        session.unit_changed.connect(self._follow_unit)
        session.methods.changed.connect(self._method_changed)
        session.summaries.changed.connect(self._summarised)
        session.jobs.changed.connect(self._show_count)
        self._show_count()

    def tab_order(self) -> list[QWidget]:
        choices = [*self.kind.buttons.values(), self.method, self.order, self.resume]
        return [*choices, self.map.view, self.map.loop, self.view]

    def set_colour_map(self, name: str) -> None:
        """Use the colours of the large pictures."""
        self.view.delegate.clear()
        self.model.set_colours(value_lut(name).tolist())
        self.map.set_colours(value_lut(name).tolist())

    def toggle_kind(self) -> None:
        """Switch between attributions and feature maps."""
        self.kind.choose("map" if self.model.kind == "deconvolution" else "deconvolution")

    def _set_kind(self, kind: str) -> None:
        self.model.set_kind("map" if kind == "map" else "deconvolution")
        self.map.set_on(kind == "map")

    def _rearrange_by(self, order: summaries.Order) -> None:
        self.model.set_order(order)
        self._follow_unit()
        self._show_count()

    def _method_changed(self) -> None:
        self.about.setText(self.method.about)
        self.about.setToolTip(self.method.about)
        if self._method != self._session.methods.chosen:  # the signal also reports unsupported methods
            self._method = self._session.methods.chosen
            self.model.refresh()

    def _summarised(self) -> None:
        if summaries.needs_summary(self.model.order):
            self._rearrange()

    def _rearrange(self) -> None:
        self.model.rearrange()
        self._follow_unit()
        self._show_count()

    def _arrived(self, units: tuple[int, ...]) -> None:
        self.model.refresh(units)
        self._show_count()

    def _choose_row(self, row: int) -> None:
        if not self._following:
            self._session.choose_unit(self.model.unit_at(self.model.index(row)))

    def _follow_unit(self) -> None:
        unit = self._session.unit
        row = None if unit is None else self.model.row_of(unit)
        self._following = True  # moving the selection must not choose a unit again
        try:
            if row is None:
                self.view.setCurrentIndex(QModelIndex())
                self.view.clearSelection()
            else:
                self.view.setCurrentIndex(self.model.index(row))
        finally:
            self._following = False

    def _show_count(self) -> None:
        layer, spec = self._session.gallery.layer_result, self._session.layer_spec
        filling = any(job.key in ("analyse", "gallery", "open", "load") for job in self._session.jobs.running)
        missing = spec.units if spec is not None and self._session.clip is not None else 0
        text = f"{spec.units} features" if spec is not None else ""
        if layer is not None:
            self.order.setItemText(
                self.order.findData("activity"),
                f"Most {'probable' if layer.ranked_by == 'probability' else 'active'} first",
            )
            done = len(self._session.gallery.features)
            missing = len(layer.order) - done
            if missing:
                text = f"{done} of {len(layer.order)}"
            elif layer.n_silent:
                text = f"{len(layer.order)} features, {layer.n_silent} silent"
        if layer is not None and summaries.needs_summary(self.model.order) and self._session.summaries.summary is None:
            text = f"{text}; not sorted yet".lstrip("; ")
        self.heading.setText(text)
        known = not summaries.needs_summary(self.model.order) or self._session.summaries.summary is not None
        self.legend.setText(summaries.LEGENDS[self.model.order if known else "activity"] if layer is not None else "")
        self.legend.setToolTip(f"Beside the number of each feature. {summaries.ORDERS[self.model.order][1]}")
        self.heading.setToolTip("A feature is silent if its feature map is 0 in the whole window")
        self.resume.setVisible(missing > 0 and not filling)
