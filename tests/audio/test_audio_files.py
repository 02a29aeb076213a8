"""Tests of decoding: every format against the encoded signal, and bad files of every kind."""

from __future__ import annotations

import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from sweeps import DURATION_S, RATE, sweep

from auralscope.audio.files import SUFFIXES, load_clip, wav_bytes, write_wav
from auralscope.errors import AudioFileError
from auralscope.files import quoted
from auralscope.types import Clip


def lag_and_likeness(heard, expected):
    """Return the delay of `heard` in samples, and the correlation coefficient without that delay."""
    n_fft = 1 << (heard.size + expected.size).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(heard, n_fft) * np.conj(np.fft.rfft(expected, n_fft)), n_fft)
    lag = int(np.argmax(correlation))
    lag = lag - n_fft if lag > n_fft // 2 else lag
    a, b = heard[max(lag, 0) :], expected[max(-lag, 0) :]
    n = min(a.size, b.size)
    return lag, float(np.corrcoef(a[:n], b[:n])[0, 1])


def encode(path, samples, rate, *, codec, container=None, layout="mono", video=False, options=None):
    """Write (channels, n) float32 with FFmpeg's libraries, with a moving picture where asked."""
    with av.open(str(path), "w", format=container) as output:
        if video:
            picture = output.add_stream("mpeg4", rate=10)
            picture.width = picture.height = 64
            picture.pix_fmt = "yuv420p"
        stream = output.add_stream(codec, rate=rate, layout=layout, options=options or {})
        if video:
            for k in range(round(10 * samples.shape[1] / rate)):
                image = np.full((64, 64, 3), 8 * k % 256, np.uint8)
                output.mux(picture.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
            output.mux(picture.encode(None))
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        size = stream.codec_context.frame_size or 4096
        fifo = av.AudioFifo()
        for each in resampler.resample(frame):
            fifo.write(each)
        while (part := fifo.read(size, partial=True)) is not None:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 3.1e-5),
        ("a.wav", "PCM_24", 2e-7),
        ("a.wav", "FLOAT", 0.0),
        ("a.flac", "PCM_24", 2e-7),
        ("a.aiff", "PCM_16", 3.1e-5),
        ("a.w64", "DOUBLE", 0.0),
    ],
)
@pytest.mark.parametrize(("channels", "rate"), [(1, 44100), (2, 22050), (6, 48000), (3, 12345)])
def test_lossless_formats_come_back_as_they_were(tmp_path, name, subtype, tolerance, channels, rate):
    samples = np.stack([sweep(rate, 0.5) * (k + 1) / channels for k in range(channels)])
    path = tmp_path / name
    soundfile.write(path, samples.T, rate, subtype=subtype)
    clip = load_clip(path)
    assert (clip.channels, clip.sample_rate, clip.source, clip.start_s) == (channels, rate, path, 0.0)
    assert clip.samples.dtype == np.float32
    assert clip.samples.shape == samples.shape
    np.testing.assert_allclose(clip.samples, samples, rtol=0, atol=tolerance)


LOSSY = {
    "vorbis.ogg": {"soundfile": ("OGG", "VORBIS")},
    "opus.opus": {"soundfile": ("OGG", "OPUS"), "rate": 48000},
    "mp3.mp3": {"soundfile": ("MP3", "MPEG_LAYER_III")},
    "aac.m4a": {"codec": "aac", "container": "ipod"},
    "alac.m4a": {"codec": "alac", "container": "ipod"},
    "video.mp4": {"codec": "aac", "container": "mp4", "video": True},
    "video.mkv": {"codec": "aac", "container": "matroska", "video": True},
    "opus.webm": {"codec": "libopus", "container": "webm", "rate": 48000},
    "sound.mka": {"codec": "flac", "container": "matroska"},
    "raw.aac": {"codec": "aac", "container": "adts"},
}


def make(path, samples, how):
    how = dict(how)
    rate = how.pop("rate", RATE)
    if "soundfile" in how:
        form, subtype = how["soundfile"]
        soundfile.write(path, samples.T, rate, format=form, subtype=subtype)
    else:
        layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[0]]
        encode(path, samples, rate, layout=layout, **how)
    return path


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_formats_and_video_have_their_sound_in_time(tmp_path, name, channels):
    rate = LOSSY[name].get("rate", RATE)
    samples = np.stack([sweep(rate), sweep(rate)[::-1]])[:channels]
    clip = load_clip(make(tmp_path / name, samples, LOSSY[name]))
    assert (clip.channels, clip.sample_rate) == (channels, rate)
    # A raw AAC stream has nowhere to say what its encoder put in front (1,024 samples); the others do.
    delay = 1024 if name == "raw.aac" else 0
    for heard, expected in zip(clip.samples, samples, strict=True):
        lag, likeness = lag_and_likeness(heard, expected)
        # A millisecond is what Matroska's clock can tell.
        assert abs(lag - delay) <= (rate / 1000 if name == "video.mkv" else 1)
        assert likeness > 0.99
    assert clip.duration_s == pytest.approx(DURATION_S, abs=0.06)


