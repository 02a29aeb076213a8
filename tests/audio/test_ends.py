"""Test files that end too early, hold more than their header says, or lie end to end."""

from __future__ import annotations

import ffmpeg_program
import numpy as np
import pytest
import soundfile
from ffmpeg_program import needs_ffmpeg

from auralscope.audio.files import load_clip

RATE = 48000
N = RATE // 2
STATING = (
    "AU",
    "AIFF",
    "CAF",
    "W64",
    "RF64",
    "SVX",
    "NIST",
    "AVR",
    "MPC2K",
    "MAT4",
    "MAT5",
    "WVE",
    "WAV",
    "WAVEX",
    "VOC",
)
NOT_STATING = ("IRCAM", "PAF", "PVF", "XI")  # nothing in these files says how long they are
MONO = ("SVX", "WVE", "XI")
RATES = {"WVE": 8000, "XI": 44100}
CODECS = {
    "m4a": ("aac",),
    "faststart.m4a": ("aac", "-movflags", "faststart"),
    "frag.mp4": ("aac", "-movflags", "frag_keyframe+empty_moov"),
    "mov": ("pcm_s16le",),
    "mkv": ("aac",),
    "mka": ("flac",),
    "webm": ("libopus",),
    "wma": ("wmav2",),
    "avi": ("pcm_s16le",),
    "flv": ("aac", "-ar", "44100"),
    "nut": ("pcm_s16le",),
    "wv": ("wavpack",),
    "tta": ("tta",),
    "alac.caf": ("alac",),
    "ac3": ("ac3",),
    "eac3": ("eac3",),
    "dts": ("dca", "-strict", "-2"),
    "aac": ("aac",),
    "ts": ("mp2",),
    "mpg": ("mp2",),
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "oga": ("flac",),
}
JOINED = ("mkv", "mka", "webm", "avi", "ac3", "eac3", "dts", "aac", "ts", "mpg", "mp3", "opus", "oga")


def noise(channels, n=N, seed=0):
    return (0.2 * np.random.default_rng(seed).standard_normal((n, channels))).clip(-0.9, 0.9).astype(np.float32)


def written(folder, form, seed=0):
    path = folder / f"{seed}.{form.lower()}"
    soundfile.write(path, noise(1 if form in MONO else 2, seed=seed), RATES.get(form, RATE), format=form)
    return path


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """Return a function that encodes noise with ffmpeg, each format once."""
    folder = tmp_path_factory.mktemp("encoded")
    soundfile.write(folder / "source.wav", noise(2, 2 * RATE), RATE)

    def encode(ending):
        path = folder / f"whole.{ending}"
        if not path.exists():
            ffmpeg_program.make("-i", folder / "source.wav", "-c:a", *CODECS[ending], path)
        return path

    return encode


