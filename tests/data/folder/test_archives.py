"""Archives: every format, and every attack."""

import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from headstart.data import read
from headstart.data.folder import archives
from headstart.errors import DataError

CSV = b"text,label\nhello there,x\ngood bye,y\n"


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            raw = content if isinstance(content, bytes) else b""
            info.name, info.size = name, len(raw)
            file.addfile(info, io.BytesIO(raw))
    return path


def link(kind, target):
    info = tarfile.TarInfo("x")
    info.type, info.linkname = kind, target
    return info


def device(kind):
    info = tarfile.TarInfo("x")
    info.type = kind
    return info


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.TGZ", "w:gz"), ("a.tar.xz", "w:xz"), ("a.tar.bz2", "w:bz2")],
)
def test_tars(tmp_path, name, mode):
    assert len(read(make_tar(tmp_path / name, [("top/train.csv", CSV), ("top/README", b"x")], mode))) == 2


def test_zip(folder_of_pictures, tmp_path):
    root = folder_of_pictures("ant/1.png", "bee/1.png")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, f"photos/{path.relative_to(root)}")
        file.writestr("__MACOSX/._photos", b"x")
    data = read(tmp_path / "a.zip")
    assert data.ids == ("ant/1.png", "bee/1.png")
    assert data.origin == f"'{tmp_path / 'a.zip'}'"


def test_an_archive_is_unpacked_once_and_again_when_it_changes(tmp_path, private_cache):
    path = make_tar(tmp_path / "a.tar.gz", [("a.csv", CSV)])
    first = archives.unpack(path)
    assert archives.unpack(path) == first
    os.utime(path, ns=(1, 1))
    assert archives.unpack(path) != first
    assert len(list((private_cache / "archives").iterdir())) == 2


def raw_zip(path, members, encoding=None):
    """A zip whose names are the bytes of an encoding, unmarked, as programs of many countries write them."""
    with zipfile.ZipFile(path, "w") as file:
        for name, raw in members:
            info = zipfile.ZipInfo("x")
            info.filename = name
            file.writestr(info, raw)
    if encoding is not None:
        _unmark(path, [name for name, _ in members], encoding)
    return path


def _unmark(path, names, encoding):
    """Write the names anew in an encoding, without the flag of UTF-8."""
    members = {}
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in names}
    local, central = b"", b""
    for name, content in members.items():
        raw, crc = name.encode(encoding), zlib.crc32(content)
        shared = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, len(content), len(content), len(raw), 0)
        central += b"PK\1\2" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, len(local)) + raw
        local += b"PK\3\4" + shared + raw + content
    count = len(members)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), len(local), 0)
    path.write_bytes(local + central + end)


def png(seed):
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_backslashes_are_folders(tmp_path):
    """Windows PowerShell 5 writes them, and folders that end in one."""
    members = [("photos\\", b"")]
    members += [(f"photos\\{name}\\{index}.png", png(index)) for name in ("ant", "bee") for index in range(2)]
    data = read(raw_zip(tmp_path / "a.zip", members))
    assert data.ids == ("ant/0.png", "ant/1.png", "bee/0.png", "bee/1.png")
    assert data.task.labels == ("ant", "bee")
    tar = make_tar(tmp_path / "b.tar", [(f"x\\{name}\\1.png", png(1)) for name in ("ant", "bee")], "w")
    assert read(tar).task.labels == ("ant", "bee")


@pytest.mark.parametrize(
    ("names", "encoding", "said"),
    [
        (("猫", "狗"), "gbk", "GBK"),
        (("财经", "房产"), "gb18030", "GBK"),
        (("ねこ", "犬"), "cp932", "Shift-JIS"),
        (("貓咪", "小狗"), "big5", "Big5"),
        (("고양이", "강아지"), "cp949", "EUC-KR"),
        (("кошка", "собака"), "cp866", "cp866"),
        (("Bär", "Löwe"), "cp850", "cp850"),
        (("forêt", "café"), "cp1252", "cp1252"),
        (("猫", "naïve"), "utf-8", "UTF-8"),
    ],
)
def test_names_that_are_not_marked_as_unicode(tmp_path, names, encoding, said):
    members = [(f"{name}/{index}.png", png(index)) for name in names for index in range(2)]
    packed = read(raw_zip(tmp_path / "a.zip", members, encoding))
    assert set(packed.task.labels) == set(names)
    assert any(f"not marked as Unicode and were read as {said}, such as" in note for note in packed.notes)


