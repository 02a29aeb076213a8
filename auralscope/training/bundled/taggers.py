"""The whole of it for our own taggers: render, fit, measure, export."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from auralscope import registry
from auralscope.dsp.melgrams import StandardisedMelgram
from auralscope.errors import TrainingError
from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.nn.loaded import Model
from auralscope.training.bundled import tagger_card
from auralscope.training.bundled.tagged import TaggedCorpus, TaggedImages, plan
from auralscope.training.fit import Settings, areas, dead_units, export, fit, tag_probabilities
from auralscope.training.synthesis.arranger import arrange
from auralscope.training.synthesis.rendered import show_progress
from auralscope.training.synthesis.tags import tags_of, vector
from auralscope.training.windows import FreshWindows, Split

# Windows that training draws from each piece in one epoch.
REPEATS = 1
HELD_OUT: dict[Split, int] = {"validation": 240, "test": 600}


def train(
    model_id: str,
    out: Path,
    *,
    n_pieces: int,
    cache: Path,
    settings: Settings,
    font_folders: Sequence[Path] = (),
    recordings: Path | None = None,
    start_from: Path | None = None,
    command: str,
) -> None:
    """Train a tagger on synthesised music and write `MODEL_ID.safetensors` and `MODEL_ID.md`, its card, into `out`.

    Parameters
    ----------
    model_id : str
        A model of the registry whose labels are `auralscope.nn.architectures.tags.SYNTHESISED_TAGS`.
    out : Path
        A folder; made where it is not there.
    n_pieces : int
        To train on; those it is held against come on top.
    cache : Path
        Rendered sound is kept here, and taken from here.
    settings : Settings
    font_folders : sequence of Path
    recordings : Path, optional
        Real recordings, each named after what plays: the tags of each go into the card.
    start_from : Path, optional
        Weights (safetensors), of which those are taken whose name and shape the network has too.
    command : str
        What was typed, for the card.
    """
    spec = registry.find_spec(model_id)
    front_end = spec.front_end
    if spec.labels != SYNTHESISED_TAGS or not isinstance(front_end, StandardisedMelgram):
        raise TrainingError(f"'{model_id}' is not a tagger of the tagged corpus: its labels or its front end differ.")
    torch.manual_seed(settings.seed)
    network = spec.build()
    # Before anything is rendered: that takes long, and the file may be a wrong one.
    start = _take_over(network, start_from) if start_from is not None else ""
    corpus = TaggedCorpus(plan({"train": n_pieces, **HELD_OUT}), cache, front_end.sample_rate, font_folders)
    corpus.render(show_progress)
    out.mkdir(parents=True, exist_ok=True)
    training = TaggedImages(corpus, "train", front_end, settings.seed)
    validation = TaggedImages(corpus, "validation", front_end)
    best_file = out / f"{spec.id}.best.safetensors"
    fitted = fit(
        network,
        training,
        validation,
        sampler=FreshWindows(len(training), REPEATS, settings.seed),
        settings=settings,
        best_file=best_file,
    )

    # The test set is touched once, here, after the weights are chosen.
    test = TaggedImages(corpus, "test", front_end)
    said, truth = tag_probabilities(network, test)
    over_piece = said.view(-1, test.per_piece, len(SYNTHESISED_TAGS)).mean(dim=1)
    of_piece = torch.stack([torch.from_numpy(vector(tags_of(arrange(item.seed)))) for item in test.items])
    dead = dead_units(network, [layer.module for layer in spec.layers if layer.name.startswith("conv")], test)
    weights_file = out / f"{spec.id}.safetensors"
    export(network, weights_file)
    best_file.unlink()
    heard = {}
    if recordings is not None:
        model = Model(spec, network, torch.device("cpu"))
        heard = {file.stem: tagger_card.instruments(model, file) for file in sorted(recordings.glob("*.ogg"))}
    measured = tagger_card.Measured(
        fitted=fitted,
        auc=areas(over_piece, of_piece).tolist(),
        window_auc=areas(said, truth).tolist(),
        counts=of_piece.sum(dim=0).int().tolist(),
        dead={layer.name: dead[layer.module] for layer in spec.layers if layer.module in dead},
        items=corpus.items,
        recordings=heard,
        start=start,
    )
    tagger_card.write(out / f"{spec.id}.md", spec, weights_file, settings, measured, command)
    sys.stderr.write(f"mean AUC {measured.mean_auc:.3f}; written to {out}\n")


def _take_over(network: nn.Module, file: Path) -> str:
    """Put into `network` what a file has for it; says how much that was."""
    try:
        given = load(file.read_bytes())  # not `load_file`: that says of no file nothing that fits a sentence
    except SafetensorError as failure:
        raise TrainingError(f"{file} holds no weights: {failure}.") from failure
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    taken = {name: value for name, value in given.items() if shapes.get(name) == value.shape}
    if not taken:
        raise TrainingError(f"{file} has no weights of the name and shape of any of this network's.")
    network.load_state_dict(taken, strict=False)
    return f"{len(taken)} of the {len(shapes)} tensors were at first those of `{file.name}`."
