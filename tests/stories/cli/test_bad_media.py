"""Pictures, sounds, archives and checkpoints that cannot be used: set aside or refused, each with one sentence."""

from __future__ import annotations

import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib

import numpy as np
import pytest
from command_line import pictures, sounds, texts, write_body, write_csv
from PIL import Image
from planted_bodies import plant_missing

TOY = ("--source", "toy", "--baselines", "none", "--out", "made")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def giant_png() -> bytes:
    """A PNG of a few bytes that claims 100,000 x 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def truncated_jpeg() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 80).save(file, "JPEG")
    return file.getvalue()[: file.tell() // 2]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cut.jpg", truncated_jpeg(), "truncated"),
        ("note.jpg", b"I am a text", "text, not a known image format"),
        ("none.png", b"", "empty (0 bytes)"),
        ("giant.png", giant_png(), "178956970 pixels at most"),
    ],
)
def test_a_picture_that_cannot_be_read_is_set_aside(cli, name, content, says):
    pictures(cli.folder / "photos")
    (cli.folder / "photos" / "ant" / name).write_bytes(content)
    warned = ["warning", "1 item cannot be read and is left out", f"'ant/{name}'", says]
    cli.works("fit", "photos", *TOY, says=[*warned, "saved"])


def test_links_and_pipes_among_pictures_are_set_aside(cli):
    place = cli.folder / pictures(cli.folder / "photos") / "ant"
    (place / "gone.png").symlink_to("nowhere.png")
    (place / "self.png").symlink_to("self.png")
    os.mkfifo(place / "pipe.png")
    cli.works("fit", "photos", *TOY, says=["3 items cannot be read", "no such file", "saved"])


def test_a_loop_of_links_ends(cli):
    pictures(cli.folder / "photos")
    (cli.folder / "photos" / "ant" / "loop").symlink_to("..", target_is_directory=True)
    (cli.folder / "photos" / "bee" / "self").symlink_to(".", target_is_directory=True)
    cli.works("fit", "photos", *TOY, says=["did not follow 2 links", "12 image items", "saved"])


def test_odd_pictures_work(cli, tiny_body):
    place = cli.folder / pictures(cli.folder / "photos") / "ant"
    Image.new("L", (1, 1)).save(place / "pixel.png")
    Image.fromarray((np.arange(24 * 24) * 100).reshape(24, 24).astype(np.uint16)).save(place / "grey16.png")
    Image.new("RGBA", (24, 2)).save(place / "clear.png")
    Image.new("CMYK", (24, 24)).save(place / "print.jpg")
    words = ("fit", "photos", "--source", tiny_body, "--baselines", "none", "--out", "made")
    done = cli.works(*words, says=["16 image items", "16 items encoded once", "saved"])
    assert "cannot be read" not in done.out


def test_a_class_without_a_readable_picture(cli):
    pictures(cli.folder / "photos")
    for path in (cli.folder / "photos" / "ant").iterdir():
        path.write_text("no picture")
    says = ["'photos'", "at least two classes", "only 'bee'", "no usable items of 'ant'"]
    cli.refuses("fit", "photos", *TOY, code=2, says=says)


def test_no_readable_picture_at_all(cli):
    pictures(cli.folder / "photos")
    for path in (cli.folder / "photos").rglob("*.png"):
        path.write_text("no picture")
    cli.refuses("fit", "photos", *TOY, code=2, says=["none of the 12 items of 'photos' can be used", "inspect"])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("none.wav", b"", "empty (0 bytes)"),
        ("note.mp3", b"I am a text " * 30, "as a sound"),
        ("cut.wav", None, "as a sound"),
    ],
)
def test_a_sound_that_cannot_be_read_is_set_aside(cli, name, content, says):
    sounds(cli.folder / "calls")
    if content is None:
        content = (cli.folder / "calls" / "low" / "1.wav").read_bytes()[:30]
    (cli.folder / "calls" / "low" / name).write_bytes(content)
    warned = ["warning", "1 item cannot be read and is left out", f"'low/{name}'", says]
    cli.works("fit", "calls", *TOY, says=[*warned, "saved"])


def test_a_sound_that_claims_to_be_longer_than_it_is_does_no_harm(cli):
    sounds(cli.folder / "calls")
    raw = bytearray((cli.folder / "calls" / "low" / "1.wav").read_bytes())
    raw[40:44] = b"\xff\xff\xff\x7f"  # the size of its samples
    (cli.folder / "calls" / "low" / "claims.wav").write_bytes(raw)
    cli.works("fit", "calls", *TOY, says=["13 audio items", "saved"])


@pytest.mark.parametrize(("make", "extra"), [(pictures, "photo"), (sounds, "speech")])
def test_the_body_of_the_install_reads_these_and_names_the_extra_that_suits_them_better_once(
    cli, monkeypatch, make, extra
):
    plant_missing(monkeypatch, "photo", "speech")
    make(cli.folder / "items")
    words = ("fit", "items", "--baselines", "none")
    shown = cli.works(*words, says=["source chosen", "headstart:image", "saved"]).out
    assert shown.count("pip install") == shown.count(f"pip install 'headstart[{extra}]'") == 1
    assert "pip install" not in cli.works(*words, "--source", "headstart:image", says=["saved"]).out


def test_a_text_source_for_pictures(cli):
    pictures(cli.folder / "photos")
    says = ["'headstart:text' encodes text items", "image items", "--source"]
    cli.refuses("fit", "photos", "--source", "headstart:text", code=2, says=says)


def test_an_image_source_for_texts(cli, tiny_body):
    table = write_csv(cli.folder / "a.csv", texts())
    cli.refuses("fit", table, "--source", tiny_body, code=2, says=["encodes image items", "text items", "--source"])


# Archives.


def write_zip(path, *members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)


def write_tar(path, *members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                file.addfile(info)


def zip_link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("name", "write", "member", "says"),
    [
        ("a.zip", write_zip, ("../../evil.txt", b"x"), "leaves the archive by '..'"),
        ("a.zip", write_zip, ("/tmp/evil.txt", b"x"), "path is absolute"),
        ("a.zip", write_zip, ("C:\\evil.txt", b"x"), "path is absolute"),
        ("a.zip", write_zip, (zip_link("a/evil.txt"), b"/etc/passwd"), "to '/etc/passwd'"),
        ("a.tar", write_tar, ("../../evil.txt", b"x"), "leaves the archive by '..'"),
        ("a.tar", write_tar, ("/tmp/evil.txt", b"x"), "path is absolute"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.SYMTYPE, "/etc/passwd")), "to '/etc/passwd'"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.SYMTYPE, "../../passwd")), "to '../../passwd'"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.LNKTYPE, "../passwd")), "to '../passwd'"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.SYMTYPE, "evil.txt")), "a link in a loop"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.CHRTYPE, "")), "a device or a pipe"),
        ("a.tar", write_tar, ("a/evil.txt", (tarfile.FIFOTYPE, "")), "a device or a pipe"),
    ],
)
def test_an_archive_that_reaches_out_is_refused(cli, name, write, member, says):
    write(cli.folder / name, ("ant/1.txt", b"one ant"), member)
    cli.refuses("fit", name, *TOY, code=2, says=[f"'{name}'", "evil.txt", says, "nothing was kept"])
    assert list((cli.folder / "cache" / "archives").iterdir()) == []


def test_a_decompression_bomb_is_refused(cli):
    with (
        zipfile.ZipFile(cli.folder / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("a/1.txt", "w") as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    cli.refuses("fit", "a.zip", *TOY, code=2, says=["'a.zip'", "314572800 bytes", "decompression bomb"])
    assert list((cli.folder / "cache" / "archives").iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"PK no archive at all", None], ids=["empty", "text", "cut"])
def test_a_damaged_archive(cli, name, content):
    if content is None:
        members = [(f"{kind}/{i}.txt", os.urandom(2000).hex().encode()) for kind in ("ant", "bee") for i in range(4)]
        if name == "a.zip":
            write_zip(cli.folder / name, *members)
        else:
            write_tar(cli.folder / name, *members, mode="w:gz" if name.endswith("gz") else "w")
        content = (cli.folder / name).read_bytes()[:9000]
    (cli.folder / name).write_bytes(content)
    cli.refuses("fit", name, *TOY, code=2, says=[f"cannot unpack '{name}'", "damaged or not an archive"])


# Checkpoints.


def refuses_body(cli, body, code, says):
    pictures(cli.folder / "photos")
    cli.refuses("fit", "photos", "--source", body, "--out", "made", code=code, says=says)


def test_a_digest_that_does_not_match(cli):
    body = write_body(cli.folder / "tiny.safetensors", sha256="0" * 64)
    refuses_body(cli, body, 1, ["tiny.safetensors'", "0000000000000000... was expected", "not loaded"])


def test_a_checkpoint_that_is_not_there(cli):
    refuses_body(cli, "local:tiny.safetensors", 2, ["no checkpoint 'tiny.safetensors'", "give a .safetensors file"])


def test_a_checkpoint_without_its_json(cli):
    body = write_body(cli.folder / "tiny.safetensors")
    (cli.folder / "tiny.json").unlink()
    refuses_body(cli, body, 2, ["no 'tiny.json' next to it", "architecture", "sha256"])


def test_a_checkpoint_with_a_broken_json(cli):
    body = write_body(cli.folder / "tiny.safetensors")
    (cli.folder / "tiny.json").write_text("{")
    refuses_body(cli, body, 1, ["tiny.json' is not valid JSON"])


def test_a_checkpoint_of_an_unknown_architecture(cli):
    body = write_body(cli.folder / "tiny.safetensors", architecture="resnet_of_mine")
    refuses_body(cli, body, 2, ["no architecture 'resnet_of_mine'"])


def test_a_checkpoint_of_another_architecture(cli):
    body = write_body(cli.folder / "tiny.safetensors", architecture="test_vit", timm_kwargs={})
    refuses_body(cli, body, 2, ["tiny.safetensors' do not fit timm's 'test_vit'"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input_size", [3, 0, 32]),
        ("mean", "grey"),
        ("std", [0.5, 0.5, 0.0]),
        ("interpolation", "smooth"),
        ("crop_pct", 7),
        ("sha256", 12),
    ],
)
def test_a_checkpoint_with_nonsense_beside_it(cli, key, value):
    body = write_body(cli.folder / "tiny.safetensors", **{key: value})
    refuses_body(cli, body, 2, [f"The '{key}' of", "tiny.json' must be", "correct it"])