@pytest.mark.parametrize("name", ["vorbis.ogg", "opus.opus", "aac.m4a", "flac.flac"])
def test_six_channels_come_in_wav_order(tmp_path, name):
    t = np.arange(48000) / 48000
    tones_hz = [300, 500, 700, 60, 1100, 1300]  # L R C LFE Ls Rs
    samples = np.stack([0.3 * np.sin(2 * np.pi * hz * t) for hz in tones_hz]).astype(np.float32)
    how = {
        "vorbis.ogg": {"soundfile": ("OGG", "VORBIS"), "rate": 48000},
        "opus.opus": {"codec": "libopus", "container": "ogg", "options": {"mapping_family": "1", "b": "512k"}},
        "aac.m4a": {"codec": "aac", "container": "ipod", "options": {"b": "512k"}},
        "flac.flac": {"codec": "flac", "container": "flac"},
    }[name]
    if "soundfile" in how:  # it writes channels as it gets them: in Vorbis's order, L C R Ls Rs LFE
        make(tmp_path / name, samples[[0, 2, 1, 4, 5, 3]], how)
    else:
        encode(tmp_path / name, samples, 48000, layout="5.1", **how)
    clip = load_clip(tmp_path / name)
    spectrum = np.abs(np.fft.rfft(clip.samples[:, 4800:43200], axis=1))
    np.testing.assert_allclose(spectrum.argmax(axis=1) * 48000 / 38400, tones_hz, atol=2.5)


@pytest.mark.parametrize("name", [*LOSSY, "pcm.wav"])
def test_a_part_is_the_same_part_of_the_whole(tmp_path, name):
    how = LOSSY.get(name, {"soundfile": ("WAV", "PCM_16")})
    if how.get("codec") == "aac":  # its decoder makes up noise of its own unless the encoder is told to use none
        how = {**how, "options": {"aac_pns": "0"}}
    rate = how.get("rate", RATE)
    path = make(tmp_path / name, sweep(rate)[np.newaxis], how)
    whole, part = load_clip(path), load_clip(path, start_s=1.7, duration_s=0.75)
    first = round(1.7 * rate)
    assert part.n_samples == round(0.75 * rate)
    assert part.start_s == 1.7
    np.testing.assert_allclose(part.samples, whole.samples[:, first : first + part.n_samples], atol=2e-3)
    rest = load_clip(path, start_s=2.5, duration_s=100.0)
    assert rest.n_samples == whole.n_samples - round(2.5 * rate)


def test_content_decides_and_not_the_ending(tmp_path):
    samples = sweep()[np.newaxis]
    for name, how in LOSSY.items():
        path = make(tmp_path / name, samples, how)
        for ending in (".txt", ".wav", ".raw", ""):
            renamed = path.rename(tmp_path / f"renamed{ending}")
            assert load_clip(renamed).n_samples > 2.9 * RATE
            path = renamed


def test_endings_offered_are_of_one_form():
    assert {".wav", ".flac", ".ogg", ".mp3", ".aiff", ".opus", ".m4a", ".mp4", ".mkv"} <= set(SUFFIXES)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in SUFFIXES)


@pytest.mark.parametrize(
    "stem", ["Ünïcødé ♫ 音楽", "two\nlines", "100% #1 ?*[x]", os.fsdecode(b"caf\xe9 \xff"), "-v", "http:"]
)
@pytest.mark.parametrize("kind", ["pcm.wav", "mp3.mp3", "video.mkv"])
def test_any_file_name(tmp_path, stem, kind):
    made = make(tmp_path / kind, sweep()[np.newaxis], LOSSY.get(kind, {"soundfile": ("WAV", "PCM_16")}))
    path = made.rename(tmp_path / (stem + made.suffix))
    assert load_clip(path).source == path
    assert load_clip(str(path)).n_samples > 2.9 * RATE
    copy = tmp_path / f"copy of {stem}.wav"
    write_wav(copy, load_clip(path))
    assert load_clip(copy).n_samples > 2.9 * RATE
    with pytest.raises(AudioFileError) as caught:
        load_clip(tmp_path / f"{stem} gone.wav")
    message = str(caught.value)
    assert message.isprintable()
    message.encode("utf-8")


