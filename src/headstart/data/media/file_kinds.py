"""File type detection, by extension and by the first bytes of the content (magic numbers)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.types import Modality

__all__ = ["HEAD_BYTES", "MEDIA", "OTHER_FILES", "Content", "content_of", "is_readable_picture", "media_suffix"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PICTURES = _words(
    ".jpg .jpeg .jpe .jfif .jif .jfi .mpo .png .apng .gif .webp .avif .avifs .tif .tiff .bmp .dib .ppm .pgm .pbm .pnm "
    ".pfm .jp2 .j2k .j2c .jpc .jpf .jpx .ico .tga .pcx .heic .heif .hif .heics .heifs"
)
SOUNDS = _words(".wav .wave .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd .caf .w64 .rf64 .bwf .voc .sph .nist")
UNREAD_PICTURES = _words(
    ".jxl .svg .psd .eps .xcf .exr .dcm .dicom .dng .cr2 .cr3 .nef .nrw .arw .raf .orf .rw2 .pef .srw .x3f"
)
UNREAD_SOUNDS = _words(".m4a .m4b .aac .wma .amr .wv .ape .ac3 .dsf .mpc .mid .midi")

MEDIA: Mapping[str, Modality] = {
    **dict.fromkeys((*PICTURES, *UNREAD_PICTURES), "image"),
    **dict.fromkeys((*SOUNDS, *UNREAD_SOUNDS), "audio"),
}
"""File extensions, in lower case, of pictures and sounds, including formats that are recognised but not supported."""

OTHER_FILES = frozenset(
    _words(
        ".csv .tsv .json .jsonl .ndjson .parquet .xml .yaml .yml .toml .ini .cfg .conf .lock .npy .npz .pkl .pt .pth "
        ".h5 .safetensors .ipynb .exe .dll .so .pdf .doc .docx .xls .xlsx .ods .ppt .pptx .db .sqlite .lnk .url .zip "
        ".rar .7z .gz .tar .xz .bz2 .zst .tgz .mp4 .mov .avi .mkv .webm .m4v .wmv .mpg .mpeg"
    )
)
"""File extensions, in lower case, of files that are certainly not pictures, sounds or texts to learn from."""


@dataclass(frozen=True)
class Content:
    """The detected type of a file.

    Attributes:
        name: what it is, as a noun with article; empty if unknown.
        kind: ``"image"``, ``"audio"``, ``"text"``, or None for all others.
        advice: for pictures and sounds in an unsupported format, what to do; else empty.

    Examples:
        >>> content_of(b"fLaC").kind
        'audio'
    """

    name: str
    kind: Modality | None
    advice: str = ""


TO_PICTURE = "which is not supported; convert it to PNG or JPEG"
TO_SOUND = "which is not supported; convert it to WAV or FLAC"
RAW = Content("a raw photograph", "image", TO_PICTURE)
JXL = Content("a JPEG XL picture", "image", TO_PICTURE)
VIDEO, MPEG4 = Content("a video", None), Content("an MPEG-4 video", None)
TIFF, WAV = Content("a TIFF picture", "image"), Content("a WAV sound", "audio")

SIGNS: tuple[tuple[bytes, Content], ...] = (
    (b"\xff\xd8\xff", Content("a JPEG picture", "image")),
    (b"\x89PNG\r\n\x1a\n", Content("a PNG picture", "image")),
    (b"GIF87a", Content("a GIF picture", "image")),
    (b"GIF89a", Content("a GIF picture", "image")),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),
    (b"IIU\x00", RAW),
    (b"II*\x00", TIFF),
    (b"MM\x00*", TIFF),
    (b"II+\x00", TIFF),
    (b"MM\x00+", TIFF),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Content("a JPEG 2000 picture", "image")),
    (b"\xff\x4f\xff\x51", Content("a JPEG 2000 picture", "image")),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", JXL),
    (b"\xff\x0a", JXL),
    (b"\x00\x00\x01\x00", Content("an icon", "image")),
    (b"8BPS", Content("a Photoshop document", "image", TO_PICTURE)),
    (b"gimp xcf", Content("a GIMP document", "image", TO_PICTURE)),
    (b"v/1\x01", Content("an OpenEXR picture", "image", TO_PICTURE)),
    (b"#?RADIANCE", Content("a Radiance picture", "image", TO_PICTURE)),
    (b"%!PS", Content("PostScript", "image", TO_PICTURE)),
    (b"\xc5\xd0\xd3\xc6", Content("PostScript", "image", TO_PICTURE)),
    (b"\xd7\xcd\xc6\x9a", Content("a Windows metafile", "image", TO_PICTURE)),
    (b"<svg", Content("an SVG drawing", "image", TO_PICTURE)),
    (b"SIMPLE  =", Content("a FITS picture", "image", TO_PICTURE)),
    (b"fLaC", Content("a FLAC sound", "audio")),
    (b"OggS", Content("an Ogg sound", "audio")),
    *((b"ID3" + bytes([version]), Content("an MP3 sound", "audio")) for version in (2, 3, 4)),
    (b"RF64", WAV),
    (b"BW64", WAV),
    (b"RIFX", WAV),
    (b"riff\x2e\x91\xcf\x11", Content("a Wave64 sound", "audio")),
    (b"NIST_1A", Content("a NIST SPHERE sound", "audio")),
    (b".snd\x00", Content("an AU sound", "audio")),
    (b"caff\x00\x01", Content("a CAF sound", "audio")),
    (b"Creative Voice File", Content("a VOC sound", "audio")),
    (b"wvpk", Content("a WavPack sound", "audio", TO_SOUND)),
    (b"#!AMR", Content("an AMR sound", "audio", TO_SOUND)),
    (b"MPCK", Content("a Musepack sound", "audio", TO_SOUND)),
    (b"DSD \x1c\x00", Content("a DSD sound", "audio", TO_SOUND)),
    (b"MThd", Content("a MIDI file", "audio", TO_SOUND)),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Content("a Windows Media file", "audio", TO_SOUND)),
    (b"\x1a\x45\xdf\xa3", Content("a Matroska video", None)),
    (b"\x00\x00\x01\xba", VIDEO),
    (b"\x00\x00\x01\xb3", VIDEO),
    (b"FLV\x01", VIDEO),
    (b"%PDF", Content("a PDF document", None)),
    (b"PK\x03\x04", Content("a zip archive", None)),
    (b"Rar!\x1a\x07", Content("a RAR archive", None)),
    (b"7z\xbc\xaf\x27\x1c", Content("a 7z archive", None)),
    (b"\x1f\x8b", Content("a gzip file", None)),
    (b"\x28\xb5\x2f\xfd", Content("a Zstandard file", None)),
    (b"\xfd7zXZ\x00", Content("an xz file", None)),
    (b"BZh", Content("a bzip2 file", None)),
    (b"\x89HDF\r\n\x1a\n", Content("an HDF5 file", None)),
    (b"SQLite format 3\x00", Content("a database", None)),
    (b"\x93NUMPY", Content("a NumPy array", None)),
    (b"\x7fELF", Content("a program", None)),
    (b"MZ\x90", Content("a program", None)),
)

FORMS: Mapping[bytes, Mapping[bytes, Content]] = {
    b"RIFF": {b"WEBP": Content("a WebP picture", "image"), b"WAVE": WAV, b"AVI ": VIDEO},
    b"FORM": {b"AIFF": Content("an AIFF sound", "audio"), b"AIFC": Content("an AIFF sound", "audio")},
}
HEIC = ("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1")
HEADERS = (12, 40, 52, 56, 64, 108, 124)  # sizes of the second header of a BMP
HEAD_BYTES = 4096  # read from the start of a file to detect its type
CONTROLS = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f\x7f]")  # never in texts, whatever their encoding


def media_suffix(name: str) -> Modality | None:
    """What a file of this name should contain, by its extension; None if it is not that of a picture or sound.

    Examples:
        >>> media_suffix("holiday/IMG_1.HEIC"), media_suffix("notes.txt")
        ('image', None)
    """
    return MEDIA.get(Path(name).suffix.lower())


def is_readable_picture(content: Content) -> bool:
    """Whether the content may be passed to picture decoders: it is a supported picture, or of unknown type.

    Examples:
        >>> is_readable_picture(content_of(b"%!PS-Adobe-3.0")), is_readable_picture(content_of(b"GIF89a"))
        (False, True)
    """
    return not content.name or (content.kind == "image" and not content.advice)


def content_of(raw: bytes) -> Content:
    r"""Detect the type of a file from its first bytes; at most 4,096 are used.

    Args:
        raw: the start of the file.

    Examples:
        >>> content_of(b"\x00\x00\x00\x18ftypheic").name, content_of(b"\x00\x00\x00\x18ftypisom").kind
        ('a HEIC picture', None)
        >>> content_of(b"Dear all,").kind, content_of(b"\x03\x00\x81").name
        ('text', '')
    """
    head = raw[:HEAD_BYTES]
    found = FORMS.get(head[:4], {}).get(head[8:12]) or _boxed(head) or _weak(head)
    if found is None:
        found = next((content for sign, content in SIGNS if head.startswith(sign)), None)
    if found is TIFF and head[8:10] == b"CR":
        return RAW
    return found or _text(head)


def _boxed(head: bytes) -> Content | None:
    """The type of an ISO base media file (ISO/IEC 14496-12), from its major brand, then its compatible brands."""
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), 256)
    brands = [head[place : place + 4].decode("latin-1").strip() for place in (8, *range(16, size, 4))]
    if brands[0] in ("avif", "avis") or (brands[0] in ("mif1", "msf1") and {"avif", "avis"} & set(brands)):
        return Content("an AVIF picture", "image")
    if brands[0] in HEIC:
        return Content("a HEIC picture", "image")
    if brands[0] in ("M4A", "M4B"):
        return Content("an MPEG-4 sound", "audio", TO_SOUND)
    return RAW if brands[0] == "crx" else MPEG4


def _weak(head: bytes) -> Content | None:
    """Signatures of one or two bytes, which need a second check."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in HEADERS:
        return Content("a BMP picture", "image")
    if re.match(rb"P[1-6fF]\s+[\d#]", head):
        return Content("a PPM picture", "image")
    if head[:1] == b"\x0a" and head[1:2] in b"\x00\x02\x03\x04\x05" and head[2:3] == b"\x01":
        return Content("a PCX picture", "image")
    if head[:4] == b"MAC " and head[5:6] == b"\x0f":
        return Content("a Monkey's Audio sound", "audio", TO_SOUND)
    return Content("a DICOM picture", "image", TO_PICTURE) if head[128:132] == b"DICM" else _frames(head)


def _frames(head: bytes) -> Content | None:
    """MPEG audio by its frame header: 11 bits set, then version, layer and rates, whose reserved values are refused."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0x06 == 0:
        return Content("an AAC sound", "audio", TO_SOUND) if head[1] & 0xF0 == 0xF0 else None
    is_possible = head[1] & 0x18 != 0x08 and head[1] < 0xFE and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C
    return Content("an MP3 sound", "audio") if is_possible else None


def _text(head: bytes) -> Content:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return Content("an HTML page", "text")
    if start.startswith(b"<?xml") and b"<svg" in head.lower():
        return Content("an SVG drawing", "image", TO_PICTURE)
    is_text = head.startswith((b"\xff\xfe", b"\xfe\xff")) or (head and not CONTROLS.search(head))
    return Content("text", "text") if is_text else Content("", None)