def test_names_that_are_marked_as_unicode(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name in ("猫", "犬"):
            file.writestr(f"{name}/1.png", png(1))
    data = read(tmp_path / "a.zip")
    assert set(data.task.labels) == {"猫", "犬"}
    assert not any("Unicode" in note for note in data.notes)


def test_what_systems_leave_behind_is_not_unpacked(tmp_path):
    members = [(f"photos/{name}/1.png", png(1)) for name in ("ant", "bee")]
    rubbish = ("__MACOSX/photos/ant/._1.png", "photos/.DS_Store", "photos/ant/Thumbs.db", "photos/bee/desktop.ini")
    folder = archives.unpack(raw_zip(tmp_path / "a.zip", [*members, *((name, b"x") for name in rubbish)]))
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == ["ant/1.png", "bee/1.png"]


def test_a_name_that_comes_twice_is_said(tmp_path):
    path = make_tar(tmp_path / "a.tar", [("a.csv", b"text,label\n"), ("a.csv", CSV)], "w")
    data = read(path)
    assert len(data) == 2
    assert data.notes[0] == "1 member of the archive has the same name as an earlier one and replaced it: 'a.csv'."


@pytest.mark.parametrize("members", [[("a", b"x"), ("a/b.csv", CSV)], [("a/b.csv", CSV), ("a", b"x")]])
def test_a_file_and_a_folder_of_one_name(tmp_path, members):
    with pytest.raises(DataError, match="a file and a folder have the same name"):
        read(raw_zip(tmp_path / "a.zip", members))


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(DataError, match="its name is too long for this system"):
        read(raw_zip(tmp_path / "a.zip", [("x" * 300 + ".csv", CSV)]))


@pytest.mark.parametrize(
    ("name", "content"), [("a.7z", b"7z\xbc\xaf\x27\x1c"), ("a.rar", b"Rar!\x1a\x07\0"), ("a.zip", b"Rar!\x1a\x07\0")]
)
def test_archives_that_are_not_read_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content + bytes(100))
    with pytest.raises(DataError, match=r"unpack it and give the folder, or repack it as \.zip or \.tar\.gz"):
        read(tmp_path / name)


def test_a_compression_that_is_not_read(tmp_path):
    """Windows packs large folders by Deflate64."""
    path = zip_of(tmp_path / "a.zip", "a.csv")
    raw = bytearray(path.read_bytes())
    raw[8:10] = b"\x09\0"
    at = raw.index(b"PK\x01\x02") + 10
    raw[at : at + 2] = b"\x09\0"
    path.write_bytes(raw)
    with pytest.raises(DataError, match="compression method is not supported"):
        read(path)


def test_the_content_says_which_archive_it_is(tmp_path):
    make_tar(tmp_path / "a.zip", [("a.csv", CSV)])
    assert len(read(tmp_path / "a.zip")) == 2
    zip_of(tmp_path / "b.tar.gz", "a.csv")
    assert len(read(tmp_path / "b.tar.gz")) == 2


def test_an_archive_without_an_extension(tmp_path):
    zip_of(tmp_path / "download", "a.csv")
    assert len(read(tmp_path / "download")) == 2


def test_zstandard(tmp_path):
    plain = make_tar(tmp_path / "a.tar", [("ant/1.png", png(1)), ("bee/1.png", png(2))], "w").read_bytes()
    packed = bytes(pa.compress(plain, "zstd", asbytes=True))
    (tmp_path / "a.tar.zst").write_bytes(packed)
    assert read(tmp_path / "a.tar.zst").task.labels == ("ant", "bee")
    (tmp_path / "b.tar.zst").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="it is damaged or not an archive"):
        read(tmp_path / "b.tar.zst")


