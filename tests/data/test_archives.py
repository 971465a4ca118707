"""Archives: every format, and every attack."""

import io
import os
import stat
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from headstart.data import archives, read
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
        ("evil", link(tarfile.SYMTYPE, "evil"), "a link in a loop"),
        ("evil", link(tarfile.SYMTYPE, "nothing"), "which is no file of the archive"),
        ("evil", link(tarfile.SYMTYPE, "."), "which is no file of the archive"),
        ("evil", device(tarfile.CHRTYPE), "a device or a pipe"),
        ("evil", device(tarfile.FIFOTYPE), "a device or a pipe"),
    ],
)
def test_members_that_attack(tmp_path, private_cache, name, content, why):
    path = make_tar(tmp_path / "a.tar.gz", [("ok.csv", CSV), (name, content)])
    with pytest.raises(DataError, match=f"Refused to unpack .*: (it is |its |)?.*{why}") as caught:
        read(path)
    assert f"'{name}'" in str(caught.value)
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
    with pytest.raises(DataError, match="a link or a device"):
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
        with pytest.raises(DataError, match=r"'boom.csv': it unpacks to 4194304 bytes, as a decompression bomb does"):
            read(path)
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    with pytest.raises(DataError, match="it goes beyond"):
        read(tmp_path / "a.zip")
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(DataError, match="'b': it goes beyond 1 members"):
        read(make_tar(tmp_path / "b.tar.gz", [("a", b""), ("b", b"")]))
    assert list((private_cache / "archives").iterdir()) == []


def test_damaged_archives(tmp_path):
    whole = make_tar(tmp_path / "a.tar.gz", [("a.csv", os.urandom(50_000))]).read_bytes()
    for name, raw in (("b.tar.gz", whole[:20_000]), ("c.tar.gz", b"no tar"), ("d.zip", b"no zip"), ("e.tar", b"")):
        (tmp_path / name).write_bytes(raw)
        with pytest.raises(DataError, match="it is damaged or no archive"):
            read(tmp_path / name)


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"Cannot unpack .* HEADSTART_CACHE"):
        read(make_tar(tmp_path / "a.tar.gz", [("a.csv", CSV)]))
