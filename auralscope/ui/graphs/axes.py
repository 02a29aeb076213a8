"""Axes with round ticks: frequency on any scale, and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF

from auralscope.display.scales import ScaleAxis, frequency_label, round_ticks, time_label, time_ticks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from auralscope.display.scales import Axis

LEFT_AXIS_PX = 56
"""The width of every left axis, so that panes above one another keep their times above one another."""

AXIS_MARGIN_PX = 7
"""Above and beside a plot, for the half of a tick's label that stands out."""


class FrequencyAxisItem(pg.AxisItem):  # type: ignore[misc]
    """A vertical axis whose values are positions on an `Axis` and whose ticks are round frequencies in Hz."""

    PX_PER_TICK = 36

    def __init__(self) -> None:
        super().__init__("left")
        self.enableAutoSIPrefix(False)
        self.setWidth(LEFT_AXIS_PX)
        self.setStyle(tickLength=4)
        self._axis: Axis = ScaleAxis("linear")
        self._names: Sequence[str] = ()
        self.set_axis(self._axis)

    def set_axis(self, axis: Axis, names: Sequence[str] = ()) -> None:
        """Use another axis; with `names` its positions 0, 1, 2 ... are called so instead of by their frequency."""
        self._axis = axis
        self._names = names
        self.setLabel("pitch class" if names else "Hz")
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803
        if self._names:
            return [(1.0, [float(k) for k in range(len(self._names)) if minVal <= k <= maxVal])]
        low_hz, high_hz = self._axis.hz([minVal, maxVal])
        ticks_hz = round_ticks(float(low_hz), float(high_hz), self._axis, int(size / self.PX_PER_TICK))
        return [(1.0, self._axis.position(ticks_hz).tolist() if ticks_hz else [])]

    def tickStrings(self, values: Sequence[float], _scale: float, _spacing: float) -> list[str]:
        if self._names:
            return [self._names[round(value)] for value in values]
        return [frequency_label(float(f"{hz:.9g}")) for hz in np.atleast_1d(self._axis.hz(list(values))).tolist()]


class TimeAxisItem(pg.AxisItem):  # type: ignore[misc]
    """A horizontal axis in seconds with ticks as m:ss, with as many decimals as the zoom demands."""

    PX_PER_TICK = 90

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)
        self.setStyle(tickLength=4, hideOverlappingLabels=2 * AXIS_MARGIN_PX + 1)

    def boundingRect(self) -> QRectF:
        """Labels beyond it are not drawn; under the left axis there is room for the half of a long first one."""
        return QRectF(super().boundingRect()).adjusted(-LEFT_AXIS_PX / 2, 0.0, 0.0, 0.0)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N803
        step_s, times_s = time_ticks(minVal, maxVal, max(int(size / self.PX_PER_TICK), 1))
        return [(step_s, times_s)]

    def tickStrings(self, values: Sequence[float], _scale: float, spacing: float) -> list[str]:
        return [time_label(time_s, spacing) for time_s in values]


def restyle_axes(plot: Any, text: Any, line: Any) -> None:
    """Give a plot's axes the theme's colours."""
    for side in ("left", "bottom"):
        axis = plot.getAxis(side)
        axis.setPen(line)
        axis.setTextPen(text)
