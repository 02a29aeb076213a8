"""Train our own taggers: compose, render, fit, measure, export."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import nn

from auralscope.audio.files import load_clip
from auralscope.dsp.melgrams import StandardisedMelgram
from auralscope.errors import TrainingError
from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.nn.loaded import Model
from auralscope.training.bundled.tagged import TaggedCorpus, TaggedImages, plan
from auralscope.training.card import write_card
from auralscope.training.measure import areas, dead_units, outputs
from auralscope.training.synthesis import arranger, tags
from auralscope.training.synthesis.styles import STYLES

if TYPE_CHECKING:
    from auralscope.training.bundled.steps import Training
    from auralscope.training.windows import Split

REPEATS = 1
"""Windows of each piece in an epoch."""

HELD_OUT: dict[Split, int] = {"validation": 240, "test": 600}


def train(training: Training, *, recordings: Path | None = None) -> str:
    """Train a tagger on synthesised music and write `MODEL_ID.safetensors` and `MODEL_ID.md`, its card.

    Parameters
    ----------
    training : Training
        Of a model whose labels are `auralscope.nn.architectures.tags.SYNTHESISED_TAGS`. Its pieces are those of the
        training set; those of validation and test are added. Of the weights to continue from, those with the name and
        shape of a tensor of the network are taken.
    recordings : Path, optional
        Folder of real recordings (.ogg), named after their instruments; the card lists the tags of each.

    Returns
    -------
    str
        The mean AUC, in a sentence.
    """
    spec, front_end, settings = training.spec, training.spec.front_end, training.settings
    if spec.labels != SYNTHESISED_TAGS or not isinstance(front_end, StandardisedMelgram):
        raise TrainingError(f"'{spec.id}' is not a tagger of the tagged corpus: its labels or its front end differ.")
    torch.manual_seed(settings.seed)
    network = spec.build()
    # Before the rendering, which takes long: the file may be a wrong one.
    start = _take_over(network, training.start_from) if training.start_from is not None else ""
    items = plan({"train": training.n_pieces, **HELD_OUT})
    corpus = TaggedCorpus(items, training.cache, front_end.sample_rate, training.font_folders)
    training.render(corpus)
    images = TaggedImages(corpus, "train", front_end, settings.seed)
    fitted, weights = training.fit(network, images, TaggedImages(corpus, "validation", front_end), REPEATS)

    # The test set is used once, here, after the weights are chosen.
    test = TaggedImages(corpus, "test", front_end)
    logits, truth = outputs(network, test)
    over_windows = logits.sigmoid().view(-1, test.per_piece, len(SYNTHESISED_TAGS)).mean(dim=1)
    of_pieces = torch.stack([torch.from_numpy(tags.vector(tags.tags_of(piece))) for piece in test.pieces])
    auc, window_auc = areas(over_windows, of_pieces).tolist(), areas(logits, truth).tolist()
    mean_auc = float(np.nanmean(auc))
    dead = dead_units(network, [layer.module for layer in spec.layers if layer.name.startswith("conv")], test)
    model = Model(spec, network, torch.device("cpu"))
    files = sorted(recordings.glob("*.ogg")) if recordings is not None else []
    write_card(
        training.out / f"{spec.id}.md",
        Path(__file__).parent / "templates" / "tagger.md.j2",
        spec=spec,
        weights=weights,
        settings=settings,
        fitted=fitted,
        command=training.command,
        items=corpus.items,
        pieces=Counter(item.split for item in corpus.items),
        played=Counter((item.split, item.font) for item in corpus.items),
        styles=STYLES,
        arranger=arranger,
        tags=tags,
        start=start,
        auc=auc,
        mean_auc=mean_auc,
        window_auc=window_auc,
        mean_window_auc=float(np.nanmean(window_auc)),
        counts=of_pieces.sum(dim=0).int().tolist(),
        dead={layer.name: dead[layer.module] for layer in spec.layers if layer.module in dead},
        recordings={file.stem: _instruments(model, file) for file in files},
    )
    return f"mean AUC {mean_auc:.3f}"


def _instruments(model: Model, file: Path) -> list[tuple[str, float]]:
    """Return the instrument tags of a recording with their mean over its windows, the most probable first."""
    mean = model.predict(load_clip(file)).values.mean(axis=0)
    found = [(label, float(value)) for label, value in zip(model.labels, mean, strict=True)]
    return sorted((tag for tag in found if tag[0] in tags.INSTRUMENT_TAGS), key=lambda tag: -tag[1])


def _take_over(network: nn.Module, file: Path) -> str:
    """Load the tensors of a file that fit into `network`, and return a sentence that counts them."""
    try:
        given = load(file.read_bytes())  # not `load_file`, whose error for a missing file is not a sentence
    except SafetensorError as failure:
        raise TrainingError(f"{file} holds no weights: {failure}.") from failure
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    taken = {name: value for name, value in given.items() if shapes.get(name) == value.shape}
    if not taken:
        raise TrainingError(f"{file} has no weights of the name and shape of any of this network's.")
    network.load_state_dict(taken, strict=False)
    return f"{len(taken)} of the {len(shapes)} tensors were initialised with those of `{file.name}`."
