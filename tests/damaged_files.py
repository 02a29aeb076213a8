"""Damage sound files of each format at random, open them, and count what happens.

    python tests/damaged_files.py --count 3000

Each file either opens as the program ffmpeg decodes it, opens with a notice, or is refused with a sentence. A file that
opens without a notice and shorter than ffmpeg decodes it, any other exception or warning, and the end of the process by
a signal are faults; the command fails if there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ffmpeg_program
import numpy as np
import soundfile

from auralscope.audio.files import load_clip
from auralscope.errors import AudioFileError

RATE = 32000
CODECS = {
    "wav": ("pcm_s16le",),
    "float.wav": ("pcm_f32le",),
    "aiff": ("pcm_s16be",),
    "caf": ("pcm_s16be",),
    "w64": ("pcm_s24le",),
    "flac": ("flac",),
    "ogg": ("libvorbis", "-page_duration", "50000"),
    "opus": ("libopus", "-page_duration", "50000"),
    "mp3": ("libmp3lame",),
    "m4a": ("aac",),
    "alac.m4a": ("alac",),
    "7.1.m4a": ("aac", "-ac", "8"),
    "aac": ("aac",),
    "mkv": ("aac",),
    "webm": ("libopus",),
    "ts": ("mp2",),
    "wma": ("wmav2",),
    "ac3": ("ac3",),
}
OUTCOMES = ("equal", "differs", "notice", "refused")
FAULTS = ("shortened", "exception", "signal")
TOLERANCE_S = 0.05  # of a length: some padding of an encoder


def damage(content, random):
    """Return the content with one to three kinds of damage."""
    content = bytearray(content)
    for _ in range(random.integers(1, 4)):
        size = len(content)
        at, n = int(random.integers(size)), int(random.integers(1, 1 + size // 4))
        match random.integers(7):
            case 0:
                for k in random.integers(size, size=random.integers(1, 30)):
                    content[k] ^= 1 << random.integers(8)
            case 1:
                del content[max(at, size // 20) :]
            case 2:
                del content[at : at + n]
            case 3:
                content[at:at] = content[max(at - n, 0) : at]
            case 4:
                content[at : at + n] = bytes(len(content[at : at + n]))
            case 5:  # the header
                for k in random.integers(min(size, 200), size=random.integers(1, 5)):
                    content[k] = int(random.choice([0, 1, 127, 255, int(random.integers(256))]))
            case 6:
                content[at : at + n] = random.bytes(len(content[at : at + n]))
    return bytes(content)


def outcome(path, *, with_reference):
    """Open a file and return what happened, and for a fault its text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clip = load_clip(path)
    except AudioFileError as error:
        sentence = str(error)
        return ("refused", "") if sentence.endswith(".") and "\n" not in sentence else ("exception", sentence)
    except Exception as error:  # noqa: BLE001 - to count them
        return "exception", repr(error)
    if clip.notices:
        return "notice", ""
    if not with_reference:
        return "differs", ""
    expected = ffmpeg_program.decode(path, clip.channels)
    missing_s = (expected.shape[1] - clip.n_samples) / clip.sample_rate
    if missing_s > TOLERANCE_S:
        return "shortened", f"{missing_s:.3f} s of {expected.shape[1] / clip.sample_rate:.3f} s"
    n = min(clip.n_samples, expected.shape[1])
    is_equal = missing_s > -TOLERANCE_S and np.abs(clip.samples[:, :n] - expected[:, :n]).max(initial=0.0) < 1e-3
    return ("equal" if is_equal else "differs"), ""


def survey(name, count, seed, one_in, folder):
    """Open damaged files of one format; print the outcome of each on a line, after its number."""
    logging.disable()
    random = np.random.default_rng([seed, *name.encode()])
    t = np.arange(RATE * 7 // 10) / RATE
    source, whole, path = folder / "source.wav", folder / f"whole.{name}", folder / f"damaged.{name}"
    noise = 0.05 * random.standard_normal((t.size, 2))
    soundfile.write(source, noise + 0.3 * np.sin(2 * np.pi * 440 * t)[:, None], RATE)
    ffmpeg_program.make("-i", source, "-c:a", *CODECS[name], whole)
    content = whole.read_bytes()
    for k in range(count):
        print(k, end=" ", flush=True)
        path.write_bytes(damage(content, random))
        what, text = outcome(path, with_reference=k % one_in == 0)
        print(json.dumps([what, text]), flush=True)


def count_outcomes(name, count, seed=0, one_in=1):
    """Survey a format in a process of its own.

    Parameters
    ----------
    one_in : int
        Compare only one in so many with ffmpeg; the others count as different.

    Returns
    -------
    (Counter, list of str)
        How often each outcome occurred, and a line for each fault.
    """
    counts, faults = Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--survey", name, f"--count={count}", f"--seed={seed}"]
        command += [f"--one-in={one_in}", f"--folder={folder}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
        for line in process.stdout:
            number, _, result = line.decode().partition(" ")
            what, text = json.loads(result) if result.strip() else ("signal", "")
            counts[what] += 1
            if what in FAULTS:
                faults.append(f"{name} {number}: {what} {text}")
        process.stdout.close()
        if process.wait() and not counts["signal"]:
            faults.append(f"{name}: exit {process.returncode}")
    return counts, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="damaged files of each format (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one-in", type=int, default=1, help="compare one in so many with ffmpeg (default 1)")
    parser.add_argument("--formats", nargs="+", default=list(CODECS), choices=list(CODECS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--survey", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.survey:
        survey(options.survey, options.count, options.seed, options.one_in, options.folder)
        return 0
    columns = (*OUTCOMES, *FAULTS)
    print(f"{'format':10}" + "".join(f"{column:>10}" for column in columns))
    total, all_faults = Counter(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(
            lambda name: count_outcomes(name, options.count, options.seed, options.one_in), options.formats
        )
        for name, (counts, faults) in zip(options.formats, results, strict=True):
            print(f"{name:10}" + "".join(f"{counts[column]:10,}" for column in columns), flush=True)
            total += counts
            all_faults += faults
    print(f"{'all':10}" + "".join(f"{total[column]:10,}" for column in columns))
    print(*all_faults, sep="\n")
    return 1 if all_faults else 0


if __name__ == "__main__":
    sys.exit(main())
