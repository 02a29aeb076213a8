"""Damage sound files of each format at random, open them, and count what happens.

    python tests/damaged_files.py --count 3000

Each file either opens as the program ffmpeg decodes it (equal), opens although ffmpeg refuses it (alone), opens with a
notice, or is refused with a sentence. A file that opens without a notice and shorter than ffmpeg decodes it, or with
other samples (differs), any other exception or warning, and the end of the process by a signal are faults; the command
fails if there is one.
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
OUTCOMES = ("equal", "alone", "notice", "refused")
FAULTS = ("differs", "shortened", "exception", "signal")
BATCH = 20  # files that one process of ffmpeg decodes
PADDING = {".m4a": 1024, ".ogg": 1024}  # samples that ffmpeg keeps of an encoder's padding, or removes, at the end


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


def open_file(path):
    """Open a file; return the clip if it has no notice, or else what happened, and for a fault its text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clip = load_clip(path)
    except AudioFileError as error:
        sentence = str(error)
        return ("refused", "") if sentence.endswith(".") and "\n" not in sentence else ("exception", sentence)
    except Exception as error:  # noqa: BLE001 - to count them
        return "exception", repr(error)
    return ("notice", "") if clip.notices else clip


def compare(clip, expected):
    """Compare a clip with the sound that ffmpeg decodes; return the outcome and a text."""
    if not expected.shape[1]:
        return "alone", ""
    tolerance = PADDING.get(clip.source.suffix, 0)
    n_missing = expected.shape[1] - clip.n_samples
    n = min(clip.n_samples, expected.shape[1])
    # Some versions of ffmpeg decode MP2 to integers, which end at full scale.
    error = np.abs(np.clip(clip.samples[:, :n], -1.0, 1.0) - np.clip(expected[:, :n], -1.0, 1.0)).max(initial=0.0)
    if abs(n_missing) <= tolerance and error < 1e-3:
        return "equal", ""
    text = f"{n_missing:,} of {expected.shape[1]:,} samples are missing; the largest difference is {error:.2g}"
    return "shortened" if n_missing > tolerance else "differs", text


def survey(names, count, seed, folder):
    """Open damaged files of each format; print the format and number of each, and after it the outcome, on a line."""
    logging.disable()
    for name in names:
        random = np.random.default_rng([seed, *name.encode()])
        t = np.arange(RATE * 7 // 10) / RATE
        source, whole = folder / "source.wav", folder / f"whole.{name}"
        noise = 0.05 * random.standard_normal((t.size, 2))
        soundfile.write(source, noise + 0.3 * np.sin(2 * np.pi * 440 * t)[:, None], RATE)
        ffmpeg_program.make("-i", source, "-c:a", *CODECS[name], whole)
        content = whole.read_bytes()
        opened = {}
        for k in range(count):
            path = folder / f"{k}.{name}"
            print(name, k, end=" ", flush=True)
            path.write_bytes(damage(content, random))
            what = open_file(path)
            if isinstance(what, tuple):
                path.unlink()
            else:
                opened[k] = what
                what = "opened", ""
            print(json.dumps(what), flush=True)
            if len(opened) == BATCH or (opened and k == count - 1):
                paths = [clip.source for clip in opened.values()]
                decoded = ffmpeg_program.decode_all(paths, [clip.channels for clip in opened.values()])
                for (number, clip), expected in zip(opened.items(), decoded, strict=True):
                    print(name, number, json.dumps(compare(clip, expected)), flush=True)
                    clip.source.unlink()
                opened.clear()


def count_outcomes(names, count, seed=0):
    """Survey some formats in a process of their own.

    Returns
    -------
    (dict of str to Counter, list of str)
        How often each outcome occurred, by format, and a line for each fault.
    """
    counts, faults = {name: Counter() for name in names}, []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--survey", "--formats", *names, f"--count={count}", f"--seed={seed}"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen([*command, f"--folder={folder}"], stdout=subprocess.PIPE, env=environment)
        for line in process.stdout:
            name, number, result = line.decode().split(" ", 2)
            what, text = json.loads(result) if result.strip() else ("signal", "")
            if what == "opened":  # a line with the comparison follows
                continue
            counts[name][what] += 1
            if what in FAULTS:
                faults.append(f"{name} {number}: {what} {text}")
        process.stdout.close()
        if process.wait():
            faults.append(f"{', '.join(names)}: exit {process.returncode}")
    return counts, faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="damaged files of each format (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--formats", nargs="+", default=list(CODECS), choices=list(CODECS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--survey", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.survey:
        survey(options.formats, options.count, options.seed, options.folder)
        return 0
    columns = (*OUTCOMES, *FAULTS)
    print(f"{'format':10}" + "".join(f"{column:>10}" for column in columns))
    total, all_faults = Counter(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        results = pool.map(lambda name: count_outcomes([name], options.count, options.seed), options.formats)
        for name, (counts, faults) in zip(options.formats, results, strict=True):
            print(f"{name:10}" + "".join(f"{counts[name][column]:10,}" for column in columns), flush=True)
            total += counts[name]
            all_faults += faults
    print(f"{'all':10}" + "".join(f"{total[column]:10,}" for column in columns))
    print(*all_faults, sep="\n")
    return 1 if all_faults else 0


if __name__ == "__main__":
    sys.exit(main())
