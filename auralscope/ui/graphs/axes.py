"""Axes with round ticks: frequency on any scale, and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt

from auralscope.display.scales import ScaleAxis
from auralscope.display.ticks import frequency_label, round_ticks, time_label, time_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.display.scales import Axis
    from auralscope.ui.graphs.colour import PaneColours

LEFT_AXIS_PX = 56
"""Width of every left axis, so that equal times of stacked panes are above one another."""

AXIS_MARGIN_PX = 7
"""Margin above and beside a plot, for the half of a tick's label that exceeds it."""


class FrequencyAxisItem(pg.AxisItem):  # type: ignore[misc]
    """Vertical axis whose values are positions on an `Axis` and whose ticks are round frequencies in Hz."""

    PX_PER_TICK = 36
    LEAST_PX_PER_TICK = 24  # of a low axis, so that it keeps more than one tick

    def __init__(self) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)
        self.setWidth(LEFT_AXIS_PX)
        self.setStyle(tickLength=4)
        self._axis: Axis = ScaleAxis("linear")
        self._names: Sequence[str] = ()
        self.set_axis(self._axis)

    def set_axis(self, axis: Axis, names: Sequence[str] = ()) -> None:
        """Use another axis; `names`, if given, label its positions 0, 1, 2 ... instead of frequencies."""
        self._axis = axis
        self._names = names
        self.setLabel("pitch class" if names else "Hz")
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803
        if self._names:
            return [(1.0, [float(k) for k in range(len(self._names)) if minVal <= k <= maxVal])]
        low_hz, high_hz = self._axis.hz([minVal, maxVal])
        most = max(int(size / self.PX_PER_TICK), min(4, int(size / self.LEAST_PX_PER_TICK)))
        ticks_hz = round_ticks(float(low_hz), float(high_hz), self._axis, most)
        return [(1.0, self._axis.position(ticks_hz).tolist() if ticks_hz else [])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        if self._names:
            return [self._names[round(value)] for value in values]
        return [frequency_label(float(f"{hz:.9g}")) for hz in np.atleast_1d(self._axis.hz(list(values))).tolist()]


class TimeAxisItem(pg.AxisItem):  # type: ignore[misc]
    """Horizontal axis in seconds with ticks as m:ss and as many decimals as the zoom needs."""

    PX_PER_TICK = 90

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=4, hideOverlappingLabels=2 * AXIS_MARGIN_PX + 1)

    def boundingRect(self) -> QRectF:
        """Extend the rectangle under the left axis, so that the first label is drawn even if it is long."""
        return QRectF(super().boundingRect()).adjusted(-LEFT_AXIS_PX / 2, 0.0, 0.0, 0.0)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803
        step_s, times_s = time_ticks(minVal, maxVal, max(int(size / self.PX_PER_TICK), 1))
        return [(step_s, times_s)]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        return [time_label(time_s, spacing) for time_s in values]


def time_plot(box: pg.ViewBox, left_axis: pg.AxisItem) -> pg.PlotWidget:
    """Make a plot along time that takes no keys and no dropped files: both belong to the widgets around it."""
    plot = pg.PlotWidget(viewBox=box, axisItems={"left": left_axis, "bottom": TimeAxisItem()})
    for widget in (plot, plot.viewport()):
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    plot.setAcceptDrops(False)
    plot.hideButtons()
    plot.getPlotItem().layout.setContentsMargins(0, AXIS_MARGIN_PX, 2 * AXIS_MARGIN_PX, 0)
    return plot


def restyle(plot: pg.PlotWidget, colours: PaneColours) -> None:
    """Give a plot's background and axes the theme's colours."""
    plot.setBackground(colours.background)
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(colours.dim)
        axis.setTextPen(colours.text)
