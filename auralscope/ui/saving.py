"""Save what the window shows: the chosen feature's sound and picture, and the tags over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auralscope.session.methods import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from auralscope.session.session import Session
    from auralscope.ui.dialogs import FileDialogs


class Saving:
    """Commands that ask where to save, and suggest a name that says what the file holds.

    Parameters
    ----------
    session : Session
    dialogs : FileDialogs
    colour_map : callable
        Returns the name of the window's colour map, one of `COLOUR_MAPS`.
    """

    def __init__(self, session: Session, dialogs: FileDialogs, colour_map: Callable[[], str]) -> None:
        self._session = session
        self._colour_map = colour_map
        self._dialogs = dialogs

    def save_sound(self) -> None:
        """Save the chosen feature's sound as WAV."""
        self._save_feature("Save sound", ".wav", self._session.gallery.save_sound)

    def save_picture(self) -> None:
        """Save the chosen feature's deconvolution as PNG."""
        colours = {"grey": "gray"}.get(self._colour_map(), self._colour_map())  # matplotlib's name
        self._save_feature("Save picture", ".png", lambda path: self._session.gallery.save_picture(path, colours))

    def save_tags(self) -> None:
        """Save the tags over time as CSV."""
        model = self._session.model
        if self._session.taggram.tags is not None and model is not None:
            self._save("Save tags over time", f"tags {model.spec.id}.csv", self._session.taggram.save)

    def _save_feature(self, title: str, suffix: str, save: Callable[[Path], None]) -> None:
        unit, method = self._session.unit, self._session.methods.chosen
        if unit is not None:
            words = (
                self._session.unit_label(unit) if method == DEFAULT else f"{self._session.unit_label(unit)} {method}"
            )
            self._save(title, words + suffix, save)

    def _save(self, title: str, name: str, save: Callable[[Path], None]) -> None:
        clip = self._session.clip
        if clip is None:
            return
        stem = clip.source.stem if clip.source else "recording"
        self._dialogs.save(title, f"{stem} {name}", save)
