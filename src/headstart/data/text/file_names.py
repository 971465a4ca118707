"""Encoding detection for file names that are not Unicode, in zip archives and on disk."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

__all__ = ["guess_encoding", "readable_name", "readable_paths", "zip_names"]

UNICODE_FLAG = 0x800
UNICODE_PATH = 0x7075  # of APPNOTE.TXT, 4.6.9
UNSURE = 0.5  # below this score names are read as code page 437, the default of the zip format
NAMES = {"gbk": "GBK", "cp932": "Shift-JIS", "big5": "Big5", "cp949": "EUC-KR", "utf-8": "UTF-8"}
SYLLABLES = frozenset(
    "이다가는을를에의고하지로은도기사리어시자아대인나라스서일전수한그부정보해만과제장여상있오주연세학교모우구니었요선성없게들"
    "면거동원생물비신무조공유적화방중국미회소당안내차강양개말새돼닭람배꽃컴퓨터진림음악영행바다산문책집밥빵물불눈코입손발머"
)
LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœšžąćęłńśźżčďěňřťůőű")


def zip_names(infos: Sequence[zipfile.ZipInfo]) -> tuple[list[str], str]:
    """The Unicode names of the members of a zip archive, and the encoding that was guessed.

    A name is UTF-8 if its flag says so. If the archive stores a UTF-8 copy of the name (Info-ZIP's extra field 0x7075),
    that copy is used. The encoding of all other non-ASCII names is guessed from them together.

    Args:
        infos: the members.

    Returns:
        One name per member, and the usual name of the guessed encoding; empty if none had to be guessed.

    Examples:
        >>> info = zipfile.ZipInfo("猫/1.png".encode("gbk").decode("cp437"))
        >>> zip_names([info])
        (['猫/1.png'], 'GBK')
    """
    found: list[str] = []
    unsure: list[tuple[int, bytes]] = []
    for place, info in enumerate(infos):
        name = info.orig_filename.partition("\0")[0]
        found.append(name)
        if not name.isascii() and not info.flag_bits & UNICODE_FLAG:
            raw = name.encode("cp437", "replace")
            beside = _unicode_path(info.extra, raw)
            found[place] = beside or name
            unsure += [] if beside else [(place, raw)]
    if not unsure:
        return found, ""
    encoding = guess_encoding([raw for _, raw in unsure])
    for place, raw in unsure:
        found[place] = raw.decode(encoding)
    return found, NAMES.get(encoding, encoding)


def readable_name(name: str) -> str:
    r"""A file name with bytes that are not valid UTF-8 written as escapes; other names are unchanged.

    Examples:
        >>> readable_name("caf\udce9.png"), readable_name("café.png")
        ('caf\\xe9.png', 'café.png')
    """
    return name if not _is_undecoded(name) else os.fsencode(name).decode("utf-8", "backslashreplace")


def readable_paths(paths: Sequence[str]) -> tuple[dict[str, str], str]:
    """Unicode paths for those that are not valid UTF-8, and the encoding that was guessed.

    Args:
        paths: POSIX paths as the system returns them, all from one folder, so that one encoding is likely.

    Returns:
        The Unicode path of each path that differs from it, all distinct, and the usual name of the encoding.

    Examples:
        >>> found, encoding = readable_paths([os.fsdecode("猫狗/1.png".encode("gbk")), "ant/1.png"])
        >>> list(found.values()), encoding
        (['猫狗/1.png'], 'GBK')
    """
    if not any(map(_is_undecoded, paths)):
        return {}, ""
    parts = {part: os.fsencode(part) for path in paths for part in path.split("/") if not part.isascii()}
    encoding = guess_encoding(list(parts.values()))
    if encoding == "cp437":  # nothing fits all names: the valid ones are probably UTF-8, so guess from the others
        parts = {part: raw for part, raw in parts.items() if _is_undecoded(part)}
        encoding = guess_encoding(list(parts.values()))
    known = {part: raw.decode(encoding) for part, raw in parts.items()}
    found, taken = {}, set(paths)
    for path in paths:
        plain = "/".join(known.get(part, part) for part in path.split("/"))
        if plain != path:
            found[path] = plain if plain not in taken else readable_name(path)
            taken.add(found[path])
    return found, NAMES.get(encoding, encoding)


def _is_undecoded(name: str) -> bool:
    return not name.isascii() and any("\udc80" <= one <= "\udcff" for one in name)


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    """The UTF-8 copy of a name in Info-ZIP's extra field, if its CRC-32 matches the name."""
    # Extra fields: id and size (2 bytes each), then the data; here a version byte, the CRC-32 and the UTF-8 name.
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == UNICODE_PATH and len(field) > 5 and int.from_bytes(field[1:5], "little") == zlib.crc32(raw):
            return field[5:].decode("utf-8", "replace")
    return None


def guess_encoding(names: Sequence[bytes]) -> str:
    """The most likely encoding of file names: UTF-8, or a regional encoding of DOS or Windows.

    Each encoding that can decode all names is scored by how common the decoded characters are.

    Args:
        names: file names, each with non-ASCII bytes.

    Returns:
        An encoding as `bytes.decode` takes it, which decodes all the names.

    Examples:
        >>> [guess_encoding([name.encode(encoding)]) for name, encoding in
        ...  [("Bär", "cp850"), ("кошка", "cp866"), ("ねこ", "cp932"), ("고양이", "cp949"), ("Bär", "utf-8")]]
        ['cp850', 'cp866', 'cp932', 'cp949', 'utf-8']
    """
    score = _score(names, "utf-8", _unicode)
    if score is not None and score > UNSURE:
        return "utf-8"
    best, most = "cp437", UNSURE
    for encoding, weight in WEIGHTS.items():
        score = _score(names, encoding, weight)
        if score is not None and score > most:
            best, most = encoding, score
    return best


Weight = Callable[[str, str, str], float]  # of a character, given the characters before and after it


def _score(names: Sequence[bytes], encoding: str, weight: Weight) -> float | None:
    """The mean weight of the non-ASCII characters, per encoded byte; None if a name cannot be decoded."""
    total, count = 0.0, 0
    for raw in set(names):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            return None
        for place, one in enumerate(text):
            if not one.isascii():
                # Weighted by bytes, so that an encoding that makes more characters of the same bytes gains nothing.
                size = len(one.encode(encoding))
                total += size * weight(one, text[place - 1 : place], text[place + 1 : place + 2])
                count += size
    return total / max(count, 1)


def _unicode(one: str, before: str, after: str) -> float:
    """Two bytes of Chinese may also be one accented letter in UTF-8, but such a letter rarely stands alone."""
    return 0.0 if one in LETTERS and not before.isalpha() and not after.isalpha() else 1.0


def _chinese(one: str, _before: str, _after: str) -> float:
    # GB 2312: common characters in rows 0xB0 to 0xD7, rare ones in 0xD8 to 0xF7; its trail bytes start at 0xA1.
    lead, trail = (*one.encode("gbk"), 0)[:2]
    if trail < 0xA1:
        return 0.1
    return 1.0 if 0xB0 <= lead <= 0xD7 else 0.5 if 0xD8 <= lead <= 0xF7 else 0.6 if lead <= 0xA9 else 0.1


def _japanese(one: str, _before: str, _after: str) -> float:
    if 0x3041 <= ord(one) <= 0x30FE:  # kana
        return 1.0
    if 0xFF61 <= ord(one) <= 0xFF9F:  # half-width kana, which other encodings decode to by accident
        return 0.2
    lead = one.encode("cp932")[0]
    return 1.0 if 0x88 <= lead <= 0x97 else 0.6 if lead == 0x81 else 0.4


def _taiwanese(one: str, _before: str, _after: str) -> float:
    lead = one.encode("big5")[0]
    return 0.95 if 0xA4 <= lead <= 0xC6 else 0.6 if lead <= 0xA3 else 0.3


def _korean(one: str, _before: str, _after: str) -> float:
    return 1.05 if one in SYLLABLES else 0.6 if "\uac00" <= one <= "\ud7a3" else 0.1


def _russian(one: str, before: str, after: str) -> float:
    if not ("\u0410" <= one <= "\u044f" or one in "\u0401\u0451"):
        return 0.0
    if any(other.isascii() and other.isalpha() for other in (before, after)):
        return 0.1  # one word is written in one script
    return 1.0 if one.islower() else 0.3 if before.isalpha() and before.islower() else 0.9


def _western(one: str, before: str, _after: str) -> float:
    if one in LETTERS:
        return 0.98
    return 0.75 if one.lower() in LETTERS and not (before.isalpha() and before.islower()) else 0.0


WEIGHTS: dict[str, Weight] = {
    "gbk": _chinese,
    "cp932": _japanese,
    "big5": _taiwanese,
    "cp949": _korean,
    "cp866": _russian,
    "cp1251": _russian,
    "cp850": _western,
    "cp852": _western,
    "cp1252": _western,
}
