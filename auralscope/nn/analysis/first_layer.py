"""Describe the kernels of the first layer by their responses to test sounds (cf. Choi 2018, figs. 2.10 and 7.4).

The model's front end analyses a click, a steady tone, a burst of noise with a beginning and an end, and sweeps up and
down. The response of a kernel at a position of the image is the cosine between the kernel and the patch there, less the
patch's mean: 1 if the patch has the kernel's shape at any level, below 0 if it has the opposite shape. The response to
the level alone is measured separately, with steady noise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from auralscope.errors import AuralScopeError
from auralscope.nn.batches import to_numpy
from auralscope.nn.tape.capture import record
from auralscope.nn.tape.functions import KINDS, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from auralscope.dsp.frontends import FrontEnd
    from auralscope.nn.tagger import Tagger
    from auralscope.nn.tape.capture import Tape

MARGIN = 0.15
"""Least difference between a response that names a kernel and the responses to competing sounds."""

CLEAR = 0.35
"""Lowest response that names a kernel."""

FLAT = 0.6
"""Lowest absolute response to steady noise of a kernel that averages."""


@dataclass(frozen=True)
class Responses:
    """Responses of a kernel: the highest cosine with patches at the position named, -1 to 1.

    Attributes
    ----------
    onset, offset : float
        At the beginning and at the end of a burst of noise.
    noise : float
        Inside the burst: the response of a flat patch.
    tone : float
        On a steady tone and beside it.
    click : float
        With a click in the kernel's middle.
    up, down : float
        On a sweep of one bin per frame.
    """

    onset: float
    offset: float
    noise: float
    tone: float
    click: float
    up: float
    down: float


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel of the first layer.

    Attributes
    ----------
    unit : int
    weights : (bins, frames) float32 array
        Frequency upwards, time to the right.
    responses : Responses
    words : tuple of str
        What the kernel responds to, the clearest first: 'onset', 'offset', 'harmonic', 'percussive', 'rising',
        'falling'; 'low-pass' for a kernel that averages, 'inverted low-pass' for one that subtracts the average,
        'high-pass' for one without response to flat patches; 'mixed' for none of these.
    """

    unit: int
    weights: NDArray[np.float32]
    responses: Responses
    words: tuple[str, ...]


def first_layer_kernels(model: Tagger) -> list[Kernel]:
    """Describe every kernel of a model's first convolution.

    Parameters
    ----------
    model : Tagger

    Returns
    -------
    list of Kernel

    Raises
    ------
    AuralScopeError
        The first layer is not a convolution of an image.
    """
    if model.front_end.input_shape[0] == 1:
        raise AuralScopeError(
            f"The input of '{model.spec.id}' is the waveform, so its first kernels are filters and cannot be drawn."
        )
    burst = model.front_end.analyse(model.tensor(_sounds(model.front_end)["burst"])).image
    with model.one_at_a_time:
        weights = kernel_weights(record(model.network, burst[None, None].to(model.device)))
    if weights is None:
        raise AuralScopeError(
            f"The first layer of '{model.spec.id}' is not a convolution of the image, so it has no kernels."
        )
    kernels = weights.astype(np.float64)
    shape = kernels.shape[1:]
    places = _Places(model.front_end)
    images = {name: _image(model, samples, places) for name, samples in _sounds(model.front_end).items()}
    burst, click = images["burst"].mean(axis=0), images["click"].mean(axis=0)
    patches = {
        "onset": _over_time(burst, shape, places.begin),
        "offset": _over_time(burst, shape, places.end),
        "click": _in_the_middle(click, shape),
        "tone": _over_frequency(images["tone"][:, places.steady].mean(axis=1), shape),
        "up": _on_the_loudest(images["up"], shape, places.steady),
        "down": _on_the_loudest(images["down"], shape, places.steady),
    }
    flat = kernels.reshape(len(kernels), -1)
    found = {name: _cosines(flat, _less_their_means(values)) for name, values in patches.items()}
    found["noise"] = _cosines(flat, np.ones((1, flat.shape[1])))
    described = []
    for unit, kernel in enumerate(kernels):
        responses = Responses(**{field.name: float(found[field.name][unit]) for field in fields(Responses)})
        described.append(Kernel(unit, kernel.astype(np.float32), responses, describe(responses)))
    return described


def describe(responses: Responses) -> tuple[str, ...]:
    """Return the words for a kernel's responses, see `Kernel.words`."""
    one = responses
    margins = {
        "onset": (one.onset, max(one.offset, one.noise, one.tone)),
        "offset": (one.offset, max(one.onset, one.noise, one.tone)),
        "harmonic": (one.tone, max(one.noise, one.onset, one.offset, one.click)),
        "percussive": (one.click, max(one.noise, one.onset, one.offset, one.tone)),
        "rising": (one.up, max(one.down, one.noise, one.tone, one.onset, one.offset)),
        "falling": (one.down, max(one.up, one.noise, one.tone, one.onset, one.offset)),
    }
    by_margin = sorted(margins.items(), key=lambda item: item[1][1] - item[1][0])
    words = [word for word, (own, other) in by_margin if own >= CLEAR and own - other >= MARGIN]
    if one.noise >= FLAT:
        words.insert(0, "low-pass")
    elif one.noise <= -FLAT:
        words.insert(0, "inverted low-pass")
    elif not words and abs(one.noise) < MARGIN:
        words.append("high-pass")
    return tuple(words) or ("mixed",)


# -- sounds and their places ----------------------------------------------------------------------------------------

SOUND_S = 0.5
"""Length of bursts and tones in seconds."""


