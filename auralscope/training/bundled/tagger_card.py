"""The model card of a tagger: written from what was measured, never by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from auralscope.audio.files import load_clip
from auralscope.files import sha256, write_aside
from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.training.bundled.tagged import FONTS, TaggedItem
from auralscope.training.synthesis.arranger import FAST_BPM, PIECE_S, SLOW_BPM, UNCERTAIN
from auralscope.training.synthesis.styles import STYLES
from auralscope.training.synthesis.tags import (
    AUDIBLE,
    DENSE_PER_S,
    HIGH_PITCH,
    INSTRUMENT_TAGS,
    LOW_PITCH,
    SPARSE_PER_S,
)

if TYPE_CHECKING:
    from auralscope.nn.loaded import Model
    from auralscope.nn.model import ModelSpec
    from auralscope.training.fit import Fitted, Settings


@dataclass(frozen=True)
class Measured:
    """What a training run found out.

    Attributes
    ----------
    fitted : Fitted
    auc, window_auc : sequence of float
        Of each tag over the test set: of pieces, by the mean probability of their windows, and of single windows.
    counts : sequence of int
        How many test pieces have each tag.
    dead : mapping of str to list of int
        For each layer, the units that no test piece makes answer.
    items : sequence of TaggedItem
    recordings : mapping of str to sequence of (str, float)
        For each real recording its instrument tags, the most probable first.
    start : str
        A sentence on the weights that it started from; empty where they were drawn.
    """

    fitted: Fitted
    auc: Sequence[float]
    window_auc: Sequence[float]
    counts: Sequence[int]
    dead: Mapping[str, Sequence[int]]
    items: Sequence[TaggedItem]
    recordings: Mapping[str, Sequence[tuple[str, float]]]
    start: str = ""

    @property
    def mean_auc(self) -> float:
        """Over tags that the test set has, and lacks."""
        return float(np.nanmean(self.auc))


def instruments(model: Model, file: Path) -> list[tuple[str, float]]:
    """The instrument tags of a recording, the most probable first: the mean over its windows."""
    mean = model.predict(load_clip(file)).values.mean(axis=0)
    tags = [(label, float(value)) for label, value in zip(model.labels, mean, strict=True) if label in INSTRUMENT_TAGS]
    return sorted(tags, key=lambda tag: -tag[1])


def write(file: Path, spec: ModelSpec, weights: Path, settings: Settings, measured: Measured, command: str) -> None:
    """Write the card as Markdown, aside and then renamed."""
    write_aside(file, _card(spec, weights.name, sha256(weights), settings, measured, command).encode())


def _card(spec: ModelSpec, name: str, digest: str, settings: Settings, measured: Measured, command: str) -> str:
    fitted = measured.fitted
    bins, frames = spec.front_end.input_shape
    played = Counter((item.split, item.font) for item in measured.items)
    fonts = "\n".join(
        f"| {split} | {played[split, font]} | {font.name} (`{font.package}`) | {font.licence} |"
        for split, members in FONTS.items()
        for font in dict.fromkeys(members)
    )
    tags = "\n".join(
        f"| {tag} | {count} | {auc:.3f} | {window:.3f} |"
        for tag, count, auc, window in zip(
            SYNTHESISED_TAGS, measured.counts, measured.auc, measured.window_auc, strict=True
        )
    )
    dead = "\n".join(
        f"| {layer} | {len(units)} | {', '.join(map(str, units)) or '-'} |" for layer, units in measured.dead.items()
    )
    tempos = "; ".join(f"{style} {STYLES[style].tempo_bpm[0]:g} to {STYLES[style].tempo_bpm[1]:g}" for style in STYLES)
    pieces = Counter(item.split for item in measured.items)
    return f"""# {spec.title}: model card

**The music that this network was trained on was synthesised.** Code composed it and sound fonts played it; no recording
was used. What it says of real recordings is an opinion from afar; see Accuracy and Limits.

