"""Which formats of sounds are opened, in which forms, and what is said of the others."""

import io

import numpy as np
import pytest
import soundfile

from headstart.data import read_audio
from headstart.data.media.readers import MAX_AUDIO_BYTES, read_bytes
from headstart.errors import ItemError

TONE = (0.4 * np.sin(np.arange(4000) / 5)).astype(np.float32)


def encoded(samples=TONE, form="WAV", subtype=None, rate=8000):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("name", ["a", "a.jpg", "a.wav", "a.dat"])
@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "CAF", "FLAC", "W64", "RF64", "VOC", "NIST", "OGG", "MP3"])
def test_the_content_decides_whatever_the_name(tmp_path, form, name):
    (tmp_path / name).write_bytes(encoded(form=form))
    samples, rate = read_audio(tmp_path / name)
    assert rate == 8000
    assert abs(len(samples) - len(TONE)) < 1200  # MP3 pads
    assert 0.2 < samples.std() < 0.35


def test_opus():
    samples, rate = read_audio(encoded(form="OGG", subtype="OPUS", rate=48000))
    assert (len(samples), rate) == (4000, 48000)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_every_depth_is_the_same_sound(subtype):
    samples, _ = read_audio(encoded(subtype=subtype))
    assert np.abs(samples - TONE).max() < 0.02


def test_channels_are_averaged_block_by_block(monkeypatch):
    monkeypatch.setattr("headstart.data.media.sounds.BLOCK", 600)
    samples, _ = read_audio(encoded(np.stack([TONE, -TONE, TONE, TONE, 0 * TONE, TONE], axis=1), subtype="FLOAT"))
    assert np.abs(samples - TONE / 2).max() < 1e-6


@pytest.mark.parametrize("form", ["WAV", "AIFF", "AU", "CAF", "FLAC", "W64", "OGG", "MP3"])
def test_a_truncated_sound_is_not_read_as_a_shorter_one(form):
    raw = encoded(np.tile(TONE, 20), form=form)
    with pytest.raises(ItemError, match="as a sound"):
        read_audio(raw[: len(raw) // 2])


def test_a_sound_that_was_written_to_a_pipe_has_no_size():
    raw = bytearray(encoded())
    raw[4:8] = raw[40:44] = b"\xff\xff\xff\xff"
    assert len(read_audio(bytes(raw))[0]) == len(TONE)


def test_a_sound_without_samples():
    with pytest.raises(ItemError, match="it has no samples"):
        read_audio(encoded(np.zeros(0, np.float32)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x18ftypM4A " + bytes(50), "an MPEG-4 sound, which is not supported; convert it to WAV or FLAC"),
        (b"\xff\xf1\x50\x80" + bytes(50), "an AAC sound, which is not supported"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50), "a Windows Media file, which is not supported"),
        (b"#!AMR\n" + bytes(50), "an AMR sound, which is not supported"),
        (b"wvpk" + bytes(50), "a WavPack sound, which is not supported"),
        (b"MThd\0\0\0\x06" + bytes(50), "a MIDI file, which is not supported"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "an MPEG-4 video, not a sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG picture, not a sound"),
        (b"<html>404</html>", "an HTML page, not a sound"),
        (b"Dear all", "text, not a known sound format"),
        (bytes(500), "Format not recognised"),
    ],
)
def test_what_is_no_sound_is_named(tmp_path, content, says):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ItemError, match=r"a\.wav' as a sound: .*" + says):
        read_audio(tmp_path / "a.wav")


def test_a_format_of_libsndfile_that_is_not_meant():
    with pytest.raises(ItemError, match="its format, SVX, is not supported"):
        read_audio(encoded(form="SVX"))


def test_a_small_file_of_a_long_sound(monkeypatch):
    """Silence of hours packs into a few bytes: what it unpacks to is bounded before it is unpacked."""
    monkeypatch.setattr("headstart.data.media.sounds.MAX_SAMPLES", 1000)
    raw = encoded(np.zeros(4000), form="FLAC")
    assert len(read_bytes(raw, MAX_AUDIO_BYTES)) < 300
    with pytest.raises(ItemError, match="it has 4000 samples per channel, and at most 1000 are allowed"):
        read_audio(raw)
