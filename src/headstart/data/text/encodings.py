"""Character encoding detection: UTF-8 first, else the encoding whose decoded characters are the most plausible."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

__all__ = ["decode_text"]

SAMPLE_BYTES = 2**18
BOMS = (
    (codecs.BOM_UTF8, "utf-8", ""),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
KANA = re.compile(r"[\u3041-\u30ff]")
HANGUL = re.compile(r"[\uac00-\ud7a3]")
HAN = re.compile(r"[\u4e00-\u9fff]")
# Below, each code page has the most common non-ASCII letters of its languages. Decoded with the right code page, most
# non-ASCII characters of a text are among them. Typographic marks are common in all of them.
MARKS = "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u20ac\u00b0\u00ab\u00bb\u00a0"
INSIDE_WORD = re.compile(r"(?<=[^\W\d_])[\u201a\u201c-\u201e\u2013\u2026\u20ac](?=[^\W\d_])")
LATIN = (
    ("cp1252", "Windows-1252", "äöüßéèàçñáíóúêåæøãõâîôûëïœÄÖÜÉÅØÀÇ£·"),
    ("cp1254", "Windows-1254", "ğışçöüâîûĞİŞÇÖÜ"),
    ("cp1250", "Windows-1250", "ąćęłńóśźżáčďéěíňřšťúůýžäöüôľĺŕőűăâîşţđŁŚŻŹČŘŠŽÁÉÚÍŐ"),
    ("cp1257", "Windows-1257", "āčēģīķļņšūžąęėįųõäöüĀČĒŠŪŽ"),
    ("mac_roman", "Mac Roman", "äöüßéèàçñáíóúêåæøãõâîôûëïÄÖÜÉÅØÀ"),
    ("cp850", "DOS code page 850", "äöüßéèàçñáíóúêåæøãõâîôûëïÄÖÜÉÅØ"),
)
SCRIPTS = (
    ("cp1251", "Windows-1251", "оеаинтсрвлкмдпуяыьгз"),
    ("koi8-r", "KOI8-R", "оеаинтсрвлкмдпуяыьгз"),
    ("cp866", "DOS code page 866", "оеаинтсрвлкмдпуяыьгз"),
    ("cp1253", "Windows-1253", "αοιετσνηυρπκμλωςίάόέή"),
    ("cp1255", "Windows-1255", "יוהלארתבשמנדכםפקעטןח"),
    ("cp1256", "Windows-1256", "اليمونرتبةعدسفهكقحجأ"),
    ("cp874", "Windows-874", "านรอกเงมยลวดทตสะ่้ัีิ"),
)


def decode_text(raw: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    r"""Decode bytes, with a note if they are not UTF-8.

    A byte order mark determines the encoding. UTF-8 with a few invalid bytes stays UTF-8: each invalid byte becomes a
    lone surrogate (U+DC00 plus the byte, as in Python's ``surrogateescape``), so callers can find it. Other text is
    read as UTF-16, as an encoding of Chinese, Japanese or Korean, or as the Windows, DOS or Macintosh code page whose
    most common letters cover most of its non-ASCII characters.

    Args:
        raw: the bytes.
        name: the file's name, for the note.

    Examples:
        >>> decode_text("caf\u00e9".encode("latin-1"), "a.csv")
        ('café', ("Read 'a.csv' as Windows-1252, because it is not UTF-8.",))
        >>> decode_text("привет, как дела".encode("cp1251"), "a.csv")[0]
        'привет, как дела'
    """
    for mark, encoding, title in BOMS:
        if raw.startswith(mark):
            body = raw[len(mark) :] if encoding == "utf-8" else raw
            return _decode(body, encoding), (f"Read '{name}' as {title}.",) if title else ()
    if b"\x00" in raw[:4096]:
        wide = _without_mark(raw[:4096])
        if wide:
            return _decode(raw, wide), (f"Read '{name}' as UTF-16 without a byte order mark.",)
    try:
        return raw.decode("utf-8"), ()
    except UnicodeDecodeError:
        pass
    text = raw.decode("utf-8", "surrogateescape")
    # More than two valid non-ASCII characters for each invalid byte: damaged UTF-8, not another encoding.
    bad = sum("\udc80" <= sign <= "\udcff" for sign in text)
    if sum(sign > "\x7f" for sign in text) - bad > 2 * bad:
        return text, ()
    encoding, title = _guess(_sample(raw))
    return _decode(raw, encoding), (f"Read '{name}' as {title}, because it is not UTF-8.",)


def _decode(raw: bytes, encoding: str) -> str:
    """Decode without failing: undecodable bytes become lone surrogates (U+FFFD in UTF-32)."""
    if encoding.startswith("utf-16"):
        return raw[: len(raw) // 2 * 2].decode(encoding, "surrogatepass")
    if encoding.startswith("utf-32"):
        return raw[: len(raw) // 4 * 4].decode(encoding, "replace")
    return raw.decode(encoding, "surrogateescape")


def _without_mark(head: bytes) -> str | None:
    """The byte order of UTF-16 text with many ASCII characters, from the positions of its zero bytes."""
    # The high byte of an ASCII character is zero: the first of the two in big-endian, the second in little-endian.
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * 10 < len(head) or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _sample(raw: bytes) -> bytes:
    """Lines with non-ASCII bytes, up to a limit: pure ASCII lines say nothing about the encoding."""
    lines, size = [], 0
    for line in raw.splitlines():
        if not line.isascii():
            lines.append(line)
            size += len(line)
        if size > SAMPLE_BYTES:
            break
    return b"\n".join(lines)


def _guess(sample: bytes) -> tuple[str, str]:
    """The most plausible encoding, and its usual name."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", sample)]
    is_foreign = sum(runs) > 2 * len(runs)  # non-ASCII letters follow each other, unlike accents in Latin text
    if is_foreign:
        share, encoding, title = _best(sample, SCRIPTS)
        if share > 0.8:
            return encoding, title
        east = _east_asian(sample)
        if east is not None:
            return east
        if share > 0.5:
            return encoding, title
    share, encoding, title = _best(sample, LATIN)
    return (encoding, title) if share > 0.5 else LATIN[0][:2]


