"""Make the front end that the options of a training describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auralscope.dsp.processed import ProcessedSpectrogram
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import TrainingError

if TYPE_CHECKING:
    from auralscope.nn.architectures import Architecture
    from auralscope.training.options import Options


def sample_rate(options: Options, architecture: Architecture) -> int:
    """Return the sample rate in Hz."""
    return options.rate or (22_050 if architecture.family == "waveform" else 12_000)


def make_front_end(
    options: Options, architecture: Architecture, typical_s: float
) -> ProcessedSpectrogram | WaveformFrontEnd:
    """Make the front end, without the standardisation of bands, which needs the training set.

    Parameters
    ----------
    options : Options
    architecture : Architecture
    typical_s : float
        Median duration of the recordings.

    Raises
    ------
    AuralScopeError
        Options contradict each other, or the input is too small for the network.
    """
    rate, frames = sample_rate(options, architecture), architecture.input_shape[1]
    waveform = architecture.family == "waveform"
    in_paper = frames if waveform else (frames - 1) * options.hop
    window_samples = round(options.window_s * rate) if options.window_s else min(in_paper, int(typical_s * rate))
    if waveform:
        return WaveformFrontEnd(rate, window_samples)
    if options.hop > options.n_fft:
        raise TrainingError(f"A hop of {options.hop} leaves gaps between windows of {options.n_fft}; make it smaller.")
    if options.transform == "mel" and options.bands > options.n_fft // 4:
        raise TrainingError(
            f"{options.bands} mel bands are too many for an FFT of {options.n_fft}: the lowest would be empty. "
            f"Take {options.n_fft // 4} or fewer, or a longer FFT."
        )
    front_end = ProcessedSpectrogram(
        sample_rate=rate,
        n_fft=options.n_fft,
        hop=options.hop,
        window_samples=window_samples,
        n_mels=options.bands if options.transform == "mel" else None,
        compression=options.magnitude,
        weighting=options.weighting,
        standardise="none" if options.standardise == "bands" else options.standardise,
        factor=options.scale if options.standardise != "bands" else 1.0,
    )
    architecture.layers(1, front_end.input_shape)  # raises if the input is too small
    return front_end
