"""Tests of the tagged corpus: its tags agree with the rendered sound and with the network's input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.utils.data import Dataset

from auralscope.dsp.melgrams import StandardisedMelgram
from auralscope.errors import TrainingError
from auralscope.files import sha256
from auralscope.nn.architectures.tags import SYNTHESISED_TAGS
from auralscope.registry import find_spec
from auralscope.training import fit as fitting
from auralscope.training.bundled import taggers
from auralscope.training.bundled.tagged import (
    FONTS,
    SHARED,
    TaggedCorpus,
    TaggedImages,
    TaggedItem,
    augment,
    plan,
    transposed,
)
from auralscope.training.checkpoint import export
from auralscope.training.measure import areas, outputs
from auralscope.training.synthesis.arranger import PIECE_S, arrange
from auralscope.training.synthesis.instruments import FAMILIES, INSTRUMENTS, SECTIONS
from auralscope.training.synthesis.render import TIM
from auralscope.training.synthesis.styles import STYLES
from auralscope.training.synthesis.tags import INSTRUMENT_TAGS, tags_of
from auralscope.training.windows import FreshWindows
from auralscope.weights import file_of

PIECES = [arrange(seed) for seed in range(400)]
FRONT_END = StandardisedMelgram(sample_rate=12_000, n_fft=512, hop=256, window_samples=96_000, n_mels=96)


def test_the_same_seed_gives_the_same_piece() -> None:
    assert arrange(7) == arrange(7)
    assert arrange(7) != arrange(8)


def test_every_tag_holds_of_some_pieces_and_not_of_most() -> None:
    tags = [tags_of(piece) for piece in PIECES]
    counts = np.sum([[tag in each for tag in SYNTHESISED_TAGS] for each in tags], axis=0)
    assert len(SYNTHESISED_TAGS) == len(set(SYNTHESISED_TAGS)) >= 30
    assert counts.min() >= 8
    assert counts.max() <= 0.75 * len(PIECES)


def test_tags_agree_with_the_midi_file() -> None:
    """Read programs, drum channel, tempo and metre from the MIDI file, as a player does."""
    families = {instrument.program: instrument.family for instrument in INSTRUMENTS}
    for piece in PIECES[:120]:
        tags = tags_of(piece)
        midi = piece.score.to_midi()
        messages = [message for track in midi.tracks for message in track]
        played = {message.channel for message in messages if message.type == "note_on"}
        programs = {m.program for m in messages if m.type == "program_change" and m.channel in played - {9}}
        assert tags & set(FAMILIES) <= {families[program] for program in programs}
        assert not tags & {"drums", "percussion"} or 9 in played
        if "solo" in tags:
            assert len(tags & {*FAMILIES, "drums", "percussion"}) == 1
        tempo = 60e6 / next(message.tempo for message in messages if message.type == "set_tempo")
        assert ("slow" in tags) == (tempo < 76) or abs(tempo - 76) < 0.01
        assert ("triple metre" in tags) == any(m.type == "time_signature" and m.numerator == 3 for m in messages)


def test_notes_lie_in_their_instruments_ranges_and_fill_the_piece() -> None:
    ranges: dict[int, tuple[int, int]] = {}
    for i in INSTRUMENTS:
        low, high = ranges.get(i.program, (127, 0))
        ranges[i.program] = min(low, i.low), max(high, i.high)
    for piece in PIECES:
        score = piece.score
        for part in score.parts:
            if not part.drums:
                low, high = ranges[part.program]
                assert all(low <= note.pitch <= high for note in part.notes)
        last = max(note.start_beats + note.duration_beats for part in score.parts for note in part.notes)
        assert last * 60 / score.tempo_bpm > 0.6 * PIECE_S


def test_splits_share_neither_pieces_nor_sound_fonts() -> None:
    items = plan({"train": 50, "validation": 5, "test": 5})
    seeds = {split: {item.seed for item in items if item.split == split} for split in FONTS}
    assert not seeds["train"] & seeds["test"]
    assert not seeds["train"] & seeds["validation"]
    assert not set(FONTS["train"]) & ({*FONTS["validation"]} | {*FONTS["test"]})


def test_no_training_font_plays_samples_of_the_test_font() -> None:
    items = [item for item in plan({"train": 140}) if item.font in SHARED]
    assert len(items) > 20
    for item in items:
        assert not SHARED[item.font] & {part.program for part in arrange(item.seed).score.parts}


def test_an_altered_image_is_still_power() -> None:
    rng = np.random.default_rng(0)
    power = torch.rand(96, 200) ** 4
    for _ in range(40):
        altered = augment(rng, power / power.max(), FRONT_END.hop_s)
        assert altered.shape == power.shape
        assert bool(torch.isfinite(altered).all())
        assert float(altered.min()) >= 0.0


@pytest.mark.parametrize("semitones", [-2.0, -0.7, 0.0, 1.3, 2.0])
def test_a_transposed_image_has_its_frequencies_moved(semitones: float) -> None:
    """The centroid of a single band moves by the given number of semitones."""
    hertz = FRONT_END.frequencies_hz
    power = torch.zeros(96, 10)
    for band in (20, 45, 70):
        power[:] = 0.0
        power[band] = 1.0
        moved = transposed(power, semitones, hertz)[:, 0].numpy()
        found = float((hertz * moved).sum() / moved.sum())
        assert found == pytest.approx(hertz[band] * 2.0 ** (semitones / 12.0), rel=0.02)
    assert float(transposed(torch.ones(96, 3), -2.0, hertz)[-1].max()) == 0.0  # nothing is above


def test_no_tempo_is_near_the_border_of_two_tempo_tags() -> None:
    for piece in PIECES:
        assert all(abs(piece.score.tempo_bpm / border - 1.0) > 0.049 for border in (76.0, 138.0))


def test_a_piece_for_one_instrument_is_solo_without_a_style_and_a_section_is_neither() -> None:
    for piece in PIECES:
        tags = tags_of(piece)
        parts = [part for part in piece.score.parts if part.notes]
        if len(parts) == 1 and not parts[0].drums and _share_of_all(parts[0].notes, piece) > 0.5:
            assert ("solo" in tags) == (parts[0].program not in SECTIONS)
            if "solo" in tags:
                assert not tags & (set(STYLES) - {"ragtime"})
        if len({part.program for part in parts}) >= 4 and "solo" in tags:
            pytest.fail(f"{len(parts)} parts, and solo")


def _share_of_all(notes, piece) -> float:
    lasts = sum(note.duration_beats for note in notes)
    return lasts / (PIECE_S * piece.score.tempo_bpm / 60.0)


def test_images_are_those_of_the_front_end(tmp_path, tim) -> None:
    corpus = TaggedCorpus([TaggedItem("test", seed, TIM) for seed in (3, 4)], tmp_path, FRONT_END.sample_rate)
    corpus.render()
    images = TaggedImages(corpus, "test", FRONT_END)
    assert len(images) == 6
    frames = FRONT_END.input_shape[1]
    for number in range(len(images)):
        image, truth = images[number]
        item, first = corpus.items[number // 3], number % 3 * frames
        samples = corpus.load(item)[first * FRONT_END.hop :]
        seen = FRONT_END.analyse(torch.from_numpy(FRONT_END.window(samples))).image
        assert image.shape == (1, *FRONT_END.input_shape)
        # Held to half a decibel of a range of 80; the edges' frames see over them.
        assert float((image[0] - seen)[:, 2:-2].abs().mean()) < 0.05
        stretch = first * FRONT_END.hop_s, (first + frames) * FRONT_END.hop_s
        assert {tag for tag, holds in zip(SYNTHESISED_TAGS, truth, strict=True) if holds} == tags_of(
            arrange(item.seed), *stretch
        )
    altered, again = (TaggedImages(corpus, "test", FRONT_END, seed=1) for _ in range(2))
    assert torch.equal(altered[0][0], again[0][0])
    assert not torch.equal(altered[0][0], altered[2][0])
    # Of a mixture the instruments are known, and nothing else.
    mixtures = [truth for number in range(40) for _, truth in [altered[number]] if bool(truth.isnan().any())]
    assert 4 <= len(mixtures) <= 30
    for truth in mixtures:
        assert {tag for tag, value in zip(SYNTHESISED_TAGS, truth, strict=True) if not value.isnan()} == set(
            INSTRUMENT_TAGS
        )


def test_a_section_has_the_tags_of_the_parts_that_sound_in_it() -> None:
    """Without the first half of a part, its family is missing there and only there."""
    piece = next(p for p in PIECES if {"piano", "drums"} <= tags_of(p) and tags_of(p, 0, 15) >= {"drums"})
    middle = 15.0 * piece.score.tempo_bpm / 60.0
    parts = tuple(
        replace(part, notes=tuple(note for note in part.notes if note.start_beats >= middle)) if part.drums else part
        for part in piece.score.parts
    )
    cut = replace(piece, score=replace(piece.score, parts=parts))
    assert "drums" not in tags_of(cut, 0.0, 14.0)
    assert "drums" in tags_of(cut, 16.0, 30.0)
    assert tags_of(cut, 16.0, 30.0) == tags_of(piece, 16.0, 30.0)


class Bars(Dataset):
    """Images with a bright row, a bright column, both or neither: two tags that one convolution can detect."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        if number >= 10_000:
            raise IndexError(number)
        generator = torch.Generator().manual_seed(number)
        image = 0.3 * torch.randn(1, 24, 24, generator=generator)
        truth = torch.tensor([number % 2, number // 2 % 2], dtype=torch.float32)
        place = int(torch.randint(24, (1,), generator=generator))
        image[:, place, :] += truth[0]
        image[:, :, place] += truth[1]
        return image, truth


def test_tags_are_fitted_one_by_one_and_their_auc_is_scikit_learns() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 7, padding=3), nn.BatchNorm2d(8), nn.ELU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(),
        nn.Linear(8, 2),
    )  # fmt: skip
    settings = fitting.Settings(
        max_epochs=8, batch=16, learning_rate=1e-2, workers=0, half=False, loss="binary", label_smoothing=0.0
    )
    held = torch.utils.data.Subset(Bars(), range(64))
    fitted = fitting.fit(network, Bars(), held, sampler=FreshWindows(64, 2), settings=settings)
    assert fitted.validation_score > 0.9
    said, truths = outputs(network, held)
    found = areas(said.sigmoid(), truths).tolist()
    images, truth = (torch.stack(part) for part in zip(*(held[number] for number in range(64)), strict=True))
    with torch.no_grad():
        logits = network(images)
    assert found == pytest.approx(roc_auc_score(truth.numpy(), logits.numpy(), average=None).tolist(), abs=1e-6)
    assert np.mean(found) == pytest.approx(fitted.validation_score, abs=1e-6)