def _best(sample: bytes, tables: Sequence[tuple[str, str, str]]) -> tuple[float, str, str]:
    """The table that covers most of the sample, the first of them if tied: (share, encoding, name)."""
    shares = [_share(sample, encoding, letters) for encoding, _, letters in tables]
    best = max(range(len(tables)), key=shares.__getitem__)
    return shares[best], *tables[best][:2]


def _share(sample: bytes, encoding: str, letters: str) -> float:
    """The share of non-ASCII characters that are common letters or marks; a mark inside of a word does not count."""
    text = sample.decode(encoding, "replace")
    beyond = [sign for sign in text if sign > "\x7f"]
    common = frozenset(letters + MARKS)
    return sum(sign in common for sign in INSIDE_WORD.sub("", text)) / max(len(beyond), 1)


def _east_asian(sample: bytes) -> tuple[str, str] | None:
    """Shift-JIS and EUC-JP by their kana, EUC-KR by its syllables, GBK and Big5 by their most common characters."""
    for encoding, title in (("cp932", "Shift-JIS"), ("euc_jp", "EUC-JP")):
        text = _strict(sample, encoding)
        if text and len(KANA.findall(text)) > 0.2 * _beyond(text) and not re.search(r"[\uff61-\uff9f]{2}", text):
            return encoding, title
    text = _strict(sample, "cp949")
    if text and len(HANGUL.findall(text)) > 0.9 * _beyond(text):
        return "cp949", "EUC-KR"
    # Both tables list the common characters first: level 1 of GB 2312, and the frequently used characters of Big5.
    found = []
    for encoding, title, first, last in (("gb18030", "GBK", 0xB0, 0xD7), ("big5", "Big5", 0xA4, 0xC6)):
        text = _strict(sample, encoding)
        if text:
            leads = [sign.encode(encoding)[0] for sign in HAN.findall(text)]
            found.append((sum(first <= lead <= last for lead in leads) / max(_beyond(text), 1), encoding, title))
    share, encoding, title = max(found, default=(0.0, "", ""))
    return (encoding, title) if share > 0.5 else None


def _strict(sample: bytes, encoding: str) -> str | None:
    """The decoded sample; None if decoding fails for more than 1% of its non-ASCII characters."""
    text = sample.decode(encoding, "replace")
    return text if text.count("\ufffd") * 100 <= _beyond(text) else None


def _beyond(text: str) -> int:
    """How many characters are not ASCII."""
    return sum(sign > "\x7f" for sign in text)
