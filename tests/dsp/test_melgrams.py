"""Tests of the front ends of the published taggers, against librosa and plain sums."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from auralscope.dsp.inversion import invert
from auralscope.dsp.melgrams import RelativeMelgram, SquaredMelgram, StandardisedMelgram
from auralscope.types import Clip

RATE = 12_000
STANDARDISED = StandardisedMelgram(RATE, n_fft=512, hop=256, window_samples=29 * RATE, n_mels=96)
RELATIVE = RelativeMelgram(RATE, n_fft=512, hop=256, window_samples=29 * RATE, n_mels=96)
SQUARED = SquaredMelgram(RATE, n_fft=512, hop=256, window_samples=349_440, n_mels=96)
EACH = pytest.mark.parametrize(
    "front_end", [RELATIVE, STANDARDISED, SQUARED], ids=["relative", "standardised", "squared"]
)


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_images_are_as_large_as_the_published_networks_say() -> None:
    assert STANDARDISED.input_shape == (96, 1360)  # 29 s; Choi 2018, sec. 2.4
    assert SQUARED.input_shape == (96, 1366)  # 29.12 s; Choi et al. 2017
    assert SQUARED.window_s == pytest.approx(29.12)


def test_relative_melgrams_equal_kapres_layers() -> None:
    samples = noise(29 * RATE).numpy()
    padded = np.pad(samples, (208, 208))  # 'same': 1360 frames of 512, 256 apart, over 348,000 samples
    t, k = np.arange(512), np.arange(257)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * t / 512)
    frames = np.stack([padded[256 * f : 256 * f + 512] for f in range(1360)], axis=1) * window[:, None]
    angles = 2 * np.pi * np.outer(k, t) / 512
    power = (np.cos(angles) @ frames) ** 2 + (np.sin(angles) @ frames) ** 2
    bands = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=96, dtype=np.float64) @ power
    level_db = 10 * np.log10(np.maximum(bands, 1e-10))
    level_db = np.maximum(level_db - level_db.max(), -80)
    np.testing.assert_allclose(RELATIVE.analyse(torch.from_numpy(samples)).image.numpy(), level_db, atol=1e-8)
    expected = (level_db - level_db.mean()) / level_db.std()
    np.testing.assert_allclose(STANDARDISED.analyse(torch.from_numpy(samples)).image.numpy(), expected, atol=1e-8)


def test_squared_melgrams_equal_librosa() -> None:
    samples = noise(349_440).numpy()
    mel = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect", dtype=np.float64
    )
    expected = librosa.power_to_db(mel**2, ref=1.0, amin=1e-10, top_db=80.0)
    image = SQUARED.analyse(torch.from_numpy(samples)).image.numpy()
    np.testing.assert_allclose(image[:, :-1], expected[:, :-1], atol=1e-8)
    np.testing.assert_allclose(
        image[:, -1], expected[:, -1], atol=2e-3
    )  # librosa makes the last one in single precision


def test_the_published_images_come_from_their_recordings(shared) -> None:
    """The authors' decoder kept 140 more samples at the start of the MP3. Aligned, only the decoders differ."""
    import auralscope as asc

    for name in ("cute", "thejazzpiano"):
        published = np.load(shared / "reference" / "crnn" / f"bensound-{name}.npy")[0, 0]
        mono = SQUARED.mono(asc.load_clip(shared / "reference" / "crnn" / f"bensound-{name}.mp3"))
        first = (mono.size - SQUARED.window_samples) // 2 + 140
        image = SQUARED.analyse(torch.from_numpy(mono[first : first + SQUARED.window_samples])).image.numpy()
        assert np.abs(image - published).mean() < 0.1  # of a range of 80 dB


def test_the_squared_one_keeps_levels_and_the_standardised_one_does_not() -> None:
    samples = noise(29 * RATE)
    one, other = STANDARDISED.analyse(samples).image, STANDARDISED.analyse(0.1 * samples).image
    torch.testing.assert_close(one, other, atol=1e-9, rtol=0)
    assert float(one.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(one.std(correction=0)) == pytest.approx(1.0, abs=1e-9)
    samples = noise(349_440)
    difference = SQUARED.analyse(samples).image - SQUARED.analyse(0.1 * samples).image
    # A tenth of the amplitude is 20 dB, of the squared power 40; where nothing meets the floor.
    assert float(difference.median()) == pytest.approx(40.0, abs=1e-6)


@EACH
def test_silence_is_flat(front_end) -> None:
    image = front_end.analyse(torch.zeros(front_end.window_samples)).image
    assert image.shape == front_end.input_shape
    assert float(image.max()) == float(image.min())
    assert bool(image.isfinite().all())


@EACH
@pytest.mark.parametrize("n_samples", [None, 40_000, 700])
def test_there_and_back_is_the_same(front_end, n_samples) -> None:
    samples = noise(n_samples or front_end.window_samples)
    analysed = front_end.analyse(samples)
    back = front_end.to_samples(analysed.stft, analysed.n_samples)
    reached = 256 * (analysed.stft.shape[1] - 1) + 256  # what lies under no frame cannot come back
    assert back.shape == samples.shape
    torch.testing.assert_close(back[:reached], samples[:reached], atol=1e-12, rtol=0)


@EACH
def test_an_image_of_ones_gives_every_covered_band_back(front_end) -> None:
    samples = noise(front_end.window_samples)
    analysed = front_end.analyse(samples)
    sound = invert(torch.ones(front_end.input_shape, dtype=torch.float64), analysed, front_end).samples
    before, after = (
        librosa.feature.melspectrogram(y=x.numpy(), sr=RATE, n_fft=512, hop_length=256, n_mels=96)
        for x in (samples, sound)
    )
    level_db = 10 * np.log10(after.mean(axis=1) / before.mean(axis=1))
    assert np.abs(level_db).max() < 0.5


@EACH
def test_a_longer_stretch_begins_with_the_same_frames(front_end) -> None:
    long = noise(front_end.window_samples + 100_000)
    image_stft = front_end.analyse(long[: front_end.window_samples]).stft
    torch.testing.assert_close(front_end.analyse(long).stft[:, :1300], image_stft[:, :1300])


def test_a_short_clip_is_repeated_or_followed_by_silence() -> None:
    """Padding with silence would change the input; the authors repeated short clips."""
    mono = np.arange(1, 100_001, dtype=np.float32)
    repeated = STANDARDISED.window(mono)
    np.testing.assert_array_equal(repeated[:300_000], np.tile(mono, 3))
    np.testing.assert_array_equal(repeated[300_000:], mono[:48_000])
    np.testing.assert_array_equal(STANDARDISED.window(mono, start_s=4.0)[:104_000], np.tile(mono[48_000:], 2))
    assert not STANDARDISED.window(mono[:0]).any()
    followed = SQUARED.window(mono)
    assert not followed[100_000:].any()


@EACH
def test_loud_music_stays_within_the_range_of_the_colour_map(front_end, shared) -> None:
    import auralscope as asc

    low, high = front_end.value_range
    for name in ("drum_and_bass", "string_orchestra", "speech"):
        mono = front_end.mono(asc.load_clip(shared / "audio" / f"{name}.ogg"))
        image = front_end.analyse(torch.from_numpy(front_end.window(mono / np.abs(mono).max()))).image
        assert low <= float(image.min())
        assert float(image.max()) <= high


def test_a_front_end_needs_mono() -> None:
    with pytest.raises(ValueError, match="mono"):
        STANDARDISED.analyse(torch.zeros(2, 1000))
    assert STANDARDISED.mono(Clip(np.zeros((2, 44_100)), 44_100)).shape == (RATE,)