@pytest.mark.parametrize("form", STATING)
@pytest.mark.parametrize("n_missing", [2, 300, N // 2])
def test_a_file_without_its_last_bytes_states_how_much_is_missing(tmp_path, form, n_missing):
    path = written(tmp_path, form)
    whole = load_clip(path)
    assert not whole.notices
    path.write_bytes(path.read_bytes()[:-n_missing])
    clip = load_clip(path)
    assert clip.n_samples < whole.n_samples
    assert " is damaged or cut short: " in clip.notices[0]
    assert f"of {whole.duration_s:.1f}" in clip.notices[0]
    np.testing.assert_array_equal(clip.samples, whole.samples[:, : clip.n_samples])


@pytest.mark.parametrize("form", [*STATING, *NOT_STATING])
def test_files_end_to_end_are_joined(tmp_path, form):
    paths = [written(tmp_path, form, seed) for seed in range(3)]
    whole = tmp_path / "whole"
    whole.write_bytes(b"".join(path.read_bytes() for path in paths))
    clip = load_clip(whole)
    assert not clip.notices
    np.testing.assert_array_equal(clip.samples, np.concatenate([load_clip(path).samples for path in paths], axis=1))


@needs_ffmpeg
@pytest.mark.parametrize("ending", CODECS)
def test_containers_end_to_end_open_whole_or_with_a_notice(tmp_path, encoded, ending):
    path = encoded(ending)
    alone = load_clip(path)
    assert not alone.notices
    twice = tmp_path / f"twice.{ending}"
    twice.write_bytes(path.read_bytes() * 2)
    clip = load_clip(twice)
    if ending in JOINED:
        assert clip.duration_s == pytest.approx(2 * alone.duration_s, abs=0.06)
    else:
        assert clip.notices


@needs_ffmpeg
@pytest.mark.parametrize(
    "ending",
    ["faststart.m4a", "frag.mp4", "mkv", "mka", "webm", "wma", "avi", "ac3", "eac3", "aac", "ts", "opus"],
)
@pytest.mark.parametrize("n_missing", [400, 5000])
def test_a_container_without_its_last_bytes_has_a_notice(tmp_path, encoded, ending, n_missing):
    content = encoded(ending).read_bytes()
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content[:-n_missing])
    clip = load_clip(path)
    assert clip.notices
    # What lies before the end opens without a notice where only the end is missing.
    if ending in ("faststart.m4a", "mkv", "webm", "avi"):
        assert not load_clip(path, duration_s=0.5).notices


@pytest.mark.parametrize("form", ["WAV", "AIFF", "CAF", "W64", "AU", "RF64"])
def test_what_follows_the_stated_end_has_a_notice_unless_it_is_a_tag_or_padding(tmp_path, form):
    path = written(tmp_path, form)
    whole, content = load_clip(path), path.read_bytes()
    for rest in (b"TAG" + bytes(125), b"APETAGEX" + bytes(100), bytes(4096)):
        path.write_bytes(content + rest)
        clip = load_clip(path)
        assert not clip.notices
        np.testing.assert_array_equal(clip.samples, whole.samples)
    path.write_bytes(content + content[-5000:])
    clip = load_clip(path)
    assert "holds more sound than its header says" in clip.notices[0]
    np.testing.assert_array_equal(clip.samples, whole.samples)


@pytest.mark.parametrize("what", ["repeated", "missing", "swapped"])
def test_frames_of_a_flac_that_are_not_in_order_have_a_notice(tmp_path, what):
    path = written(tmp_path, "FLAC")
    assert not load_clip(path).notices
    content = path.read_bytes()
    first = content.index(b"\xff\xf8")
    # The number of the frame follows four bytes that are the same in all frames but the last.
    a, b, c = (content.index(content[first : first + 4] + bytes([k])) for k in (1, 2, 3))
    path.write_bytes(
        {
            "repeated": content[:c] + content[a:c] + content[c:],
            "missing": content[:a] + content[b:],
            "swapped": content[:a] + content[b:c] + content[a:b] + content[c:],
        }[what]
    )
    clip = load_clip(path)
    assert clip.notices
    assert clip.n_samples > 8192


@needs_ffmpeg
@pytest.mark.parametrize("rate", [8000, 24000, 48000])
@pytest.mark.parametrize("ending", ["webm", "mkv", "mp4", "opus"])
def test_opus_of_any_rate_begins_with_the_first_sample(tmp_path, rate, ending):
    t = np.arange(RATE) / RATE
    source = tmp_path / "source.wav"
    soundfile.write(source, 0.4 * np.sin(2 * np.pi * (200 * t + 500 * t * t)), RATE)
    path = ffmpeg_program.make("-i", source, "-ar", rate, "-c:a", "libopus", "-b:a", "64k", tmp_path / f"a.{ending}")
    clip = load_clip(path)
    assert not clip.notices
    assert clip.n_samples == RATE
    n_fft = 2 * RATE
    expected = soundfile.read(source)[0]
    correlation = np.fft.irfft(np.fft.rfft(clip.mono(), n_fft) * np.conj(np.fft.rfft(expected, n_fft)), n_fft)
    lag = int(np.argmax(correlation))
    assert min(lag, n_fft - lag) <= 8  # the resampler before the encoder


@needs_ffmpeg
def test_damage_that_ffmpeg_conceals_has_a_notice(tmp_path, encoded):
    content = bytearray(encoded("ac3").read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40] = bytes(40)
    path = tmp_path / "a.ac3"
    path.write_bytes(content)
    clip = load_clip(path)
    assert clip.n_samples == load_clip(encoded("ac3")).n_samples
    assert "is damaged" in clip.notices[0]


@needs_ffmpeg
def test_an_mp3_whose_tag_of_delays_is_damaged_has_a_notice(tmp_path):
    """Programs drop different numbers of samples at both ends then."""
    noise = 0.1 * np.random.default_rng(0).standard_normal((RATE, 2))
    soundfile.write(tmp_path / "a.wav", noise, RATE)
    path = tmp_path / "a.mp3"
    ffmpeg_program.make("-i", tmp_path / "a.wav", "-c:a", "libmp3lame", path)
    assert not load_clip(path).notices
    whole = path.read_bytes()
    # The delays of encoder and decoder; the version and the flags of the ID3 tag in front.
    for at, value in ((whole.rindex(b"Lav", 0, 1000) + 21, 0x10), (3, 0xFB), (5, 0x7F)):
        content = bytearray(whole)
        content[at] ^= value
        path.write_bytes(content)
        assert "damaged" in load_clip(path).notices[0]