def test_a_tag_that_every_window_has_has_no_auc() -> None:
    truth = torch.tensor([[1.0, float(number % 2)] for number in range(6)])
    found = areas(torch.ones(6, 2), truth)
    assert bool(found[0].isnan())
    assert float(found[1]) == 0.5


def test_unknown_tags_give_no_gradient() -> None:
    """A tag that is always NaN does not change its row of weights."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(576, 2, bias=False))
    windows = [(torch.randn(1, 24, 24), torch.tensor([float(number % 2), torch.nan])) for number in range(32)]
    settings = fitting.Settings(
        max_epochs=1, batch=16, workers=0, half=False, loss="binary", label_smoothing=0.0, weight_decay=0.0
    )
    images, truth = (torch.stack(part) for part in zip(*windows, strict=True))
    fitting._Task(network, settings, 2)._loss(network(images), truth, 0.0).backward()
    assert network[1].weight.grad is not None
    assert float(network[1].weight.grad[1].abs().max()) == 0.0
    assert float(network[1].weight.grad[0].abs().max()) > 0.0


def test_weights_of_the_same_name_and_shape_are_taken_over(tmp_path) -> None:
    """The CRNN's four convolutions have the shape of the compact-convnet's; so has the bias of the output layer."""
    compact, crnn = (find_spec(name).build() for name in ("compact-convnet", "crnn"))
    export(compact, tmp_path / "compact.safetensors")
    given, before = compact.state_dict(), {name: value.clone() for name, value in crnn.state_dict().items()}
    said = taggers._take_over(crnn, tmp_path / "compact.safetensors")
    assert said.startswith("29 of the 36 tensors")
    assert "`compact.safetensors`" in said
    for name, value in crnn.state_dict().items():
        wanted = given[name] if name.startswith("block") or name == "output.bias" else before[name]
        assert torch.equal(value, wanted), name
    export(nn.Linear(2, 2), tmp_path / "other.safetensors")
    with pytest.raises(TrainingError, match=r"other\.safetensors has no weights of the name and shape"):
        taggers._take_over(crnn, tmp_path / "other.safetensors")
    (tmp_path / "none.safetensors").write_bytes(b"not weights")
    with pytest.raises(TrainingError, match=r"none\.safetensors holds no weights"):
        taggers._take_over(crnn, tmp_path / "none.safetensors")


@pytest.mark.parametrize("model_id", ["compact-convnet", "crnn"])
def test_the_bundled_taggers_are_of_this_corpus_and_their_cards_of_their_weights(model_id: str) -> None:
    spec = find_spec(model_id)
    assert spec.labels == SYNTHESISED_TAGS
    assert spec.weights.card is not None
    card = spec.weights.card.read_text(encoding="utf-8")
    assert sha256(file_of(spec)) in card
    for tag in SYNTHESISED_TAGS:
        assert f"| {tag} |" in card
