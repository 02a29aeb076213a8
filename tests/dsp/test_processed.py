"""Tests of processed spectrograms (Choi 2018, ch. 5) against a slow implementation, and of the waveform front end."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from auralscope.dsp.frontends import SpectrogramFrontEnd
from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.dsp.waveform import WaveformFrontEnd

PLAIN = {"sample_rate": 16_000, "n_fft": 512, "hop": 256, "window_samples": 16_000}


def noise(n: int = 16_000) -> torch.Tensor:
    return torch.from_numpy(0.1 * np.random.default_rng(0).standard_normal(n).astype(np.float32))


@pytest.mark.parametrize("n_mels", [None, 40])
@pytest.mark.parametrize("compression", ["db", "magnitude", "log"])
def test_without_options_it_is_the_plain_spectrogram(n_mels: int | None, compression) -> None:
    plain = SpectrogramFrontEnd(**PLAIN, n_mels=n_mels, compression=compression)
    processed = ProcessedSpectrogram(**PLAIN, n_mels=n_mels, compression=compression)
    assert torch.equal(plain.analyse(noise()).image, processed.analyse(noise()).image)
    assert processed.value_range == plain.value_range
    assert processed.describe() == plain.describe()


def a_weighting(hz: np.ndarray) -> np.ndarray:
    """Return the gain by the formula of IEC 61672."""
    square = hz.astype(np.float64) ** 2
    top = 12194.0**2 * square**2
    bottom = (square + 20.6**2) * np.sqrt((square + 107.7**2) * (square + 737.9**2)) * (square + 12194.0**2)
    return top / bottom * 10 ** (2.0 / 20)


def test_a_weighting_is_that_of_the_standard() -> None:
    plain = ProcessedSpectrogram(**PLAIN, compression="magnitude")
    weighted = ProcessedSpectrogram(**PLAIN, compression="magnitude", weighting="A")
    ratio = (weighted.analyse(noise()).image / plain.analyse(noise()).image).numpy()[1:]
    gain = np.broadcast_to(a_weighting(plain.frequencies_hz)[1:, None], ratio.shape)
    np.testing.assert_allclose(ratio, gain, rtol=2e-3)
    assert "A-weighted" in weighted.describe()


def test_a_clip_is_standardised_by_itself_and_scaled() -> None:
    front_end = ProcessedSpectrogram(**PLAIN, n_mels=40, compression="db", standardise="clip", factor=10.0)
    image = front_end.analyse(noise()).image.double()
    assert float(image.mean()) == pytest.approx(0.0, abs=1e-3)
    assert float(image.std()) == pytest.approx(10.0, rel=1e-3)


def test_bands_are_standardised_with_the_training_statistics() -> None:
    plain = ProcessedSpectrogram(**PLAIN, n_mels=40, compression="db")
    image = plain.analyse(noise()).image
    means, deviations = image.mean(dim=1), image.std(dim=1, correction=0)
    front_end = ProcessedSpectrogram(
        **PLAIN,
        n_mels=40,
        compression="db",
        standardise="bands",
        band_means=tuple(means.tolist()),
        band_deviations=tuple(deviations.tolist()),
    )
    seen = front_end.analyse(noise()).image
    torch.testing.assert_close(seen.mean(dim=1), torch.zeros(40), atol=1e-3, rtol=0)
    torch.testing.assert_close(seen.std(dim=1, correction=0), torch.ones(40), atol=1e-3, rtol=0)
    low, high = front_end.value_range
    assert low <= float(seen.min())
    assert float(seen.max()) <= high
    with pytest.raises(ValueError, match="for each of 40"):
        ProcessedSpectrogram(**PLAIN, n_mels=40, standardise="bands")


def test_a_waveform_is_its_samples_there_and_back() -> None:
    front_end = WaveformFrontEnd(16_000, 16_000)
    samples = noise()
    seen = front_end.analyse(samples)
    assert seen.image.shape == front_end.input_shape == (1, 16_000)
    assert torch.equal(seen.image[0], samples)
    assert torch.equal(front_end.to_samples(seen.stft, seen.n_samples), samples)
    assert torch.equal(front_end.image_of(seen.stft, seen.n_samples), seen.image)
    assert front_end.window_s == 1.0
    assert front_end.is_waveform
