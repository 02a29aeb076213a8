"""The model card: written from what was measured, never by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auralscope.files import sha256, write_aside
from auralscope.training.bundled.corpus import SPLIT_FONTS, Item
from auralscope.training.synthesis.composer import PIECE_S, TEMPO_BPM
from auralscope.weights import file_of

if TYPE_CHECKING:
    from auralscope.nn.model import ModelSpec
    from auralscope.training.fit import Fitted, Settings


@dataclass(frozen=True)
class Measured:
    """What a training run found out.

    Attributes
    ----------
    fitted : Fitted
    confusion, confusion_augmented : sequence of sequence of int
        Windows of the test set, as rendered and augmented as in training; rows are true, columns are said.
    dead : mapping of str to list of int
        For each layer, the units that no test window makes answer.
    items : sequence of Item
        The corpus.
    materials : int
        How many songs from elsewhere were arranged.
    """

    fitted: Fitted
    confusion: Sequence[Sequence[int]]
    confusion_augmented: Sequence[Sequence[int]]
    dead: Mapping[str, Sequence[int]]
    items: Sequence[Item]
    materials: int


def accuracy(confusion: Sequence[Sequence[int]]) -> float:
    """The share on the diagonal."""
    return sum(row[place] for place, row in enumerate(confusion)) / max(sum(map(sum, confusion)), 1)


def write_card(
    file: Path, spec: ModelSpec, weights: Path, settings: Settings, measured: Measured, command: str
) -> None:
    """Write the card as Markdown, aside and then renamed."""
    write_aside(file, _card(spec, sha256(weights), settings, measured, command).encode())


def _card(spec: ModelSpec, digest: str, settings: Settings, measured: Measured, command: str) -> str:
    fitted = measured.fitted
    bins, frames = spec.front_end.input_shape
    played = Counter((item.split, item.font) for item in measured.items)
    fonts = "\n".join(
        f"| {split} | {played[split, font]} | {font.name} (`{font.package}`) | {font.licence} |"
        for split, members in SPLIT_FONTS.items()
        for font in members
    )
    tempos = ", ".join(f"{genre} {low:g} to {high:g}" for genre, (low, high) in TEMPO_BPM.items())
    songs = (
        f"In half of the pieces the chords and tune come from {measured.materials} songs of POP909 "
        "(Wang et al. 2020, MIT licence), arranged by the same code; the rest are invented."
        if measured.materials
        else "Chords, tunes, bass lines and drum patterns are all invented by the code."
    )
    dead = "\n".join(
        f"| {layer} | {len(units)} | {', '.join(map(str, units)) or '-'} |" for layer, units in measured.dead.items()
    )
    windows = sum(map(sum, measured.confusion))
    return f"""# {spec.title}: model card

**The music that this network was trained and tested on was synthesised.** Code composed it and sound fonts played it.
No recording was used. What it says of real recordings is an opinion from afar; see Limits.

## The network
{spec.summary} Labels: {", ".join(spec.labels)}. Input: {spec.front_end.describe()}, {bins} bins by {frames} frames.
Source of the architecture: K. Choi, *Deep Neural Networks for Music Tagging*, PhD thesis, Queen Mary University of
London, 2018, sec. 7.2.4 (there trained on recordings of the same three genres).
Weights: `{file_of(spec).name}`, licence {spec.weights.licence}, SHA-256 `{digest}`.

## Data
{len(measured.items)} pieces of {PIECE_S:g} s, as many of each genre. {songs} Tempo in beats per minute: {tempos}.
Instruments, textures, swing, form, mix, reverb and chorus are drawn at random for each piece; many instruments
(piano, strings, choir, brass, guitars) are shared by all genres, so that none gives a genre away. Rendered with
FluidSynth. Pieces are kept apart: none of a split's is in another. So are sound fonts by name, but not by sample:
TimGM6mb (test) shares most of its samples with sf_GMbank (training): their renderings of one score correlate by 0.56 to
0.98, those of FluidR3 with either by less than 0.2. Of OPL-3_FM_128M (validation) nothing was trained on.

| split | pieces | sound font (Debian package) | licence of the sound font |
|---|---|---|---|
{fonts}

While training, each window is cut anew from anywhere in a piece and altered: speed and key (up to 6 %), equalisation,
room, limiting, noise, level (25 dB range).

## Procedure
`{command}`

He initialisation, each unit then standardised over a batch of training windows; AdamW, learning rate
{settings.learning_rate:g} with warm-up and cosine decay, weight decay {settings.weight_decay:g},
batch {settings.batch}, label smoothing {settings.label_smoothing:g}, dropout 0.5 before each dense layer,
seed {settings.seed}. The weights are those of the epoch with the lowest validation loss
({fitted.best_epoch} of {fitted.epochs}; {fitted.seconds / 60:.0f} minutes).
Validation accuracy, on pieces and samples never trained on: **{fitted.validation_score:.1%}**.

## Accuracy
{windows} four-second windows of the test set (pieces never trained on, samples partly):
**{accuracy(measured.confusion):.1%}**.

{_table(spec.labels, measured.confusion)}

The same pieces altered as in training (random cut, speed, equalisation, room, limiting, noise, level):
**{accuracy(measured.confusion_augmented):.1%}**.

{_table(spec.labels, measured.confusion_augmented)}

## Units that never answer
Over the test windows:

| layer | dead units | which |
|---|---|---|
{dead}

## Limits
- Three genres as this project's code composes them. Real ballads, dance music and hip-hop are far more varied; there is
  no singing voice and no rapping in the training data, only instruments in their place.
- Anything else (an orchestra, speech, jazz) is given to one of the three all the same, often with confidence.
- The accuracy above is that of windows from the same composer's code. It says nothing of recordings.
- Made to be looked into, for teaching and research on what convnets learn; not made to sort a music library.
"""


def _table(labels: Sequence[str], confusion: Sequence[Sequence[int]]) -> str:
    head = "| is \\ said | " + " | ".join(labels) + " | recall |\n" + "|---" * (len(labels) + 2) + "|\n"
    rows = (
        f"| {label} | " + " | ".join(map(str, row)) + f" | {row[place] / max(sum(row), 1):.1%} |"
        for place, (label, row) in enumerate(zip(labels, confusion, strict=True))
    )
    return head + "\n".join(rows)