def test_recordings(shared):
    paths = sorted((shared / "audio").glob("*.ogg"))
    assert len(paths) == 9
    for path in paths:
        clip = load_clip(path)
        expected, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert clip.sample_rate == rate
        np.testing.assert_array_equal(clip.samples, expected.T)


# Bad input: one sentence each.


@pytest.fixture(autouse=True, scope="module")
def warm(tmp_path_factory):
    """Start the process that decodes with FFmpeg, whose socket would count as an open file."""
    load_clip(make(tmp_path_factory.mktemp("warm") / "mp3.mp3", sweep()[np.newaxis], LOSSY["mp3.mp3"]))


def complaint(path, **options):
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    with pytest.raises(AudioFileError) as caught:
        load_clip(path, **options)
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)
    message = str(caught.value)
    assert message.isprintable()
    assert quoted(path) in message
    assert message.endswith(".")
    return message


def test_gone_folder_and_empty(tmp_path):
    assert "is not there" in complaint(tmp_path / "gone.wav")
    assert "is a folder" in complaint(tmp_path)
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert "is empty (0 bytes)" in complaint(empty)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "a device or a pipe" in complaint(tmp_path / "pipe.wav")


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="POSIX")
def test_no_permission(tmp_path):
    path = tmp_path / "mine.wav"
    soundfile.write(path, sweep(), RATE)
    path.chmod(0)
    tmp_path.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        for folder in (tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(folder.stat().st_mode | 0o055)
        os.seteuid(65534)  # root may read everything
    try:
        assert "cannot be read: permission denied" in complaint(path).lower()
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(
    "content", [b"This is a text, not a sound.\n" * 200, b"\0" * 10000, b"x", b"RIFF", b"ID3", b"OggS"]
)
@pytest.mark.parametrize("ending", [".wav", ".mp3", ".ogg"])
def test_not_audio(tmp_path, capfd, content, ending):
    path = tmp_path / f"text{ending}"
    path.write_bytes(content)
    assert "is not a sound file that can be decoded" in complaint(path)
    assert capfd.readouterr() == ("", "")


def test_noise_bytes_are_not_audio(tmp_path, capfd):
    rng = np.random.default_rng(4)
    for k in range(20):
        path = tmp_path / f"noise{k}.mp3"
        path.write_bytes((b"\xff\xfb" if k % 2 else b"") + rng.bytes(20000))
        complaint(path)
    assert capfd.readouterr() == ("", "")


def test_a_playlist_opens_nothing_else(tmp_path):
    make(tmp_path / "raw.aac", sweep()[np.newaxis], LOSSY["raw.aac"])
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:3,\n{tmp_path}/raw.aac\n#EXT-X-ENDLIST\n")
    assert "is not a sound file" in complaint(playlist)


def test_a_video_without_sound(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")))
        output.mux(stream.encode(None))
    assert "has no sound" in complaint(path)


@pytest.mark.parametrize(
    "name", ["mp3.mp3", "raw.aac", "video.mkv", "flac.flac", "pcm.wav", "pcm.aiff", "faststart.m4a"]
)
def test_cut_short(tmp_path, capfd, caplog, name):
    how = {
        "flac.flac": {"soundfile": ("FLAC", "PCM_16")},
        "pcm.wav": {"soundfile": ("WAV", "PCM_16")},
        "pcm.aiff": {"soundfile": ("AIFF", "PCM_16")},
        "faststart.m4a": {"codec": "aac", "container": "ipod"},
        **LOSSY,
    }[name]
    path = make(tmp_path / name, sweep()[np.newaxis], how)
    whole = path.read_bytes()
    if name == "faststart.m4a":  # the index in front, as of files from the web
        with (
            av.open(str(path)) as source,
            av.open(str(path) + "2", "w", format="ipod", options={"movflags": "faststart"}) as copy,
        ):
            stream = copy.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
        whole = Path(str(path) + "2").read_bytes()
    path.write_bytes(whole[: len(whole) // 2 + 101])
    clip = load_clip(path)
    assert 0.9 < clip.duration_s < 2.1
    assert lag_and_likeness(clip.samples[0], sweep()[: clip.n_samples])[1] > 0.98
    if name == "raw.aac":  # does not state its length, but ends within a frame
        assert "is damaged" in clip.notices[0]
    else:
        assert f"is damaged or cut short: {clip.duration_s:.1f} of 3.0 s can be read" in clip.notices[0]
        assert "of 3.0 s can be read, and nothing from 2.5 s on" in complaint(path, start_s=2.5)
    assert [record.getMessage() for record in caplog.records] == [" ".join(clip.notices)]
    caplog.clear()
    # What lies before the damage opens when it is asked for.
    if name != "raw.aac":
        part = load_clip(path, start_s=0.2, duration_s=0.5)
        assert not part.notices
        assert lag_and_likeness(part.samples[0], sweep()[8820 : 8820 + 22050])[1] > 0.98
    assert capfd.readouterr() == ("", "")


def test_cut_short_before_any_sound(tmp_path):
    path = make(tmp_path / "aac.m4a", sweep()[np.newaxis], LOSSY["aac.m4a"])  # its index is at the end
    path.write_bytes(path.read_bytes()[:5000])
    assert "or damaged" in complaint(path)


def test_a_wav_of_unknown_length_is_read_completely(tmp_path):
    path = tmp_path / "piped.wav"
    content = bytearray(wav_bytes(Clip(sweep(), RATE)))
    struct.pack_into("<I", content, 4, 0xFFFFFFFF)
    struct.pack_into("<I", content, content.index(b"data") + 4, 0xFFFFFFFF)
    path.write_bytes(content)
    assert load_clip(path).n_samples == sweep().size


def test_an_mp3_that_does_not_state_its_length_opens(tmp_path):
    path = encode(tmp_path / "bare.mp3", sweep()[np.newaxis], RATE, codec="libmp3lame", container="mp3")
    content = path.read_bytes()
    at = max(content.find(b"Xing"), content.find(b"Info"))
    assert at > 0
    content = content[content.index(b"\xff\xfb", at) :]
    path.write_bytes(content + b"TAG" + b"x" * 125)
    assert load_clip(path).duration_s == pytest.approx(DURATION_S, abs=0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers(tmp_path, bad):
    path = tmp_path / "bad.wav"
    samples = np.stack([sweep(), sweep()])
    samples[0, 100:1100] = bad
    soundfile.write(path, samples.T, RATE, subtype="FLOAT")
    assert "1,000 samples that are not numbers" in complaint(path)
    assert load_clip(path, start_s=1.0).duration_s == pytest.approx(2.0)


def test_nothing_but_nan(tmp_path):
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.full((RATE, 2), np.nan), RATE, subtype="FLOAT")
    assert "88,200 samples that are not numbers" in complaint(path)


def test_no_channels(tmp_path):
    content = bytearray(wav_bytes(Clip(sweep(), RATE)))
    struct.pack_into("<H", content, 22, 0)
    path = tmp_path / "none.wav"
    path.write_bytes(content)
    assert "has 0 channels" in complaint(path)


def test_too_short_and_just_long_enough(tmp_path):
    path = tmp_path / "short.wav"
    soundfile.write(path, sweep()[:441], RATE)
    assert "lasts 10 ms; at least 100 ms are needed" in complaint(path)
    soundfile.write(path, sweep()[:4410], RATE)
    assert load_clip(path).n_samples == 4410
    soundfile.write(path, np.zeros(0), RATE)
    assert "lasts 0 ms" in complaint(path)


def test_silence_is_fine(tmp_path):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(RATE), RATE)
    assert load_clip(path).peak == 0.0


@pytest.mark.parametrize("name", ["mp3.mp3", "vorbis.ogg", "raw.aac", "video.mp4", "video.mkv"])
def test_reading_beyond_the_end(tmp_path, name):
    path = make(tmp_path / name, sweep()[np.newaxis], LOSSY[name])
    assert "nothing to open at 30 s" in complaint(path, start_s=30.0)
    assert "at least 100 ms" in complaint(path, start_s=2.95)
    assert "must be 0 s or more" in complaint(path, start_s=-1.0)
    assert "must be 0 s or more" in complaint(path, start_s=np.nan)
    assert "must last 0.1 s or more" in complaint(path, duration_s=0.01)


@pytest.mark.parametrize("name", ["vorbis.ogg", "aac.m4a"])
def test_progress_grows_to_one_and_may_cancel(tmp_path, name):
    path = make(tmp_path / name, sweep(duration_s=12.0)[np.newaxis], LOSSY[name])
    seen = []
    load_clip(path, start_s=2.0, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) > 4

    class CancelledError(Exception):
        pass

    def cancel(fraction):
        if fraction > 0.3:
            raise CancelledError

    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else None
    with pytest.raises(CancelledError):
        load_clip(path, progress=cancel)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
