"""The transport: play the recording or a unit's auralisation, with loop, volume and audio device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.audio.playback import Player
from auralscope.dsp.level import loud_part_s
from auralscope.session.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from auralscope.audio.mixer import Source
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Rate
    from auralscope.session.jobs import Deliver, Jobs
    from auralscope.session.results import FeatureSound
    from auralscope.types import Auralisation, Clip

HOLD_S = 0.08
"""Longest silence between the sounds of two features; then the original is heard."""


def _unit_of(selection: Selection) -> Selection:
    """Return the part of a selection that says which unit is heard, wherever and however."""
    return Selection(selection.clip, selection.model, layer=selection.layer, unit=selection.unit)


class Listening:
    """The transport's state. Call it on the owner's thread; its signal is emitted there.

    Attributes
    ----------
    player : Player
        Holds state, position, source, loop and volume.
    match_loudness : bool
        Whether the auralisation is played as loud as the original, not at its true level.
    marked_s : (float, float) or None
        The stretch that the user marked last, so that it can be repeated again after the loop was switched off.
    """

    changed = Signal()
    """An attribute or the player's state has changed, except the position."""
    seeked = Signal()
    """The user has moved the position."""

    def __init__(self, jobs: Jobs, deliver: Deliver, selection: Callable[[], Selection]) -> None:
        self._jobs = jobs
        self._selection = selection
        self.player = Player(lambda: deliver(self.changed.emit))
        self.match_loudness = True
        self.marked_s: tuple[float, float] | None = None
        self._clip: Clip | None = None
        self._feature: FeatureSound | None = None
        self._feature_loop_s: tuple[float, float] | None = None
        self._loops_feature = False
        self._returns_to: Selection | None = None

    def close(self) -> None:
        """Release the audio device."""
        self.player.close()

    @property
    def render(self) -> Render:
        """Rendering of images as sound: "mask" or "phase"."""
        return self._selection().render

    @property
    def rate(self) -> Rate:
        """All channels at the recording's rate ("recording"), or mono at the model's ("model")."""
        return self._selection().rate

    @property
    def feature(self) -> FeatureSound | None:
        """The sound of the selected unit; None until it is computed."""
        feature = self._feature
        return feature if feature is not None and feature.selection == self._selection() else None

    @property
    def sound(self) -> Auralisation | None:
        """The auralisation of `feature`."""
        return self.feature.sound if self.feature is not None else None

    @property
    def title(self) -> str:
        """Name of the unit of `feature`, such as `3-38`, or an empty string."""
        return self.feature.title if self.feature is not None else ""

    def set_recording(self, clip: Clip) -> None:
        """Take another recording: the original from its start, without a loop. Playback goes on with it.

        A file that is opened again keeps its loop and the marked stretch.
        """
        playing, loop_s, before = self.player.state == "playing", self.player.loop, self._clip
        self._clip = clip
        self.player.load(clip)
        self.player.set_source("original")
        if before is not None and (before.source, before.duration_s) == (clip.source, clip.duration_s):
            self.player.set_loop(loop_s)
        else:
            self.marked_s = None
        if playing:
            self.player.play()

    def follow_selection(self) -> None:
        """Return to the original if the feature's sound belongs to another selection.

        If that sound was played and its unit is still selected, `set_feature` switches to the unit's new sound. Until
        then the player is silent for `HOLD_S`, so that the original is not heard between two features.
        """
        selection, feature, player = self._selection(), self._feature, self.player
        if self._returns_to not in (None, _unit_of(selection)):
            self._returns_to, self._loops_feature = None, False
        if feature is None or feature.selection == selection:
            return
        played, looped = player.source == "feature", player.loop is not None and player.loop == self._feature_loop_s
        self._feature = self._feature_loop_s = None
        player.set_source("original")
        player.set_feature(None)
        if looped:
            player.set_loop(None)
        if _unit_of(selection) == _unit_of(feature.selection):
            self._returns_to = _unit_of(selection) if played else None
            self._loops_feature = looped
        if played and selection.unit is not None and selection.model is feature.selection.model:
            player.hold(HOLD_S)
        self.changed.emit()

    def set_feature(self, feature: FeatureSound, *, play: bool) -> None:
        """Take the sound of the selected unit; the sound of another selection is ignored.

        Parameters
        ----------
        feature : FeatureSound
        play : bool
            Switch to it and, if nothing is playing, play it from where it is loud, repeatedly.
        """
        player = self.player
        if feature.selection != self._selection():
            return
        returns = self._returns_to == _unit_of(feature.selection)
        follows = self._loops_feature or (self._feature_loop_s is not None and player.loop == self._feature_loop_s)
        self._returns_to, self._loops_feature, self._feature = None, False, feature
        start_s, (loud_s, quiet_s) = feature.window_s[0], loud_part_s(feature.sound)
        loop_s = start_s + loud_s, min(start_s + quiet_s, feature.window_s[1], player.duration_s)
        self._feature_loop_s = loop_s
        self._give_feature()
        if follows or (play and not self._loops_inside(feature.window_s)):
            player.set_loop(loop_s)
        if play or returns:
            player.set_source("feature")
        player.hold(0.0)
        if play:
            if not loop_s[0] <= player.position_s < loop_s[1]:
                player.seek(player.loop[0] if player.loop else loop_s[0])
            player.play()
        self.changed.emit()

    def _loops_inside(self, window_s: tuple[float, float]) -> bool:
        loop = self.player.loop
        return loop is not None and window_s[0] <= loop[0] and loop[1] <= window_s[1]

    @property
    def feature_clip(self) -> Clip | None:
        """The unit's sound as it is played, with matched loudness or at its true level."""
        return self.sound.loudness_matched() if self.sound is not None and self.match_loudness else self.sound

    def _give_feature(self) -> None:
        if self.feature is not None:
            self.player.set_feature(self.feature_clip, self.feature.window_s[0])

    def set_match_loudness(self, match: bool) -> None:
        """Play auralisations as loud as the original, or at their true level."""
        self.match_loudness = match
        self._give_feature()
        self.changed.emit()

    def set_source(self, source: Source) -> None:
        """Switch to the original or the feature without a gap, at the same position."""
        self._returns_to = None
        self.player.hold(0.0)
        self.player.set_source("original" if self.sound is None else source)

    def swap_source(self) -> None:
        """Switch from the original to the feature or back."""
        self.set_source("original" if self.player.source == "feature" else "feature")

    def set_volume(self, volume: float) -> None:
        """Set the volume, 0 (silent) to 1."""
        self.player.set_volume(volume)

    def play_or_pause(self) -> None:
        """Play from the present position, or pause there."""
        if self.player.state == "playing":
            self.player.pause()
        else:
            self.player.play()

    def stop(self) -> None:
        """Stop, and go back to the beginning of the loop or the recording."""
        self.player.stop()
        self.to_start()

    def to_start(self) -> None:
        """Go to the beginning of the loop or the recording."""
        loop = self.player.loop
        self.player.seek(loop[0] if loop is not None else 0.0)
        self.seeked.emit()
        self.changed.emit()

    def seek(self, position_s: float) -> None:
        """Go to another position; a loop that does not contain it ends."""
        loop = self.player.loop
        if loop is not None and not loop[0] <= position_s <= loop[1]:
            self.player.set_loop(None)
        if self.marked_s is not None and not self.marked_s[0] <= position_s <= self.marked_s[1]:
            self.marked_s = None
        self.player.seek(position_s)
        self.seeked.emit()
        self.changed.emit()

    def mark(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat a stretch that the user has marked, or None."""
        self.set_loop(loop_s)
        self.marked_s = self.player.loop

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat a stretch, in seconds, or None."""
        if loop_s is not None:
            first_s, last_s = max(loop_s[0], 0.0), min(loop_s[1], self.player.duration_s)
            loop_s = (first_s, last_s) if first_s < last_s else None
        self.player.set_loop(loop_s)

    def repeat(self, loop_s: tuple[float, float]) -> None:
        """Play a stretch from its beginning, repeatedly."""
        self.mark(loop_s)
        self.to_start()
        if self.player.state != "playing":
            self.player.play()

    def find_device(self) -> None:
        """Find out in the background whether an audio device has been plugged in."""
        self._jobs.start(
            "audio device",
            lambda _job: self.player.look_for_device(),
            key="device",
            done=lambda _: self.changed.emit(),
        )
