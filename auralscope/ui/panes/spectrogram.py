"""The spectrogram of the recording, drawn in tiles that are computed in the background."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel

from auralscope.display.pyramid import LOWEST_DB, STEP_DB, Pyramid, TileKey
from auralscope.display.scales import Axis, BinAxis, FrequencyScale, ScaleAxis, Warp, bin_position
from auralscope.display.ticks import PITCH_CLASSES, note_name, time_label
from auralscope.ui.graphs.axes import FrequencyAxisItem
from auralscope.ui.graphs.colour import COLOUR_MAPS, full_scale, level_lut, overlay_lut
from auralscope.ui.graphs.items import PictureItem
from auralscope.ui.graphs.timeline import TimePane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, eq=False)
class ReadyTile:
    """Levels of a tile, and its rows on the frequency axis that was visible when it was requested."""

    pyramid: Pyramid
    key: TileKey
    picture: NDArray[np.uint8]
    warp: Warp
    rows: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class TileRequest:
    """All tiles that a pane lacks, most urgent first. It replaces the previous request.

    Attributes
    ----------
    pyramid : Pyramid
    keys : tuple of TileKey
        Tiles of earlier requests that are not among them need not be computed.
    warp : Warp
    """

    pyramid: Pyramid
    keys: tuple[TileKey, ...]
    warp: Warp

    def render(self, key: TileKey, stop: Callable[[], bool] | None = None) -> ReadyTile:
        """Compute a tile for `SpectrogramPane.tile_arrived`, in any thread.

        Raises
        ------
        OvertakenError
            `stop` returned True.
        """
        picture = self.pyramid.picture(key, stop)
        return ReadyTile(self.pyramid, key, picture, self.warp, self.warp(picture))


@dataclass(eq=False)
class _Tile:
    """Tile on the screen, with the warp that placed its rows."""

    pyramid: Pyramid
    key: TileKey
    picture: NDArray[np.uint8]
    item: PictureItem
    warp: Warp


class SpectrogramPane(TimePane):
    """The recording as STFT, mel, constant-Q or chroma, with a unit's attribution over it.

    After `set_pyramid`, `request_tiles` lists the missing tiles. The receiver computes them in the background with
    `request.render(key, stop)` and passes each tile to `tile_arrived` on the UI thread.
    """

    request_tiles = Signal(object)
    """A `TileRequest`."""

    REWARP_BUDGET_S = 0.006
    MAX_STALE_TILES = 40
    MIN_ROWS = 8
    # From the bottom: coarse tiles of the whole recording, tiles of the previous zoom, drafts, tiles, the overlay.
    _Z_BASE, _Z_STALE, _Z_DRAFT, _Z_EXACT, _Z_OVERLAY = -4, -3, -2, -1, 5

    def __init__(self, parent: QWidget | None = None) -> None:
        self._frequency_axis = FrequencyAxisItem()
        super().__init__(self._frequency_axis, parent)
        self.setAccessibleName(self.tr("Spectrogram"))
        self._pyramid: Pyramid | None = None
        self._awaiting_pyramid = False
        self._scale: FrequencyScale = "log"
        self._axis: Axis = ScaleAxis("log")
        self._colour_map = COLOUR_MAPS[0]
        self._range_db = (-90.0, -10.0)
        self._lut = level_lut(self._colour_map, *self._range_db)
        self._tiles: dict[TileKey, _Tile] = {}
        self._stale: list[_Tile] = []
        self._needed: frozenset[TileKey] = frozenset()
        self._in_view: frozenset[TileKey] = frozenset()
        self._requested: tuple[TileKey, ...] = ()
        self._warp: Warp | None = None
        self._warp_of: tuple[object, ...] = ()
        self._warp_rect = (0.0, 1.0)
        self._overlay: _Overlay | None = None
        self._computing = QLabel(self)
        self._computing.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._computing.hide()
        self._rewarp_timer = QTimer(self, singleShot=True, interval=0)
        self._rewarp_timer.timeout.connect(self._rewarp)

    def tab_order(self) -> list[QWidget]:
        return [self]

    # Settings

    def set_pyramid(self, pyramid: Pyramid | None) -> None:
        """Show a recording, another transform of the same recording, or nothing (None).

        For the same recording, the visible time, the loop and the window stay. Pictures of another transform go.
        """
        before, fitted = self._pyramid, np.allclose(self.box.viewRange()[1], self._height_limits())
        self._pyramid = pyramid
        self._awaiting_pyramid = False
        self._requested = ()
        self._clear_tiles()
        if pyramid is None or before is None or before.clip is not pyramid.clip:
            self.clear_overlay()
            self.set_duration(0.0 if pyramid is None else pyramid.duration_s)
        self._set_axis(fit=fitted)
        self._range_changed()

    def show_computing(self, what: str) -> None:
        """Remove the picture and its axis, and name what is computed until its first tile arrives."""
        self._awaiting_pyramid = True
        self._clear_tiles()
        self._frequency_axis.setStyle(showValues=False)
        self._computing.setText(self.tr("Computing: {}…").format(what))
        self._computing.adjustSize()
        self._computing.move(self.rect().center() - self._computing.rect().center())
        self._computing.show()

    def _clear_tiles(self) -> None:
        self._drop(list(self._tiles.values()) + self._stale)
        self._tiles, self._stale = {}, []

    @property
    def scale(self) -> FrequencyScale:
        return self._scale

    def set_scale(self, scale: FrequencyScale) -> None:
        """Set the frequency axis: linear, logarithmic or mel. Chroma always has pitch classes."""
        self._scale = scale
        self._set_axis(fit=True)
        self._range_changed()

    @property
    def colour_map(self) -> str:
        return self._colour_map

    def set_colour_map(self, name: str) -> None:
        """Use one of `COLOUR_MAPS`."""
        self._colour_map = name
        self._recolour()

    @property
    def range_db(self) -> tuple[float, float]:
        return self._range_db

    def set_range_db(self, floor_db: float, ceiling_db: float) -> None:
        """Spread the colour map from a floor to a ceiling, in dB re a full-scale sine."""
        self._range_db = (floor_db, max(ceiling_db, floor_db + STEP_DB))
        self._recolour()

    @property
    def visible_hz(self) -> tuple[float, float]:
        low_hz, high_hz = self._axis.hz(self.box.viewRange()[1])
        return float(low_hz), float(high_hz)

    def heights_of(self, low_hz: float, high_hz: float) -> tuple[float, float]:
        """Return the position of a frequency range in the view's units; for pitch classes, the whole axis."""
        lowest, highest = self._height_limits()
        if self._pyramid is not None and self._pyramid.view.transform == "chroma":
            return lowest, highest
        low, high = (min(max(float(at), lowest), highest) for at in self._axis.position([max(low_hz, 1.0), high_hz]))
        return low, high

    def set_overlay(
        self,
        image: NDArray[np.floating],
        start_s: float,
        hop_s: float,
        frequencies_hz: NDArray[np.float64],
        opacity: float,
    ) -> None:
        """Draw a unit's attribution over the spectrogram.

        Parameters
        ----------
        image : (bins, frames) array
            Negative values are drawn as 0, `full_scale` and higher values in the brightest colour.
        start_s, hop_s : float
            Frame f is centred on `start_s` + f * `hop_s`.
        frequencies_hz : (bins,) array
            Centres of the bins.
        opacity : float
            From 0 (only the recording) to 1 (only the image).
        """
        self.clear_overlay()
        top = full_scale(image)
        shares = np.clip(image / top, 0.0, 1.0) if top > 0.0 else np.zeros(image.shape)
        item = PictureItem()
        item.setZValue(self._Z_OVERLAY)
        self.box.addItem(item, ignoreBounds=True)
        picture = np.rint(255.0 * shares).astype(np.uint8)
        span_s = (start_s - hop_s / 2, start_s + (image.shape[1] - 0.5) * hop_s)
        self._overlay = _Overlay(picture, np.asarray(frequencies_hz, np.float64), span_s, opacity, item)
        self._warp_overlay()

    def set_overlay_opacity(self, opacity: float) -> None:
        """Change the overlay's opacity, 0 to 1."""
        if self._overlay is not None:
            self._overlay.opacity = opacity
            self._overlay.item.recolour(overlay_lut(self._colour_map, opacity))

    def clear_overlay(self) -> None:
        """Remove the overlay."""
        if self._overlay is not None:
            self.plot.scene().removeItem(self._overlay.item)
            self._overlay = None

    # Tiles

    def tile_arrived(self, ready: ReadyTile) -> None:
        """Show a computed tile, on the UI thread. Tiles that are no longer needed are dropped."""
        key = ready.key
        if (
            self._awaiting_pyramid
            or ready.pyramid is not self._pyramid
            or key not in self._needed
            or key in self._tiles
        ):
            return
        exact = TileKey(key.level, key.index)
        if key.draft and exact in self._tiles:
            return
        self._computing.hide()
        item = PictureItem()
        item.setZValue(self._Z_DRAFT if key.draft else self._Z_EXACT)
        self.box.addItem(item, ignoreBounds=True)
        tile = _Tile(ready.pyramid, key, ready.picture, item, ready.warp)
        self._tiles[key] = tile
        self._lay(tile, ready.rows if ready.warp is self._warp else None)
        draft = TileKey(key.level, key.index, draft=True)
        if not key.draft and draft in self._tiles and draft not in self._base_keys():
            self._drop([self._tiles.pop(draft)])
        if self._in_view <= self._tiles.keys():
            self._drop(self._stale)
            self._stale = []
        self._readout.refresh()

    def _base_keys(self) -> list[TileKey]:
        """Return the coarse tiles of the whole recording. They are always kept, so that no place is ever empty."""
        if self._pyramid is None:
            return []
        keys = self._pyramid.tiles_for(0.0, self.duration_s, 2 * Pyramid.COLUMNS)
        return [key for key in keys if key.draft or key.level <= Pyramid.MAX_DIRECT_LEVEL]

    def _refresh(self) -> None:
        pyramid = self._pyramid
        width_px = round(self.box.width() * self.devicePixelRatioF())
        if pyramid is None or self._awaiting_pyramid or width_px < 2:
            return
        self._update_warp()
        assert self._warp is not None
        start_s, end_s = self._visible_s
        beside_s = (end_s - start_s) / 4
        in_view = pyramid.tiles_for(start_s, end_s, width_px)
        # Prefetch a quarter of the view on each side, at the same seconds per pixel.
        beside = pyramid.tiles_for(start_s - beside_s, end_s + beside_s, round(1.5 * width_px))
        base = self._base_keys()
        ordered = list(dict.fromkeys([*in_view, *base, *beside]))
        self._in_view = frozenset(key for key in in_view if not key.draft)
        self._needed = frozenset(ordered)
        self._retire([tile for key, tile in self._tiles.items() if key not in self._needed])
        self._tiles = {key: tile for key, tile in self._tiles.items() if key in self._needed}
        for key in base:
            if key in self._tiles and key not in self._in_view:
                self._tiles[key].item.setZValue(self._Z_BASE)
        for key in self._in_view & self._tiles.keys():
            self._tiles[key].item.setZValue(self._Z_EXACT)
        missing = tuple(
            key
            for key in ordered
            if key not in self._tiles
            and not (key.draft and key not in base and TileKey(key.level, key.index) in self._tiles)
        )
        if missing != self._requested:
            self._requested = missing
            self.request_tiles.emit(TileRequest(pyramid, missing, self._warp))

    def _retire(self, tiles: list[_Tile]) -> None:
        """Keep tiles below the new ones until those arrive."""
        for tile in tiles:
            tile.item.setZValue(self._Z_STALE)
        self._stale += tiles
        excess = len(self._stale) - self.MAX_STALE_TILES
        if excess > 0:
            self._drop(self._stale[:excess])
            self._stale = self._stale[excess:]

    def _drop(self, tiles: list[_Tile]) -> None:
        for tile in tiles:
            self.plot.scene().removeItem(tile.item)

    # Frequency

    def _set_axis(self, *, fit: bool) -> None:
        """Set the axis of the scale and the transform. A new axis is shown whole, the same axis stays in place."""
        pyramid = self._pyramid
        chroma = pyramid is not None and pyramid.view.transform == "chroma"
        if pyramid is not None:
            self._frequency_axis.setStyle(showValues=True)
        axis: Axis = BinAxis(pyramid.frequencies_hz) if pyramid is not None and chroma else ScaleAxis(self._scale)
        if axis == self._axis and self._warp_of:
            low, high = self._height_limits() if fit else self.box.viewRange()[1]
            self._show_heights(low, high)
            return
        self._axis = axis
        self._frequency_axis.set_axis(axis, PITCH_CLASSES if chroma else ())
        # Earlier tiles have the positions of the old axis.
        self._drop(self._stale)
        self._stale = []
        self._fit_height()
        self._update_warp()
        for tile in self._tiles.values():
            if tile.warp is not self._warp:
                self._lay(tile)

    def _height_limits(self) -> tuple[float, float]:
        """Return the lowest and the highest position of the axis."""
        if self._pyramid is None:
            low, high = self._axis.position([20.0, 20000.0])
        elif self._pyramid.view.transform == "chroma":
            return -0.5, 11.5
        elif self._pyramid.view.transform == "cqt":
            rows_hz = self._pyramid.frequencies_hz
            low, high = self._axis.position([rows_hz[0] * 0.985, rows_hz[-1] * 1.015])
        else:
            lowest_hz = 20.0 if self._scale == "log" else 0.0
            low, high = self._axis.position([lowest_hz, self._pyramid.clip.sample_rate / 2])
        return float(low), float(high)

    def _show_heights(self, low: float, high: float) -> None:
        lowest, highest = self._height_limits()
        height = min(max(high - low, (highest - lowest) / 200), highest - lowest)
        low = min(max(low, lowest), highest - height)
        self.box.setYRange(low, low + height, padding=0)

    def _fit_height(self) -> None:
        self._show_heights(*self._height_limits())

    def _zoom_height(self, factor: float, about: float | None) -> None:
        low, high = self.box.viewRange()[1]
        about = (low + high) / 2 if about is None else min(max(about, low), high)
        self._show_heights(about - (about - low) / factor, about + (high - about) / factor)

    def _pan_height(self, share: float) -> None:
        low, high = self.box.viewRange()[1]
        by = share * (high - low)
        self._show_heights(low + by, high + by)

    def _update_warp(self) -> None:
        """Replace the warp if the visible frequencies, the axis, the height or the transform changed."""
        pyramid = self._pyramid
        rows = max(round(self.box.height() * self.devicePixelRatioF()), self.MIN_ROWS)
        low, high = (float(edge) for edge in self.box.viewRange()[1])
        warp_of = (self._axis, low, high, rows, pyramid)
        if pyramid is None or warp_of == self._warp_of:
            return
        between = pyramid.view.transform != "chroma"
        self._warp = Warp(pyramid.frequencies_hz, self._axis, low, high, rows, between=between)
        self._warp_of, self._warp_rect = warp_of, (low, high)
        self._rewarp()
        self._warp_overlay()

    def _rewarp(self) -> None:
        """Warp tiles to the visible frequencies, visible tiles first, a few milliseconds at a time."""
        until = perf_counter() + self.REWARP_BUDGET_S
        behind = [tile for tile in self._tiles.values() if tile.warp is not self._warp]
        for tile in sorted(behind, key=lambda tile: tile.key not in self._in_view):
            if perf_counter() > until:
                self._rewarp_timer.start()
                return
            self._lay(tile)

    def _lay(self, tile: _Tile, rows: NDArray[np.uint8] | None = None) -> None:
        assert self._warp is not None
        rows = self._warp(tile.picture) if rows is None else rows
        start_s, end_s = tile.pyramid.span_s(tile.key)
        low, high = self._warp_rect
        tile.warp = self._warp
        tile.item.set_rows(rows, QRectF(start_s, low, end_s - start_s, high - low), self._lut)

    def _warp_overlay(self) -> None:
        overlay = self._overlay
        if overlay is None or self._warp is None:
            return
        low, high = self._warp_rect
        rows = Warp(overlay.frequencies_hz, self._axis, low, high, self._warp.n_rows)(overlay.picture)
        start_s, end_s = overlay.span_s
        lut = overlay_lut(self._colour_map, overlay.opacity)
        overlay.item.set_rows(rows, QRectF(start_s, low, end_s - start_s, high - low), lut, opaque=False)

    def _recolour(self) -> None:
        self._lut = level_lut(self._colour_map, *self._range_db)
        for tile in [*self._tiles.values(), *self._stale]:
            tile.item.recolour(self._lut)
        if self._overlay is not None:
            self._overlay.item.recolour(overlay_lut(self._colour_map, self._overlay.opacity))

    # Read-out

    def _readout_at(self, time_s: float, height: float) -> str:
        if self._pyramid is None:
            return ""
        hz = float(self._axis.hz(height))
        if self._pyramid.view.transform == "chroma":
            where = PITCH_CLASSES[min(max(round(height), 0), 11)]
        else:
            where = " · ".join(part for part in (f"{hz:,.1f} Hz", note_name(hz)) if part)
        level_db = self._level_at(time_s, hz)
        level = "" if level_db is None else f" · {level_db:.1f} dB" if level_db > LOWEST_DB else " · silent"
        return f"{time_label(time_s)} · {where}{level}"

    def _level_at(self, time_s: float, hz: float) -> float | None:
        """Return the level in the finest tile at a point, to half a decibel."""
        best: _Tile | None = None
        for tile in self._tiles.values():
            start_s, end_s = tile.pyramid.span_s(tile.key)
            if start_s <= time_s < end_s and (best is None or _fineness(tile.key) > _fineness(best.key)):
                best = tile
        if best is None:
            return None
        start_s, _ = best.pyramid.span_s(best.key)
        column = int((time_s - start_s) / best.pyramid.column_s(best.key.level))
        row = round(float(bin_position(hz, best.pyramid.frequencies_hz)))
        rows, columns = best.picture.shape
        return LOWEST_DB + STEP_DB * float(best.picture[min(max(row, 0), rows - 1), min(column, columns - 1)])


@dataclass(eq=False)
class _Overlay:
    picture: NDArray[np.uint8]
    frequencies_hz: NDArray[np.float64]
    span_s: tuple[float, float]
    opacity: float
    item: PictureItem


def _fineness(key: TileKey) -> tuple[bool, int]:
    return not key.draft, -key.level
