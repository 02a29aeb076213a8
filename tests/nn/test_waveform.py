"""Tests of networks on the waveform, whose deconvolution is a waveform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import auralscope as asc
from auralscope.dsp.inversion import FullRate, invert, invert_at_full_rate
from auralscope.dsp.waveform import WaveformFrontEnd
from auralscope.errors import AuralScopeError
from auralscope.nn.analysis.summaries import summarise_parts
from auralscope.nn.architectures import architecture
from auralscope.nn.batches import choose_device, outcome
from auralscope.nn.loaded import Model
from auralscope.nn.model import ModelSpec, Weights

RATE, N = 8000, 3**8


def clip(seed: int = 0) -> asc.Clip:
    rng = np.random.default_rng(seed)
    return asc.Clip(0.1 * rng.standard_normal((2, 3 * N)), RATE)


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(0)
    chosen = architecture("sample-cnn")
    front_end = WaveformFrontEnd(RATE, N)
    network = chosen.build(3, (1, N))
    spec = ModelSpec(
        id="wave",
        title="Wave",
        labels=("a", "b", "c"),
        layers=chosen.layers(3, (1, N)),
        front_end=front_end,
        build=lambda: network,
        weights=Weights(None, "none"),
        output="softmax",
        summary="",
    )
    return Model(spec, network, choose_device("cpu"))


def networks() -> tuple[nn.Module, nn.Module]:
    """Build the same network of 1-D steps and of 2-D steps one bin high."""
    torch.manual_seed(2)
    flat = nn.Sequential(
        nn.Conv1d(1, 4, 3, stride=3), nn.BatchNorm1d(4), nn.ReLU(),
        nn.Conv1d(4, 5, 3, padding=1), nn.ReLU(), nn.MaxPool1d(3),
        nn.Conv1d(5, 6, 5, padding=2), nn.ELU(), nn.MaxPool1d(2),
    ).double().eval()  # fmt: skip
    high = nn.Sequential(
        nn.Conv2d(1, 4, (1, 3), stride=(1, 3)), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 5, (1, 3), padding=(0, 1)), nn.ReLU(), nn.MaxPool2d((1, 3)),
        nn.Conv2d(5, 6, (1, 5), padding=(0, 2)), nn.ELU(), nn.MaxPool2d((1, 2)),
    ).double().eval()  # fmt: skip
    flat[1].running_mean.normal_()
    flat[1].running_var.uniform_(0.5, 2.0)
    with torch.no_grad():
        flat[1].weight.normal_()
    high.load_state_dict(
        {
            name: value.unsqueeze(2) if value.ndim == 3 else value  # kernels of one bin
            for name, value in flat.state_dict().items()
        }
    )
    return flat, high


def slowly(network: nn.Module, samples: np.ndarray, unit: int) -> np.ndarray:
    """Deconvolve a network of 1-D steps (Zeiler & Fergus 2014) in loops over samples."""
    value, back = samples[None], []
    for module in network:
        if isinstance(module, nn.Conv1d):
            kernel, bias = module.weight.detach().numpy(), module.bias.detach().numpy()
            (stride,), (pad,) = module.stride, module.padding
            padded = np.pad(value, ((0, 0), (pad, pad)))
            n = (padded.shape[1] - kernel.shape[2]) // stride + 1
            out = np.array(
                [[np.sum(padded[:, t * stride : t * stride + kernel.shape[2]] * k) for t in range(n)] for k in kernel]
            )
            back.append(("conv", (kernel, stride, pad, value.shape)))
            value = out + bias[:, None]
        elif isinstance(module, nn.BatchNorm1d):
            scale = (module.weight / torch.sqrt(module.running_var + module.eps)).detach().numpy()
            back.append(("norm", scale))
            mean, bias = module.running_mean.numpy(), module.bias.detach().numpy()
            value = (value - mean[:, None]) * scale[:, None] + bias[:, None]
        elif isinstance(module, nn.MaxPool1d):
            size, n = module.kernel_size, value.shape[1] // module.kernel_size
            blocks = value[:, : n * size].reshape(len(value), n, size)
            back.append(("pool", (blocks.argmax(axis=2), size, value.shape)))
            value = blocks.max(axis=2)
        else:
            back.append(("rectify", None))
            value = np.where(value > 0, value, 0.0 if isinstance(module, nn.ReLU) else np.expm1(value))
    signal = np.zeros_like(value)
    signal[unit] = value[unit]
    for kind, kept in reversed(back):
        if kind == "rectify":
            signal = np.maximum(signal, 0.0)
        elif kind == "norm":
            signal = signal * kept[:, None]
        elif kind == "pool":
            where, size, shape = kept
            below = np.zeros(shape)
            for channel in range(shape[0]):
                for place in range(where.shape[1]):
                    below[channel, place * size + where[channel, place]] = signal[channel, place]
            signal = below
        else:
            kernel, stride, pad, shape = kept
            below = np.zeros((shape[0], shape[1] + 2 * pad))
            for channel, row in enumerate(signal):
                for place, each in enumerate(row):
                    below[:, place * stride : place * stride + kernel.shape[2]] += each * kernel[channel]
            signal = below[:, pad : pad + shape[1]]
    return signal[0]


def test_one_dimensional_steps_deconvolve_as_the_slow_twin_does() -> None:
    flat, high = networks()
    samples = np.random.default_rng(0).standard_normal(95)
    for unit in range(6):
        expected = slowly(flat, samples, unit)
        ours = asc.deconvolve(flat, torch.from_numpy(samples)[None, None], "8", units=[unit])
        assert ours.shape == (1, 95)
        np.testing.assert_allclose(ours[0].numpy(), expected, atol=1e-12)
        theirs = asc.deconvolve(high, torch.from_numpy(samples)[None, None, None], "8", units=[unit])
        assert theirs.shape == (1, 1, 95)
        np.testing.assert_allclose(theirs[0, 0].numpy(), expected, atol=1e-12)


def test_the_deconvolved_waveform_is_the_sound(model: Model) -> None:
    run = model.analyse(clip())
    unit = run.most_active("conv3")[0]
    waveform = run.deconvolve("conv3", units=[unit])[0]
    assert waveform.shape == (1, N)
    assert waveform.min() < 0.0
    sound = run.auralise("conv3", unit, render="phase")
    np.testing.assert_array_equal(sound.samples, waveform)
    sound = run.auralise("conv3", unit)
    assert sound.negative_share == 0.0
    assert sound.peak == pytest.approx(run.original.peak, rel=1e-5)
    np.testing.assert_allclose(sound.samples, waveform * (run.original.peak / np.abs(waveform).max()), rtol=1e-4)
    at_recording = run.auralise("conv3", unit, rate="recording")
    assert at_recording.samples.shape == (2, N)
    np.testing.assert_allclose(at_recording.samples[1], at_recording.samples[0])


def test_silence_and_unknown_renders() -> None:
    front_end = WaveformFrontEnd(RATE, 300)
    analysed = front_end.analyse(torch.ones(300))
    nothing = invert(torch.zeros(1, 300), analysed, front_end)
    assert float(nothing.samples.abs().max()) == 0.0
    assert front_end.shown(np.zeros((1, 300), np.float32)).max() == 0.0
    with pytest.raises(ValueError, match="render is one of"):
        invert(torch.zeros(1, 300), analysed, front_end, render="gain")  # type: ignore[arg-type]


def test_at_the_recording_s_rate_a_tone_stays_a_tone() -> None:
    front_end = WaveformFrontEnd(RATE, RATE)
    tone = torch.sin(2 * torch.pi * 440.0 * torch.arange(RATE) / RATE)[None]
    recording = torch.zeros(2, 44_100)
    recording[:, 0] = 1.0
    sound = invert_at_full_rate(
        tone,
        FullRate(recording, 44_100, front_end.analyse(torch.zeros(front_end.window_samples)), front_end),
        front_end,
    ).samples
    assert sound.shape == (2, 44_100)
    spectrum = np.abs(np.fft.rfft(sound[0].numpy()))
    assert int(spectrum.argmax()) == 440


def test_receptive_field_of_three_by_three(model: Model) -> None:
    """3, then twice (convolution of 3, pooling by 3): 3 -> 9 -> 15 -> 33 -> 51 samples."""
    run = model.analyse(clip())
    widths = [run.receptive_field(layer).frames for layer in ("conv1", "conv2", "conv3")]
    assert widths == [3, 15, 51]
    field = run.receptive_field("conv3")
    assert field.width_ms == pytest.approx(1000 * 50 / RATE)
    assert (field.low_hz, field.high_hz) == (0.0, RATE / 2)


def test_it_is_drawn_as_a_spectrogram(model: Model) -> None:
    front_end = model.front_end
    seconds = np.arange(N) / RATE
    drawn = front_end.shown((1e-6 * np.sin(2 * np.pi * 1000.0 * seconds))[None].astype(np.float32))
    assert drawn.shape == front_end.plane.input_shape
    low, high = front_end.plane.value_range
    assert low <= drawn.min()
    assert drawn.max() <= high
    strongest = front_end.plane.frequencies_hz[drawn.sum(axis=1).argmax()]
    assert strongest == pytest.approx(1000.0, abs=RATE / 1024)


def test_a_layer_is_summarised_and_a_passage_has_no_seams(model: Model) -> None:
    run = model.analyse(clip())
    summary = outcome(summarise_parts(run, "conv1", run.deconvolve("conv1")))
    assert len(summary.units) == 128
    assert all(0.0 <= unit.centroid_hz <= RATE / 2 for unit in summary.units if unit.activity > 0.0)
    passage = model.passage(clip(), start_s=0.0, duration_s=1.5 * N / RATE)
    assert passage.deconvolve("conv1", units=[0]).shape == (1, 1, round(1.5 * N))


def test_faithfulness_of_a_waveform_model_is_refused(model: Model) -> None:
    with pytest.raises(AuralScopeError, match="not measured"):
        model.analyse(clip()).faithfulness("conv2", 0)
