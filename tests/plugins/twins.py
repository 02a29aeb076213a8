"""Slow implementations of the published networks: plain sums in double precision, straight from the published files."""

from __future__ import annotations

from pathlib import Path

import h5py
import librosa
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def power_spectrogram(samples: Array, before: int, behind: int, mode: str) -> Array:
    """(257, frames): 512 samples under a periodic Hann window, every 256, by a Fourier matrix."""
    padded = np.pad(np.asarray(samples, dtype=np.float64), (before, behind), mode=mode)
    t, k = np.arange(512), np.arange(257)
    frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::256].T
    turning = np.exp(-2j * np.pi * np.outer(k, t) / 512) * (0.5 - 0.5 * np.cos(2 * np.pi * t / 512))
    return np.abs(turning @ frames) ** 2


def convolution(maps: Array, kernels: Array, bias: Array, turned: bool) -> Array:
    """Convolve (in, bins, frames) with (out, in, 3, 3) and zeros around; `turned` turns the kernel, as Theano does."""
    if turned:
        kernels = kernels[:, :, ::-1, ::-1]
    _, bins, frames = maps.shape
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    taps = [
        np.tensordot(kernels[:, :, row, column], padded[:, row : row + bins, column : column + frames], axes=1)
        for row in range(3)
        for column in range(3)
    ]
    return np.sum(taps, axis=0) + bias[:, None, None]


def normalised(maps: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    """Apply a batch norm over channels with the default epsilon of Keras."""
    shape = (-1, 1, 1)
    scale = gamma / np.sqrt(variance + 1e-3)
    return (maps - mean.reshape(shape)) * scale.reshape(shape) + beta.reshape(shape)


def elu(maps: Array) -> Array:
    return np.where(maps > 0, maps, np.expm1(np.minimum(maps, 0)))


def pooled(maps: Array, rows: int, columns: int) -> Array:
    """Apply max pooling without overlap; incomplete windows are left out."""
    channels, bins, frames = maps.shape[0], maps.shape[1] // rows, maps.shape[2] // columns
    cut = maps[:, : bins * rows, : frames * columns]
    return cut.reshape(channels, bins, rows, frames, columns).max(axis=(2, 4))


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def hard_sigmoid(x: Array) -> Array:
    return np.minimum(np.maximum(0.2 * x + 0.5, 0.0), 1.0)


def compact_convnet_msd(file: Path, samples: Array) -> Array:
    """Probabilities, (50,), of 348,000 samples, by `model_best.hdf5` with its own Fourier kernels and mel bands."""
    with h5py.File(file) as stored:
        layers = stored["model_weights"]
        front = layers["melgram/melgram"]
        padded = np.pad(np.asarray(samples, dtype=np.float64), 208)
        frames = np.lib.stride_tricks.sliding_window_view(padded, 512)[::256]
        real, imaginary = (frames @ front[f"{part}_kernels:0"][()][:, 0, 0].astype(float) for part in ("real", "imag"))
        bands = ((real**2 + imaginary**2) @ front["Variable:0"][()].astype(float)).T
        level_db = 10 * np.log10(np.maximum(bands, 1e-10))
        level_db = np.maximum(level_db - level_db.max(), -80.0)
        maps = ((level_db - level_db.mean()) / level_db.std())[None]
        for number, pool in enumerate(((2, 4), (3, 4), (2, 5), (2, 4), (4, 4)), start=1):
            conv = layers[f"conv2d_{number}/conv2d_{number}"]
            norm = layers[f"batch_normalization_{number}/batch_normalization_{number}"]
            kernels = conv["kernel:0"][()].astype(float).transpose(3, 2, 0, 1)
            maps = convolution(maps, kernels, conv["bias:0"][()], turned=False)
            maps = normalised(
                maps, *(norm[f"{name}:0"][()] for name in ("gamma", "beta", "moving_mean", "moving_variance"))
            )
            maps = pooled(elu(maps), *pool)
        dense = layers["dense_1/dense_1"]
        return sigmoid(maps.max(axis=(1, 2)) @ dense["kernel:0"][()].astype(float) + dense["bias:0"][()])


def crnn_image(samples: Array) -> Array:
    """(96, 1366): what `crnn_msd` takes, of 349,440 samples."""
    power = power_spectrogram(samples, 256, 256, "reflect")
    bands = librosa.filters.mel(sr=12_000, n_fft=512, n_mels=96, dtype=np.float64) @ power
    level_db = 10 * np.log10(np.maximum(bands**2, 1e-10))
    return np.maximum(level_db, level_db.max() - 80.0)


def crnn_msd(file: Path, image: Array) -> Array:
    """Probabilities, (50,), of an image (96, 1366), by `music_tagger_crnn_weights_theano.h5`."""
    with h5py.File(file) as stored:

        def get(layer: str, name: str) -> Array:
            return stored[f"{layer}/{layer}_{name}"][()].astype(float)

        padded = np.pad(np.asarray(image, dtype=np.float64), ((0, 0), (37, 37)))
        gamma, beta, mean, variance = (
            get("bn_0_freq", name) for name in ("gamma", "beta", "running_mean", "running_std")
        )
        maps = ((padded - mean) / np.sqrt(variance + 1e-3) * gamma + beta)[None]
        for number, pool in enumerate(((2, 2), (3, 3), (4, 4), (4, 4)), start=1):
            maps = convolution(maps, get(f"conv{number}", "W"), get(f"conv{number}", "b"), turned=True)
            norm = f"bn{number}"
            maps = normalised(maps, *(get(norm, name) for name in ("gamma", "beta", "running_mean", "running_std")))
            maps = pooled(elu(maps), *pool)
        sequence = maps[:, 0].T  # 15 steps of 128
        for layer in ("gru1", "gru2"):
            state, states = np.zeros(32), []
            for x in sequence:
                z, r = (
                    hard_sigmoid(x @ get(layer, f"W_{g}") + state @ get(layer, f"U_{g}") + get(layer, f"b_{g}"))
                    for g in "zr"
                )
                candidate = np.tanh(x @ get(layer, "W_h") + (r * state) @ get(layer, "U_h") + get(layer, "b_h"))
                state = z * state + (1 - z) * candidate
                states.append(state)
            sequence = np.array(states)
        return sigmoid(sequence[-1] @ get("output", "W") + get("output", "b"))