## The network
{spec.summary} {len(spec.labels)} tags, each with a probability of its own.
Input: {spec.front_end.describe()}, {bins} bands by {frames} frames.
Architecture: {spec.citation}
Weights: `{name}`, licence {spec.weights.licence}, SHA-256 `{digest}`.

## Data
{len(measured.items)} pieces of {PIECE_S:g} s ({pieces["train"]} to train on, {pieces["validation"]} for validation,
{pieces["test"]} to test), composed by `auralscope.training.synthesis.arranger` and rendered with FluidSynth.
{len(STYLES)} styles, in beats per minute: {tempos}.
A style proposes who plays what; chance hands parts to other instruments, lets one instrument play alone or one family
play everything, so that no tag gives another away. Every tag is read off the score, of a window as of a piece:
an instrument counts where it
plays for at least {AUDIBLE:.0%} of it; slow is below {SLOW_BPM:g} bpm, fast above {FAST_BPM:g}, and no tempo is closer
than {UNCERTAIN:.0%} to either; solo is one player, ensemble four or more (a section counts as two);
sparse is fewer than {SPARSE_PER_S:g} notes a second, dense more than {DENSE_PER_S:g}; low and high register
are a mean pitch below MIDI {LOW_PITCH:g} and above {HIGH_PITCH:g}; minor includes Dorian. Who plays alone has no
style, but for ragtime.

Pieces and sound fonts are kept apart: none of a split's is in another. Sound fonts borrow from each other, though, so
each program's notes and each drum's were correlated (`python -m auralscope.training.bundled font-samples`). Of the
test's none correlates by more than 0.93 with those trained on, but for a bongo and a triangle: pieces with the four
programs that it has in common with MuseScore's were never given to that one. Validation's, which only chooses the
epoch, shares most of its samples with `sf_GMbank`, and some with `A320U`.

| split | pieces | sound font (Debian package) | licence of the sound font |
|---|---|---|---|
{fonts}

While training, each window is cut anew from anywhere in a piece and altered: tempo (up to 8 %), tuning (up to two
semitones), equalisation, reverberation, noise, dynamics; of three in ten a second one is mixed in, and the instruments
alone are taught.

## Procedure
`{command}`

{measured.start + " " if measured.start else ""}Binary cross-entropy, AdamW, learning rate
{settings.learning_rate:g} with warm-up and cosine decay, weight decay
{settings.weight_decay:g}, batch {settings.batch}, seed {settings.seed}. The weights are those of the epoch with the
highest mean AUC over the validation set, {fitted.validation_score:.3f}
({fitted.best_epoch} of {fitted.epochs}; {fitted.seconds / 60:.0f} minutes).

## Accuracy
Mean AUC over the tags, {pieces["test"]} test pieces: **{measured.mean_auc:.3f}**.
A piece's probability is the mean of its windows'; of single windows the mean AUC is
{float(np.nanmean(measured.window_auc)):.3f}.

| tag | test pieces | AUC | AUC of single windows |
|---|---|---|---|
{tags}

{_recordings(measured)}
## Units that never answer
Over the test pieces:

| layer | dead units | which |
|---|---|---|
{dead}

## Limits
- Tags mean what the code above makes of them: "jazz" is swung ride cymbals and seventh chords, not the music of a
  century. There is no singing with words, no rapping, no recorded noise and no silence in the training data: silence
  is 'solo' and 'sparse'.
- The AUC is that of pieces by the same composer's code. Of recordings it says little.
- Minor is the tag that the network knows least; see the table.
- Made to be looked into, for teaching and research on what convnets learn; not made to sort a music library.
"""


def _recordings(measured: Measured) -> str:
    if not measured.recordings:
        return ""
    rows = "\n".join(
        f"| {name} | {', '.join(f'{tag} {value:.2f}' for tag, value in tags[:3])} |"
        for name, tags in measured.recordings.items()
    )
    return f"""### Real recordings
Looked at once, after training; nothing was tuned on them. The three instrument tags with the highest mean probability:

| recording | tags |
|---|---|
{rows}
"""
