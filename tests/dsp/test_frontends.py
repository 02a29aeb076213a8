"""Tests of front ends and of the inversion to sound, against librosa and closed forms."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.inversion import FullRate, Rendered, invert, matching_gain_db
from auralscope.dsp.inversion import invert_at_full_rate as invert_recorded
from auralscope.types import Clip

RATE = 11_025
STFT = SpectrogramFrontEnd(RATE, n_fft=512, hop=256, window_samples=4 * RATE)
MEL = SpectrogramFrontEnd(RATE, n_fft=512, hop=256, window_samples=4 * RATE, n_mels=96)


def noise(seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(4 * RATE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_window_of_the_thesis_is_257_by_173() -> None:
    # Choi 2018, sec. 7.2.4: four seconds at 11,025 Hz, FFT 512, hop 256.
    assert STFT.input_shape == (257, 173)
    assert STFT.analyse(noise()).image.shape == (257, 173)
    assert STFT.window_s == 4.0


@pytest.mark.parametrize("front_end", [STFT, MEL], ids=["stft", "mel"])
def test_magnitudes_are_librosas(front_end: SpectrogramFrontEnd) -> None:
    samples = noise()
    stft = librosa.stft(samples.numpy(), n_fft=512, hop_length=256, pad_mode="constant")
    np.testing.assert_allclose(front_end.analyse(samples).stft.numpy(), stft, atol=1e-10)
    amplitude = np.abs(stft) * 4 / 512
    if front_end.n_mels:
        bank = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=96, dtype=np.float64)
        amplitude = bank @ amplitude
        # Of the centres that librosa computes, those of the bands, without the two outer edges.
        np.testing.assert_allclose(front_end.frequencies_hz, librosa.mel_frequencies(98, fmax=RATE / 2)[1:-1])
    expected = np.log1p(1000 * amplitude) / np.log1p(1000)
    np.testing.assert_allclose(front_end.analyse(samples).image.numpy(), expected, atol=1e-12)


def test_a_full_scale_sine_reads_one_and_silence_zero() -> None:
    hz = 40 * RATE / 512  # on a bin
    sine = torch.sin(2 * np.pi * hz * torch.arange(4 * RATE, dtype=torch.float64) / RATE)
    image = STFT.analyse(sine).image
    assert float(image.max()) == pytest.approx(1.0, abs=1e-6)
    assert int(image[:, 80].argmax()) == 40
    assert STFT.frequencies_hz[40] == pytest.approx(hz)
    assert float(STFT.analyse(torch.zeros(4 * RATE)).image.abs().max()) == 0.0


def test_decibels_have_a_floor() -> None:
    front_end = SpectrogramFrontEnd(RATE, 512, 256, 4 * RATE, compression="db")
    assert float(front_end.analyse(torch.zeros(4 * RATE)).image.max()) == pytest.approx(0.0, abs=1e-4)
    sine = torch.sin(2 * np.pi * 40 * RATE / 512 * torch.arange(4 * RATE) / RATE)
    assert float(front_end.analyse(0.1 * sine).image.max()) == pytest.approx(60.0, abs=0.01)


def test_there_and_back_is_the_same() -> None:
    samples = noise()
    analysed = STFT.analyse(samples)
    assert float((STFT.to_samples(analysed.stft, analysed.n_samples) - samples).abs().max()) < 1e-12


def test_a_window_past_the_end_is_followed_by_silence() -> None:
    mono = np.ones(RATE, dtype=np.float32)
    window = STFT.window(mono, 0.5)
    assert window.shape == (4 * RATE,)
    assert window[: RATE // 2].all()
    assert not window[RATE // 2 + 1 :].any()


def test_another_rate_and_two_channels_become_mono_at_the_models_rate() -> None:
    t = np.arange(44_100) / 44_100
    left, right = np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 660 * t)
    mono = STFT.mono(Clip(np.stack([left, right]), 44_100))
    expected = 0.5 * (
        np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) + np.sin(2 * np.pi * 660 * np.arange(RATE) / RATE)
    )
    np.testing.assert_allclose(mono[500:-500], expected[500:-500], atol=1e-3)


# -- back to sound ------------------------------------------------------------------------------------------------


def test_a_mask_of_ones_gives_the_original() -> None:
    samples = noise()
    analysed = STFT.analyse(samples)
    sound = invert(torch.full((257, 173), 3.0, dtype=torch.float64), analysed, STFT)
    assert float((sound.samples - samples).abs().max()) < 1e-12
    assert sound.negative_share == 0.0


def test_a_mel_mask_of_ones_gives_the_original_where_the_bank_covers_it() -> None:
    samples = noise()
    analysed = MEL.analyse(samples)
    sound = invert(torch.ones(96, 173, dtype=torch.float64), analysed, MEL).samples
    before, after = (np.abs(librosa.stft(x.numpy(), n_fft=512)) for x in (samples, sound))
    covered = librosa.filters.mel(sr=RATE, n_fft=512, n_mels=96).sum(axis=0) > 0
    # A Hann window spreads each bin over its neighbours: one beside the uncovered loses what they gave it.
    covered &= np.roll(covered, 1) & np.roll(covered, -1)
    assert covered.sum() > 250
    level_db = 20 * np.log10(np.sqrt((after[covered] ** 2).mean(axis=1) / (before[covered] ** 2).mean(axis=1)))
    assert np.abs(level_db).max() < 0.5


def test_a_mask_is_scaled_so_that_its_largest_value_is_one() -> None:
    analysed = STFT.analyse(noise())
    image = torch.rand(257, 173, dtype=torch.float64)
    torch.testing.assert_close(invert(image, analysed, STFT).samples, invert(50 * image, analysed, STFT).samples)


def test_a_mask_lets_one_band_through() -> None:
    samples = noise()
    image = torch.zeros(257, 173, dtype=torch.float64)
    image[50:60] = 2.0
    spectrum = np.abs(librosa.stft(invert(image, STFT.analyse(samples), STFT).samples.numpy(), n_fft=512)) ** 2
    assert spectrum[48:62].sum() / spectrum.sum() > 0.99


def test_negative_values_are_clipped_and_their_share_is_reported() -> None:
    analysed = STFT.analyse(noise())
    image = torch.zeros(257, 173, dtype=torch.float64)
    image[10], image[20] = 1.0, -2.0
    sound = invert(image, analysed, STFT)
    assert sound.negative_share == pytest.approx(0.8)
    positive = image.clamp(min=0)
    torch.testing.assert_close(sound.samples, invert(positive, analysed, STFT).samples)


def test_phase_takes_the_image_as_magnitude() -> None:
    samples = noise()
    analysed = STFT.analyse(samples)
    # The STFT's own magnitude with its own phase is the original.
    torch.testing.assert_close(
        invert(analysed.stft.abs(), analysed, STFT, render="phase").samples, samples, rtol=0, atol=1e-10
    )
    doubled = invert(2 * analysed.stft.abs(), analysed, STFT, render="phase").samples
    torch.testing.assert_close(doubled, 2 * samples, rtol=0, atol=1e-10)


def test_an_image_without_anything_positive_is_silence() -> None:
    sound = invert(-torch.ones(257, 173, dtype=torch.float64), STFT.analyse(noise()), STFT)
    assert not sound.samples.any()
    assert sound.negative_share == 1.0
    assert matching_gain_db(sound.samples, noise()) == 0.0


def test_the_matching_gain_matches_rms_and_keeps_full_scale() -> None:
    original = noise()
    assert matching_gain_db(0.5 * original, original) == pytest.approx(6.0206, abs=1e-3)
    click = torch.zeros(1000, dtype=torch.float64)
    click[0] = 0.5
    assert matching_gain_db(click, torch.ones(1000, dtype=torch.float64)) == pytest.approx(6.0206, abs=1e-3)


def test_an_unknown_render_is_refused() -> None:
    with pytest.raises(ValueError, match="mask, phase"):
        invert(torch.ones(257, 173), STFT.analyse(noise().float()), STFT, render="both")  # type: ignore[arg-type]


# -- in the recording itself --------------------------------------------------------------------------------------


def invert_at_full_rate(image, samples, rate, front_end, render="mask") -> Rendered:
    """Invert an image in a recording (channels, n), whose mean is the model's input."""
    analysed = front_end.analyse(torch.zeros(front_end.window_samples, dtype=image.dtype))
    return invert_recorded(image, FullRate(samples, rate, analysed, front_end), front_end, render=render)


