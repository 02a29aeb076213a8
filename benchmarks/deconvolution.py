"""Measure the deconvolution of all units of a layer, beside Captum, zennit, and the bound of dense arithmetic.

All run in turns in one process, with the same network and input. Captum's `NeuronDeconvolution` and zennit's
`DeconvNet` compute one unit at a time; they are timed on a few units and multiplied. Both support only ReLU: on
networks with ELU they compute something else in the same time. The dense bound is the number of multiply-adds of the
transposed convolutions from the layer down, for all units, divided by the rate of a large matrix product on this
machine. An engine that skips zeros can be faster than this bound.
"""

from __future__ import annotations

import warnings

import torch
from captum.attr import NeuronDeconvolution
from torch import Tensor, nn

from auralscope.nn.attribution.deconvolution import deconvolve_tape
from auralscope.nn.tape.capture import prove, record, run
from auralscope.training import torchvision_shim  # noqa: F401 - before zennit, which imports torchvision
from benchmarks.networks import Case, cases
from benchmarks.timing import median_s, seconds

# isort: split
from zennit.attribution import Gradient
from zennit.composites import DeconvNet

THEIR_UNITS = 2
RUNS = 5


class _Half(nn.Module):
    """Network up to a layer whose output is half the squared map; the gradient of that is the deconvolution."""

    def __init__(self, part: nn.Sequential) -> None:
        super().__init__()
        self.part = part

    def forward(self, image: Tensor) -> Tensor:
        return 0.5 * self.part(image).square().sum(dim=(2, 3))


def main() -> None:
    """Print one line for each layer."""
    warnings.filterwarnings("ignore", module="captum")
    rate = _multiply_adds_per_s()
    print(
        f"{torch.get_num_threads()} threads; matrix product: {rate / 1e9:.0f} thousand million multiply-adds a second"
    )
    print(
        "wanted: the first layer at least 50 times Captum, every deeper one 4 times; at most 2.5 of the dense bound; "
        "one unit of the genre convnet under 25 ms"
    )
    for case in cases():
        print(f"\n{case.name}: {_passes(case)}")
        print("layer  units  all of them   one alone   times Captum   times zennit   of the dense bound")
        for number in range(len(case.layers)):
            print(_line(case, number, rate), flush=True)
    print(f"\n{_on_the_gpu(cases()[0])}")


def _passes(case: Case) -> str:
    first_s = seconds(lambda: record(case.network, case.image))  # with the proof that the recording is complete
    tape = record(case.network, case.image)
    with torch.no_grad():
        plain_s = median_s(lambda: case.network(case.image))
    recorded_s = median_s(lambda: record(case.network, case.image))
    proof_s = median_s(lambda: prove(tape, run))
    return (
        f"forward pass {plain_s * 1e3:.0f} ms, recorded {recorded_s * 1e3:.0f} ms; the first, with its proof, "
        f"{first_s * 1e3:.0f} ms; later proofs {100 * proof_s / recorded_s:.2g} % of a recorded pass (wanted: under 15)"
    )


def _on_the_gpu(case: Case) -> str:
    if not torch.cuda.is_available():
        return "no CUDA device: all features of four seconds on a GPU are not measured"
    tape = record(case.network.cuda(), case.image.cuda())

    def everything() -> None:
        for layer in case.layers:
            deconvolve_tape(tape, layer)
        torch.cuda.synchronize()

    units = sum(tape.layer(layer).shape[1] for layer in case.layers)
    return f"{case.name}: all {units} features on a GPU {median_s(everything) * 1e3:.0f} ms   (wanted: < 50)"


def _line(case: Case, number: int, rate: float) -> str:
    tape = record(case.network, case.image)
    layer = case.layers[number]
    units = tape.layer(layer).shape[1]
    part = case.network[: number + 1]
    half = _Half(part)
    captum = NeuronDeconvolution(half, half)
    # The map is constant, so it is computed before the measurement.
    start = tape.layer(layer)

    def with_captum() -> None:
        for unit in range(THEIR_UNITS):
            captum.attribute(case.image.clone().requires_grad_(), unit)

    def with_zennit() -> None:
        with Gradient(part, DeconvNet()) as attributor:
            for unit in range(THEIR_UNITS):
                chosen = torch.zeros_like(start)
                chosen[0, unit] = start[0, unit]
                attributor(case.image.clone().requires_grad_(), chosen)

    def ours() -> None:
        deconvolve_tape(tape, layer)

    works = (ours, with_captum, with_zennit)
    for work in works:
        work()
    rounds = [[seconds(work) for work in works] for _ in range(RUNS)]
    ours_s, captum_s, zennit_s = (sorted(column)[RUNS // 2] for column in zip(*rounds, strict=True))
    one_s = median_s(lambda: deconvolve_tape(tape, layer, [5]), RUNS)
    bound_s = units * _multiply_adds(case, number) / rate
    share = units / THEIR_UNITS
    return (
        f"conv{number + 1}  {units:5}  {ours_s * 1e3:8.0f} ms  {one_s * 1e3:7.1f} ms   "
        f"{captum_s * share / ours_s:12.1f}   "
        f"{zennit_s * share / ours_s:12.1f}   {ours_s / bound_s:18.2f}"
    )


def _multiply_adds(case: Case, number: int) -> int:
    """Count the multiply-adds of one unit's transposed convolutions, from a layer down to the image."""
    total = 0
    plane = case.image
    for block in case.network[: number + 1]:
        kernel = block[0].weight
        total += kernel.numel() * plane.shape[2] * plane.shape[3]
        plane = block(plane)
    return total


def _multiply_adds_per_s(n: int = 2048) -> float:
    one, other = torch.rand(n, n), torch.rand(n, n)
    return n**3 / median_s(lambda: one @ other)
