"""Tests of rare and incomplete files against the written signal and the program ffmpeg."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import ffmpeg_program
import numpy as np
import pytest
import soundfile
from ffmpeg_program import needs_ffmpeg

from auralscope.audio import decoder_process
from auralscope.audio.files import load_clip
from auralscope.errors import AudioFileError

RATE = 48000
LAYOUTS = {
    1: ("mono",),
    2: ("stereo",),
    3: ("3.0", "2.1"),
    4: ("4.0", "quad"),
    5: ("5.0",),
    6: ("5.1", "6.0"),
    7: ("6.1",),
    8: ("7.1", "7.1(wide)"),
}
CODECS = {
    "m4a": ("aac",),
    "aac": ("aac",),
    "alac.m4a": ("alac",),
    "ogg": ("libvorbis",),
    "opus": ("libopus", "-mapping_family", "1"),
    "webm": ("libopus", "-mapping_family", "1"),
    "flac": ("flac",),
    "ac3": ("ac3",),
    "dts": ("dca", "-strict", "-2"),
    "wav": ("pcm_s24le",),
}


def tones(channels, duration_s=0.5, rate=RATE):
    """Return a tone of another frequency in each channel, in quiet noise."""
    t = np.arange(round(rate * duration_s)) / rate
    noise = 0.01 * np.random.default_rng(1).standard_normal((channels, t.size))
    return (noise + [0.3 * np.sin(2 * np.pi * (300 + 150 * k) * t) for k in range(channels)]).astype(np.float32)


def write(path, samples, rate=RATE, **options):
    soundfile.write(path, samples.T, rate, **options)
    return path


def is_as_ffmpeg_decodes(path, tolerance=2e-6):
    clip = load_clip(path)
    expected = ffmpeg_program.decode(path, clip.channels)
    n = min(clip.n_samples, expected.shape[1])
    # ffmpeg keeps the silence after an MP4's end and removes samples from a Vorbis of unusual block sizes.
    assert abs(clip.n_samples - expected.shape[1]) <= 1024
    np.testing.assert_allclose(clip.samples[:, :n], expected[:, :n], rtol=0, atol=tolerance)
    return clip


@needs_ffmpeg
@pytest.mark.parametrize("ending", CODECS)
@pytest.mark.parametrize("channels", LAYOUTS)
def test_channels_come_in_ffmpegs_order(tmp_path, channels, ending):
    source = write(tmp_path / "source.wav", tones(channels), subtype="PCM_24")
    n_opened = 0
    for layout in LAYOUTS[channels]:
        path = tmp_path / f"{layout}.{ending}"
        as_layout = ("-channel_layout", layout, "-i", source)
        try:
            ffmpeg_program.make(*as_layout, "-c:a", *CODECS[ending], path)
        except ffmpeg_program.subprocess.CalledProcessError:
            continue  # the encoder does not know the layout
        clip = is_as_ffmpeg_decodes(path)
        assert not clip.notices
        n_opened += 1
        # Other encoders convert layouts, or lose a tone.
        if layout == LAYOUTS[channels][0] and ending in ("flac", "ogg", "opus", "webm", "wav"):
            loudest_hz = np.abs(np.fft.rfft(clip.samples[:, 4096:20480])).argmax(axis=1) * RATE / 16384
            is_low = np.arange(channels) == layout_index_of_low_frequencies(layout)
            np.testing.assert_allclose(loudest_hz[~is_low], (300 + 150 * np.arange(channels))[~is_low], atol=6)
    if channels <= 2 or ending in ("aac", "m4a", "flac", "ogg", "wav"):
        assert n_opened


def layout_index_of_low_frequencies(layout):
    """Return the channel that a codec may filter, or -1."""
    return {"2.1": 2, "5.1": 3, "6.1": 3, "7.1": 3, "7.1(wide)": 3}.get(layout, -1)


def test_eight_channels_in_a_file_of_another_program(shared):
    clip = load_clip(shared / "trials" / "files" / "aac71.m4a")
    assert (clip.channels, clip.n_samples) == (8, 88200)


def test_a_damaged_file_of_eight_channels(shared):
    with pytest.raises(AudioFileError, match=r"damaged or cut short: 0\.0 of 1\.5 s can be read, and nothing from 0 s"):
        load_clip(shared / "trials" / "files" / "damaged_71.m4a")


# Several streams end to end.


@pytest.mark.parametrize(("ending", "subtype"), [("ogg", "VORBIS"), ("flac", "PCM_16"), ("wav", "PCM_16")])
@pytest.mark.parametrize("n", [2, 3])
def test_streams_end_to_end_are_joined(tmp_path, ending, subtype, n):
    contents, alone = [], []
    for k in range(n):
        path = write(tmp_path / f"{k}.{ending}", tones(2)[:, 1000 * k :], format=ending.upper(), subtype=subtype)
        contents.append(path.read_bytes())
        alone.append(load_clip(path).samples)
    whole = tmp_path / f"whole.{ending}"
    whole.write_bytes(b"".join(contents))
    clip = load_clip(whole)
    assert not clip.notices
    np.testing.assert_array_equal(clip.samples, np.concatenate(alone, axis=1))
    part = load_clip(whole, start_s=0.45, duration_s=0.2)
    np.testing.assert_array_equal(part.samples, clip.samples[:, 21600 : 21600 + 9600])


@pytest.mark.parametrize("ending", ["ogg", "flac"])
def test_a_stream_of_another_rate_or_channels_is_left_out_with_a_notice(tmp_path, ending):
    first = write(tmp_path / f"a.{ending}", tones(2))
    for k, other in enumerate((tones(1), tones(2))):
        second = write(tmp_path / f"b.{ending}", other, rate=44100 if k else RATE)
        path = tmp_path / f"{k}.{ending}"
        path.write_bytes(first.read_bytes() + second.read_bytes())
        clip = load_clip(path)
        assert clip.n_samples == 24000
        assert "changes its sample rate or its channels after 0.5 s: only the sound before is open." in clip.notices[0]


def test_a_flac_that_holds_more_than_its_header_says_has_a_notice(tmp_path):
    path = write(tmp_path / "a.flac", tones(2, 4.0))
    assert not load_clip(path).notices
    content = bytearray(path.read_bytes())
    content[21:26] = bytes([content[21] & 0xF0]) + struct.pack(">I", 48000)
    path.write_bytes(content)
    clip = load_clip(path)
    assert clip.n_samples == 48000
    assert "holds more sound than its header says" in clip.notices[0]


# Ogg pages.


def pages(content):
    starts = [k for k in range(len(content)) if content.startswith(b"OggS", k)]
    return [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]


def test_an_ogg_without_its_last_page_has_a_notice(tmp_path):
    path = write(tmp_path / "a.ogg", tones(1, 3.0))
    path.write_bytes(b"".join(pages(path.read_bytes())[:-1]))
    clip = load_clip(path)
    assert clip.duration_s > 1.0
    assert "ends without the last page of an Ogg file" in clip.notices[0]


@pytest.mark.parametrize("what", ["lost", "damaged"])
@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_a_bad_page_within_an_ogg_has_a_notice(tmp_path, what, subtype):
    path = write(tmp_path / "a.ogg", tones(1, 6.0), format="OGG", subtype=subtype)
    assert not load_clip(path).notices
    all_pages = pages(path.read_bytes())
    assert len(all_pages) > 4
    if what == "lost":
        del all_pages[3]
    else:
        page = bytearray(all_pages[3])
        page[len(page) // 2] ^= 1
        all_pages[3] = bytes(page)
    path.write_bytes(b"".join(all_pages))
    assert "pages of it are unreadable or missing" in load_clip(path).notices[0]


# Headers that were never completed, and tags.


@pytest.mark.parametrize(
    ("form", "mark", "offset", "sizes"),
    [
        ("WAV", b"data", 4, [bytes(4), b"\xff" * 4]),
        ("AU", b".snd", 8, [bytes(4), b"\xff" * 4]),
        ("CAF", b"data", 4, [bytes(8), b"\xff" * 8]),
        ("RF64", b"ds64", 16, [bytes(8)]),
        ("AIFF", b"SSND", 4, [bytes(4)]),
        ("W64", b"data", 16, [bytes(8)]),
    ],
)
def test_a_header_without_a_length_is_read_to_the_end(tmp_path, form, mark, offset, sizes):
    path = write(tmp_path / "a", tones(2), format=form, subtype="PCM_16")
    expected = load_clip(path).samples
    content = path.read_bytes()
    at = content.index(mark) + offset
    for size in sizes:
        path.write_bytes(content[:at] + size + content[at + len(size) :])
        clip = load_clip(path)
        assert not clip.notices
        np.testing.assert_array_equal(clip.samples[:, :24000], expected)
        assert clip.n_samples == 24000


def test_an_empty_wav_before_other_chunks_stays_empty(tmp_path):
    path = write(tmp_path / "a.wav", np.zeros((1, 0)))
    path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 400) + b"INFO" + bytes(396))
    with pytest.raises(AudioFileError, match="lasts 0 ms"):
        load_clip(path)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "aiff", "mp3", "caf"])
def test_a_tag_in_front_is_skipped(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}", tones(1))
    expected = load_clip(path).samples
    tag = b"ID3\x04\x00\x00\x00\x00\x01\x00" + bytes(128)
    for tags in (tag, tag + tag):
        (tmp_path / "tagged").write_bytes(tags + path.read_bytes())
        clip = load_clip(tmp_path / "tagged")
        assert not clip.notices
        np.testing.assert_array_equal(clip.samples, expected)


def test_sound_designer_ii_with_and_without_its_resource_fork(tmp_path):
    path = write(tmp_path / "a.sd2", tones(2), rate=44100, format="SD2", subtype="PCM_16")
    clip = load_clip(path)
    assert (clip.sample_rate, clip.notices) == (44100, ())
    np.testing.assert_allclose(clip.samples, tones(2), atol=3.1e-5)
    (tmp_path / "._a.sd2").unlink()
    with pytest.raises(AudioFileError, match="is not a sound file that can be decoded"):
        load_clip(path)


# Sample types, levels, rates.


@needs_ffmpeg
@pytest.mark.parametrize("codec", ["u8", "s16le", "s24le", "s32le", "s64le", "f32le", "f64le", "s16be", "s24be"])
@pytest.mark.parametrize("ending", ["wav", "nut", "mov", "mkv"])
def test_sample_types(tmp_path, codec, ending):
    source = write(tmp_path / "source.wav", tones(2), subtype="DOUBLE")
    path = tmp_path / f"a.{ending}"
    try:
        ffmpeg_program.make("-i", source, "-c:a", f"pcm_{codec}", path)
    except ffmpeg_program.subprocess.CalledProcessError:
        assert ending != "nut"  # which takes all of them
        return
    clip = is_as_ffmpeg_decodes(path, 1e-7)
    assert not clip.notices
    if (ending, codec) == ("mov", "s64le"):  # no reader knows what ffmpeg writes there
        return
    np.testing.assert_allclose(clip.samples, tones(2), atol={"u8": 8e-3, "s16le": 4e-5, "s16be": 4e-5}.get(codec, 2e-7))


@pytest.mark.parametrize(("peak", "subtype"), [(1e30, "FLOAT"), (3e38, "FLOAT"), (1e7, "DOUBLE"), (1e300, "DOUBLE")])
def test_levels_beyond_all_sound_are_refused(tmp_path, peak, subtype):
    path = write(tmp_path / "a.wav", np.sign(tones(1)).astype(np.float64) * peak, subtype=subtype)
    with pytest.raises(AudioFileError, match="export it again"):
        load_clip(path)


def test_integers_stored_as_floating_point_open_with_a_notice(tmp_path):
    samples = np.round(tones(1) * 32767)
    clip = load_clip(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    np.testing.assert_array_equal(clip.samples, samples)
    assert "full scale is 1" in clip.notices[0]


@pytest.mark.parametrize("rate", [1, 10, 99])
@pytest.mark.parametrize("ending", ["wav", "aiff", "caf"])
def test_a_rate_that_no_sound_has_is_refused(tmp_path, rate, ending):
    path = write(tmp_path / f"a.{ending}", tones(1), rate=rate)
    with pytest.raises(AudioFileError, match=f"has a sample rate of {rate} Hz, and sound needs 100 to"):
        load_clip(path)


@pytest.mark.parametrize("ending", ["wav", "aiff", "flac", "au", "caf", "w64", "rf64", "svx"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_shortened_file_states_how_much_is_missing(tmp_path, ending, share):
    path = write(tmp_path / "a", tones(1, 6.0), format=ending.upper(), subtype="PCM_16")
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    clip = load_clip(path)
    assert clip.duration_s == pytest.approx(6 * share, abs=0.15)
    np.testing.assert_allclose(clip.samples, tones(1, 6.0)[:, : clip.n_samples], atol=3.1e-5)
    assert f"is damaged or cut short: {clip.duration_s:.1f} of 6.0 s can be read." in clip.notices[0]
    assert not load_clip(path, duration_s=1.0).notices


# Parts of a file.


@pytest.fixture(scope="module")
def noise_in_parts(tmp_path_factory):
    random = np.random.default_rng(2)
    samples = tones(2, 8.0) + 0.1 * random.standard_normal((2, 8 * RATE)) * (np.arange(8 * RATE) % RATE < RATE // 3)
    return write(tmp_path_factory.mktemp("noise") / "source.wav", samples)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("mp3", ("-c:a", "libmp3lame", "-q:a", "4")),
        ("mp3", ("-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", "0")),
        ("aac", ("-c:a", "aac")),
        ("m4a", ("-c:a", "aac")),
        ("mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")),
        ("mkv", ("-c:a", "aac")),
        ("ts", ("-c:a", "aac")),
        ("ts", ("-c:a", "mp2")),
        ("opus", ("-c:a", "libopus", "-vbr", "on")),
        ("webm", ("-c:a", "libopus")),
        ("ogg", ("-c:a", "libvorbis", "-q:a", "3")),
        ("wma", ("-c:a", "wmav2")),
        ("ac3", ("-c:a", "ac3")),
        ("flac", ("-c:a", "flac")),
    ],
)
def test_a_part_equals_the_same_part_of_the_whole_to_the_sample(tmp_path, noise_in_parts, ending, options):
    path = ffmpeg_program.make("-i", noise_in_parts, *options, tmp_path / f"a.{ending}")
    whole = load_clip(path)
    expected = ffmpeg_program.decode(path, 2)
    for start_s in (0.0, 0.0213, 1.0, 2.718, 4.5, 7.123):
        part = load_clip(path, start_s=start_s, duration_s=0.7)
        first = round(start_s * RATE)
        assert part.n_samples == round(0.7 * RATE)
        np.testing.assert_array_equal(part.samples, whole.samples[:, first : first + part.n_samples])
        np.testing.assert_allclose(part.samples, expected[:, first : first + part.n_samples], atol=1e-4)


# The process that decodes with FFmpeg.


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    return write(tmp_path_factory.mktemp("mp3") / "a.mp3", tones(2, 20.0), format="MP3")


def the_process():
    (process,) = decoder_process._idle
    return process._process


def test_the_process_stays_warm(mp3):
    load_clip(mp3)
    first = the_process()
    load_clip(mp3, start_s=1.0, duration_s=0.5)
    with pytest.raises(AudioFileError):
        load_clip(mp3, start_s=30.0)
    load_clip(mp3)
    assert the_process() is first


def test_a_process_that_crashes_is_one_sentence_and_the_next_file_opens(mp3):
    n = load_clip(mp3).n_samples
    process = the_process()
    clip = load_clip(mp3, progress=lambda _share: process.kill())
    assert clip.n_samples < n
    assert "FFmpeg, which decodes it, stopped after" in clip.notices[0]
    assert load_clip(mp3).n_samples == n


def test_a_process_that_hangs_is_killed(mp3, monkeypatch):
    import signal

    load_clip(mp3)
    process = the_process()
    os.kill(process.pid, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(decoder_process, "HANG_S", 0.5)
        with pytest.raises(AudioFileError, match="stops FFmpeg"):
            load_clip(mp3)
    assert process.poll() is not None
    assert load_clip(mp3).channels == 2


def test_cancelling_leaves_a_process_for_the_next_file(mp3):
    class CancelledError(Exception):
        pass

    def cancel(_share):
        raise CancelledError

    for _ in range(3):
        with pytest.raises(CancelledError):
            load_clip(mp3, progress=cancel)
    assert load_clip(mp3).duration_s == pytest.approx(20.0, abs=0.1)
    assert len(decoder_process._idle) == 1


def test_several_threads_decode_at_once(mp3):
    from concurrent.futures import ThreadPoolExecutor

    expected = load_clip(mp3).samples
    with ThreadPoolExecutor(4) as pool:
        for clip in pool.map(load_clip, [mp3] * 8):
            np.testing.assert_array_equal(clip.samples, expected)


def test_a_plain_script_may_load_a_file(mp3, tmp_path):
    """Run a script without a main guard, in a folder from which the package cannot be imported."""
    import subprocess
    import sys

    script = tmp_path / "script.py"
    root = Path(__file__).parents[2]
    script.write_text(
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "import auralscope as asc\n"
        f"print(asc.load_clip({str(mp3)!r}).channels)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("2\n", "", 0)