def stereo(seconds: float = 4.0, rate: int = 44_100) -> torch.Tensor:
    return 0.1 * torch.randn(2, round(seconds * rate), generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_at_full_rate_an_image_of_ones_restores_every_channel_up_to_the_nyquist_frequency_of_the_model() -> None:
    samples = stereo()
    sound = invert_at_full_rate(torch.ones(257, 173, dtype=torch.float64), samples, 44_100, STFT).samples
    assert sound.shape == samples.shape
    for before, after in zip(samples.numpy(), sound.numpy(), strict=True):
        spectra = [np.abs(librosa.stft(x, n_fft=2048)) ** 2 for x in (before, after)]
        hz = librosa.fft_frequencies(sr=44_100, n_fft=2048)
        level_db = 10 * np.log10(spectra[1].mean(axis=1) / spectra[0].mean(axis=1))
        assert np.abs(level_db[hz < 5_400]).max() < 0.05
        assert level_db[hz > 6_000].max() < -45  # the skirts of the analysis windows


def test_at_full_rate_a_band_and_a_moment_stay_where_they_are() -> None:
    samples = stereo()
    image = torch.zeros(257, 173, dtype=torch.float64)
    image[93:140, 86:130] = 1.0  # 2 to 3 kHz, 2 to 3 s
    sound = invert_at_full_rate(image, samples, 44_100, STFT).samples[0].numpy()
    power = np.abs(librosa.stft(sound, n_fft=2048, hop_length=512)) ** 2
    hz, s = librosa.fft_frequencies(sr=44_100, n_fft=2048), librosa.times_like(power, sr=44_100, hop_length=512)
    inside = power[np.ix_((hz > 1_900) & (hz < 3_100), (s > 1.9) & (s < 3.1))]
    assert inside.sum() / power.sum() > 0.995


def test_full_rate_and_model_rate_agree_in_their_common_band() -> None:
    rate = RATE * 4
    t = torch.arange(4 * rate, dtype=torch.float64) / rate
    chord = sum(torch.sin(2 * torch.pi * hz * t) for hz in (440.0, 1000.0, 2500.0)) * (0.1 + 0.05 * torch.sin(9 * t))
    mono = torch.from_numpy(STFT.mono(Clip(chord.numpy(), rate))).double()
    analysed = STFT.analyse(mono)
    image = (0.2 + torch.linspace(0, 3, 257, dtype=torch.float64).sin().square())[:, None].expand(257, 173)
    for render in ("mask", "phase"):
        low = invert(image, analysed, STFT, render=render).samples
        high = invert_at_full_rate(image, chord[None], rate, STFT, render).samples[0]
        again = torch.from_numpy(STFT.mono(Clip(high.numpy(), rate))).double()
        if render == "mask":
            assert float((again - low)[600:-600].abs().max()) < 0.02 * float(low.abs().max())
        else:  # of noise-like magnitudes only the level is the same
            assert float(again.square().mean() / low.square().mean()) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 48_000])
def test_at_full_rate_whatever_the_rate_is(rate: int) -> None:
    samples = stereo(rate=rate)
    sound = invert_at_full_rate(torch.ones(257, 173, dtype=torch.float64), samples, rate, STFT).samples
    heard = min(rate / 2, RATE / 2) * 0.95
    spectra = [np.abs(librosa.stft(x[0].numpy(), n_fft=1024)) ** 2 for x in (samples, sound)]
    level_db = 10 * np.log10(spectra[1].mean(axis=1) / spectra[0].mean(axis=1))
    assert np.abs(level_db[librosa.fft_frequencies(sr=rate, n_fft=1024) < heard]).max() < 0.05
