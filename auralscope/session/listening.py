"""The transport: play the recording or a unit's auralisation, with loop, volume and audio device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from auralscope.audio.playback import Player

if TYPE_CHECKING:
    from auralscope.audio.mixer import Source
    from auralscope.dsp.inversion import Render
    from auralscope.nn.excerpts import Rate
    from auralscope.session.jobs import Deliver, Jobs
    from auralscope.types import Auralisation, Clip


class Listening:
    """The transport's state. Call it on the owner's thread; its signal is emitted there.

    Attributes
    ----------
    player : Player
        Holds state, position, source, loop and volume.
    sound : Auralisation or None
        Sound of the unit that was chosen last.
    title : str
        Name of that unit, such as `3-38`.
    render : {"mask", "phase"}
    rate : {"recording", "model"}
        All channels at the recording's rate, or mono at the model's.
    match_loudness : bool
        Whether the auralisation is played as loud as the original, not at its true level.
    """

    changed = Signal()
    """An attribute or the player's state has changed, except the position."""
    seeked = Signal()
    """The user has moved the position."""

    def __init__(self, jobs: Jobs, deliver: Deliver) -> None:
        self._jobs = jobs
        self.player = Player(lambda: deliver(self.changed.emit))
        self.sound: Auralisation | None = None
        self.title = ""
        self.render: Render = "mask"
        self.rate: Rate = "recording"
        self.match_loudness = True
        self._window_s: tuple[float, float] | None = None

    def close(self) -> None:
        """Release the audio device."""
        self.player.close()

    def set_recording(self, clip: Clip) -> None:
        """Take another recording: the original from its start, without a loop. Playback goes on with it."""
        playing = self.player.state == "playing"
        self.sound = None
        self.title = ""
        self._window_s = None
        self.player.load(clip)
        self.player.set_source("original")
        if playing:
            self.player.play()

    def set_feature(self, sound: Auralisation, title: str, window_s: tuple[float, float], play: bool) -> None:
        """Take a unit's sound.

        Parameters
        ----------
        sound : Auralisation
        title : str
            The unit's name.
        window_s : (float, float)
            Start and end of the sound in the recording, in seconds.
        hear : bool
            Switch to it and, if nothing is playing, play it, repeating the window.
        """
        player = self.player
        follows = self._window_s is not None and player.loop == self._window_s
        self.sound, self.title = sound, title
        self._window_s = (window_s[0], min(window_s[1], player.duration_s))
        self._give_feature()
        if follows or (play and not self._loops_inside(self._window_s)):
            player.set_loop(self._window_s)
        if play:
            player.set_source("feature")
            if not self._window_s[0] <= player.position_s < self._window_s[1]:
                player.seek(player.loop[0] if player.loop else self._window_s[0])
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
        if self._window_s is not None:
            self.player.set_feature(self.feature_clip, self._window_s[0])

    def set_render(self, render: Render) -> None:
        """Choose how images become sound, from the next image on."""
        self.render = render
        self.changed.emit()

    def set_rate(self, rate: Rate) -> None:
        """Choose the recording's rate and channels or the model's, from the next auralisation on."""
        self.rate = rate
        self.changed.emit()

    def set_match_loudness(self, match: bool) -> None:
        """Play auralisations as loud as the original, or at their true level."""
        self.match_loudness = match
        self._give_feature()
        self.changed.emit()

    def set_source(self, source: Source) -> None:
        """Switch to the original or the feature without a gap, at the same position."""
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
        self.player.seek(position_s)
        self.seeked.emit()
        self.changed.emit()

    def set_loop(self, loop_s: tuple[float, float] | None) -> None:
        """Repeat a stretch, in seconds, or None."""
        if loop_s is not None:
            first_s, last_s = max(loop_s[0], 0.0), min(loop_s[1], self.player.duration_s)
            loop_s = (first_s, last_s) if first_s < last_s else None
        self.player.set_loop(loop_s)

    def repeat(self, loop_s: tuple[float, float]) -> None:
        """Play a stretch from its beginning, repeatedly."""
        self.set_loop(loop_s)
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
