"""Render notes as sound with the program `fluidsynth` and General MIDI sound fonts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from auralscope.errors import TrainingError
from auralscope.types import Clip

if TYPE_CHECKING:
    from auralscope.training.synthesis.score import Score

FONT_FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/sounds/sf3"),
    Path("/usr/share/soundfonts"),
    Path("/usr/share/minuet/soundfonts"),
)
FLUIDSYNTH_LIMIT_S = 300


@dataclass(frozen=True)
class SoundFont:
    """General MIDI sound font in a Debian package.

    Attributes
    ----------
    file_name : str
    package : str
        The Debian package.
    licence : str
    """

    file_name: str
    package: str
    licence: str

    @property
    def name(self) -> str:
        return Path(self.file_name).stem


FLUID_R3 = SoundFont("FluidR3_GM.sf2", "fluid-soundfont-gm", "MIT (Frank Wen)")
MUSESCORE = SoundFont(
    "MuseScore_General.sf3",
    "musescore-general-soundfont",
    "MIT, parts public domain or CC0 (S. Christian Collins and others)",
)
MUSESCORE_FULL = SoundFont("MuseScore_General_Full.sf2", "musescore-general-soundfont-lossless", MUSESCORE.licence)
GENERAL_USER = SoundFont("GeneralUser-v1.47.sf2", "minuet-data", "GeneralUser GS licence 2.0 (S. Christian Collins)")
A320U = SoundFont("A320U.sf2", "denemo-data", "GPL-2 (Milton Paredes)")
CSOUND = SoundFont("sf_GMbank.sf2", "csound-soundfont", "public domain")
OPL3 = SoundFont("OPL-3_FM_128M.sf2", "opl3-soundfont", "CC-BY-SA-4.0 (Zandro Reveille)")
TIM = SoundFont("TimGM6mb.sf2", "timgm6mb-soundfont", "GPL-2 (Tim Brechbill, David Bolton)")


@dataclass(frozen=True)
class Room:
    """Reverb, chorus and output gain of FluidSynth.

    Attributes
    ----------
    size, level, damp : float
        0 to 1. Level 0 is a dry room.
    chorus : float
        Level, 0 to 10.
    gain : float
        Linear.
    """

    size: float = 0.4
    level: float = 0.3
    damp: float = 0.3
    chorus: float = 0.0
    gain: float = 0.3


def find_fluidsynth() -> str:
    """Return the path of the program, or raise an error that says how to install it."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise TrainingError("The program fluidsynth is not installed; install it (Debian: apt-get install fluidsynth).")
    return program


def find_font(font: SoundFont, folders: Sequence[Path] = ()) -> Path:
    """Find the file of a sound font in `folders` and in the folders of Debian."""
    places = [*folders, *FONT_FOLDERS]
    for folder in places:
        if (folder / font.file_name).is_file():
            return folder / font.file_name
    raise TrainingError(
        f"The sound font {font.file_name} is not in {', '.join(str(place) for place in places)}; "
        f"install it (Debian: apt-get install {font.package}) or name its folder with --sound-fonts."
    )


def render(score: Score, font: Path, *, room: Room | None = None, sample_rate: int = 44_100) -> Clip:
    """Render a score as sound.

    Parameters
    ----------
    score : Score
    font : Path
    room : Room, optional
    sample_rate : int
        In Hz.

    Returns
    -------
    Clip
        Stereo. It ends when the last note has decayed.
    """
    program = find_fluidsynth()
    room = room or Room()
    with tempfile.TemporaryDirectory(prefix="auralscope-") as folder:
        midi, wav = Path(folder) / "score.mid", Path(folder) / "score.wav"
        score.to_midi().save(midi)
        options = {
            "synth.gain": room.gain,
            "synth.reverb.active": int(room.level > 0),
            "synth.reverb.level": room.level,
            "synth.reverb.room-size": room.size,
            "synth.reverb.damp": room.damp,
            "synth.chorus.active": int(room.chorus > 0),
            "synth.chorus.level": room.chorus,
            "synth.dynamic-sample-loading": 1,
            "synth.sample-rate": sample_rate,
            "audio.file.format": "float",
            "audio.file.type": "wav",
        }
        settings = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        done = subprocess.run(
            [program, "-n", "-i", "-q", *settings, "-F", str(wav), str(font), str(midi)],
            capture_output=True,
            text=True,
            timeout=FLUIDSYNTH_LIMIT_S,
            check=False,
        )
        # FluidSynth exits with 0 and plays its default sound font if it cannot read the given one.
        if done.returncode != 0 or "Failed to load" in done.stderr or not wav.is_file():
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise TrainingError(f"fluidsynth could not play the sound font {font}; its message: {said}")
        samples, rate = soundfile.read(wav, dtype="float32", always_2d=True)
    return Clip(samples.T, rate)