class _Places:
    """Frames of events: the sounds are in the middle of the window."""

    def __init__(self, front_end: FrontEnd) -> None:
        self.half_s = min(SOUND_S, front_end.window_s / 2) / 2
        middle_s = front_end.window_s / 2
        self.begin = round((middle_s - self.half_s) / front_end.hop_s)
        self.end = round((middle_s + self.half_s) / front_end.hop_s)
        self.silence = max(round((middle_s - 1.8 * self.half_s) / front_end.hop_s), 0)
        quarter = (self.end - self.begin) // 4
        self.steady = slice(self.begin + quarter, self.end - quarter)


def _sounds(front_end: FrontEnd) -> dict[str, NDArray[np.float32]]:
    """Return a window of samples for each sound, with silence around it."""
    rate, n = front_end.sample_rate, front_end.window_samples
    t = (np.arange(n) - n / 2) / rate  # 0 in the middle
    during = (np.abs(t) < _Places(front_end).half_s).astype(np.float64)
    frequencies_hz = front_end.frequencies_hz
    centre_hz = rate / 10
    centre = np.interp(centre_hz, frequencies_hz, np.arange(frequencies_hz.size))
    path_hz = np.interp(centre + t / front_end.hop_s, np.arange(frequencies_hz.size), frequencies_hz)
    sweep = during * np.sin(2.0 * np.pi * np.cumsum(path_hz) / rate)
    sounds = {
        "click": 0.9 * (np.arange(n) == n // 2),
        "tone": 0.3 * during * np.sin(2.0 * np.pi * centre_hz * t),
        "burst": 0.2 * during * np.random.default_rng(0).standard_normal(n),
        "up": 0.3 * sweep,
        "down": 0.3 * sweep[::-1],
    }
    return {name: np.ascontiguousarray(samples, dtype=np.float32) for name, samples in sounds.items()}


def _image(model: Tagger, samples: NDArray[np.float32], places: _Places) -> NDArray[np.float64]:
    """Compute the input image of a sound, (bins, frames), less the silence before it."""
    image: NDArray[np.float64] = model.front_end.analyse(model.tensor(samples)).image.cpu().double().numpy()
    return image - image[:, places.silence][:, None]


def kernel_weights(tape: Tape) -> NDArray[np.float32] | None:
    """Return the kernels of the first convolution of an image.

    Parameters
    ----------
    tape : Tape
        A forward pass of the network.

    Returns
    -------
    (units, bins, frames) float32 array or None
        None if the first convolution is not one of a single plane.
    """
    for step in tape.steps:
        if KINDS.get(step.function) is Kind.CONVOLUTION:
            weight = list(step.tensors())[1]
            single = weight.ndim == 4 and weight.shape[1] == 1 and tape.maker(weight) is None
            return to_numpy(weight[:, 0]) if single else None
    return None


def _over_time(profile: NDArray[np.float64], shape: tuple[int, ...], place: int) -> NDArray[np.float64]:
    """Cut patches (n, bins, frames) around a frame, equal in all bins."""
    bins, frames = shape
    reach = frames + 1
    firsts = range(max(place - reach, 0), min(place + reach, profile.size - frames) + 1)
    cuts = np.stack([profile[first : first + frames] for first in firsts])
    return np.repeat(cuts[:, None, :], bins, axis=1)


def _over_frequency(profile: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Cut patches (n, bins, frames) around the loudest bin, equal in all frames."""
    turned = _over_time(profile, shape[::-1], int(np.argmax(profile)) - shape[0] // 2)
    return np.swapaxes(turned, 1, 2)


def _in_the_middle(profile: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Cut patches (n, bins, frames) with the loudest frame in the middle, equal in all bins."""
    bins, frames = shape
    peak = int(np.argmax(profile))
    firsts = {peak - frames // 2, peak - (frames - 1) // 2}  # an even number of frames has two middles
    return np.repeat(np.stack([profile[first : first + frames] for first in firsts])[:, None, :], bins, axis=1)


def _on_the_loudest(image: NDArray[np.float64], shape: tuple[int, ...], during: slice) -> NDArray[np.float64]:
    """Cut patches (n, bins, frames) whose middle is the loudest bin of a frame."""
    bins, frames = shape
    found = []
    for middle in range(during.start, during.stop):
        low, first = int(np.argmax(image[:, middle])) - bins // 2, middle - frames // 2
        patch = image[max(low, 0) : low + bins, max(first, 0) : first + frames]
        if patch.shape == shape:
            found.append(patch)
    return np.stack(found) if found else np.zeros((1, *shape))


def _less_their_means(patches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract the mean of each patch: (n, bins, frames) to (n, cells)."""
    flat = patches.reshape(len(patches), -1)
    less: NDArray[np.float64] = flat - flat.mean(axis=1, keepdims=True)
    return less


def _cosines(kernels: NDArray[np.float64], patches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the highest cosine of each kernel (kernels, cells) with any patch (n, cells), (kernels,).

    Patches with very little energy are left out. The cosine is 0 if no patch remains, and for a kernel of zeros.
    """
    length = np.linalg.norm(patches, axis=1)
    there = length > max(0.25 * length.max(), 1e-9)
    if not there.any():
        return np.zeros(len(kernels))
    units = patches[there] / length[there, None]
    size = np.linalg.norm(kernels, axis=1, keepdims=True)
    scaled = np.divide(kernels, size, out=np.zeros_like(kernels), where=size > 0.0)
    best: NDArray[np.float64] = (scaled @ units.T).max(axis=1)
    return best