def test_a_class_that_is_a_link_in_an_archive(tmp_path):
    members = [("store/1.png", png(1)), ("all/ant", link(tarfile.SYMTYPE, "../store")), ("all/bee/2.png", png(2))]
    folder = archives.unpack(make_tar(tmp_path / "a.tar", members, "w"))
    assert (folder / "all" / "ant" / "1.png").read_bytes() == png(1)
    assert not (folder / "all" / "ant").is_symlink()


@pytest.mark.parametrize("target", ["nothing", ".", "a"])
def test_links_to_nothing_and_loops_are_left_out_and_said(tmp_path, target):
    members = [("a.csv", CSV), ("a/evil" if target == "a" else "evil", link(tarfile.SYMTYPE, "." if target == "a" else
                                                                              target))]  # fmt: skip
    data = read(make_tar(tmp_path / "a.tar", members, "w"))
    assert len(data) == 2
    assert data.notes[0].startswith("Left out 1 link whose target is not in the archive: ")


def test_links_in_a_zip(tmp_path):
    info = zipfile.ZipInfo("b.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("data/a.csv", CSV)
        file.writestr(info, "data/a.csv")
    assert (archives.unpack(tmp_path / "a.zip") / "b.csv").read_bytes() == CSV


def test_copies_of_links_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 10)
    members = [(f"a/{index}", b"x") for index in range(4)]
    members += [(f"l{index}", link(tarfile.SYMTYPE, "a")) for index in range(4)]
    with pytest.raises(DataError, match="the archive exceeds 10 members"):
        archives.unpack(make_tar(tmp_path / "a.tar", members, "w"))


def test_what_an_archive_does_not_hold_is_said_of_the_archive(tmp_path):
    path = raw_zip(tmp_path / "a.zip", [("a/1.xyz", b"\0"), ("b/1.xyz", b"\0")])
    with pytest.raises(DataError) as caught:
        read(path)
    assert f"The folder '{path}' contains no pictures" in str(caught.value)


def test_processes_at_once(tmp_path, private_cache):
    path = make_tar(tmp_path / "a.tar.gz", [(f"{index}.txt", b"x") for index in range(200)])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: len(list(archives.unpack(path).iterdir())), range(16)))
    assert found == [200] * 16
    assert len(list((private_cache / "archives").iterdir())) == 1


def test_links_inside_become_copies(tmp_path):
    members = [("data/a.csv", CSV), ("b.csv", link(tarfile.SYMTYPE, "data/a.csv")), ("c", b"")]
    members.append(("d.csv", link(tarfile.LNKTYPE, "data/a.csv")))
    folder = archives.unpack(make_tar(tmp_path / "a.tar.gz", members))
    assert (folder / "b.csv").read_bytes() == CSV
    assert (folder / "d.csv").read_bytes() == CSV
    assert not (folder / "b.csv").is_symlink()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("../evil.csv", CSV, r"leaves the archive by '\.\.'"),
        ("a/../../evil.csv", CSV, r"leaves the archive by '\.\.'"),
        ("..\\evil.csv", CSV, r"leaves the archive by '\.\.'"),
        ("/evil.csv", CSV, "its path is absolute"),
        ("C:/evil.csv", CSV, "its path is absolute"),
        ("evil", link(tarfile.SYMTYPE, "/etc/passwd"), "a link that leaves the archive"),
        ("a/evil", link(tarfile.SYMTYPE, "../../x"), "a link that leaves the archive"),
        ("evil", link(tarfile.LNKTYPE, "../x"), "a link that leaves the archive"),
        ("evil", link(tarfile.SYMTYPE, "C:/evil.csv"), "a link that leaves the archive"),
        ("evil", link(tarfile.SYMTYPE, "evil"), "a link in a loop"),
        ("C:\\evil.csv", CSV, "its path is absolute"),
        ("\\\\server\\evil.csv", CSV, "its path is absolute"),
        ("evil", device(tarfile.CHRTYPE), "a device or a pipe"),
        ("evil", device(tarfile.FIFOTYPE), "a device or a pipe"),
    ],
)
def test_members_that_attack(tmp_path, private_cache, name, content, why):
    path = make_tar(tmp_path / "a.tar.gz", [("ok.csv", CSV), (name, content)])
    with pytest.raises(DataError, match=f"Refused to unpack .*: (it is |its |)?.*{why}") as caught:
        read(path)
    assert "at its member '" in str(caught.value)
    assert list((private_cache / "archives").iterdir()) == []
    assert not (private_cache / "evil.csv").exists()


def zip_of(path, name, raw=CSV, mode=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(info, raw)
    return path


def test_zips_that_attack(tmp_path):
    with pytest.raises(DataError, match=r"leaves the archive by '\.\.'"):
        read(zip_of(tmp_path / "a.zip", "../evil.csv"))
    with pytest.raises(DataError, match="a device or a pipe"):
        read(zip_of(tmp_path / "b.zip", "evil", b"", stat.S_IFIFO | 0o777))
    with pytest.raises(DataError, match="a link that leaves the archive, to '/etc/passwd'"):
        read(zip_of(tmp_path / "b.zip", "evil", b"/etc/passwd", stat.S_IFLNK | 0o777))
    raw = bytearray(zip_of(tmp_path / "c.zip", "a.csv").read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "c.zip").write_bytes(raw)
    with pytest.raises(DataError, match="it is encrypted"):
        read(tmp_path / "c.zip")


def test_a_decompression_bomb(tmp_path, monkeypatch, private_cache):
    monkeypatch.setattr(archives, "RATIO_FROM_BYTES", 2**20)
    zeros = bytes(4 * 2**20)
    for path in (make_tar(tmp_path / "a.tar.gz", [("boom.csv", zeros)]), zip_of(tmp_path / "a.zip", "boom.csv", zeros)):
        with pytest.raises(
            DataError, match=r"'boom.csv': the archive unpacks to 4194304 bytes, like a decompression bomb"
        ):
            read(path)
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="the archive exceeds"):
        read(tmp_path / "a.zip")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(DataError, match="'b': the archive exceeds 1 members"):
        read(make_tar(tmp_path / "b.tar.gz", [("a", b""), ("b", b"")]))
    assert list((private_cache / "archives").iterdir()) == []


def test_damaged_archives(tmp_path):
    whole = make_tar(tmp_path / "a.tar.gz", [("a.csv", os.urandom(50_000))]).read_bytes()
    for name, raw in (("b.tar.gz", whole[:20_000]), ("c.tar.gz", b"no tar"), ("d.zip", b"no zip"), ("e.tar", b"")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError, match="it is damaged or not an archive"):
            read(tmp_path / name)


def test_a_zip_with_a_place_that_cannot_be(tmp_path):
    raw = bytearray(zip_of(tmp_path / "a.zip", "a.csv").read_bytes())
    at = raw.index(b"PK\x05\x06") + 16  # where the directory begins
    raw[at : at + 4] = (int.from_bytes(raw[at : at + 4], "little") + 5000).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(DataError, match="it is damaged or not an archive"):
        read(tmp_path / "a.zip")


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"Cannot unpack .* HEADSTART_CACHE"):
        read(make_tar(tmp_path / "a.tar.gz", [("a.csv", CSV)]))


def test_notes_name_the_archive_and_not_the_cache(tmp_path, private_cache):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("t.csv", "text,label\n" + "".join(f"note {row},{'ab'[row % 2]}\n" for row in range(8)))
    notes = " ".join(read(tmp_path / "a.zip").notes)
    assert f"'{tmp_path / 'a.zip'}'" in notes
    assert str(private_cache) not in notes
