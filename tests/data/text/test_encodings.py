"""Bytes of any usual encoding become the text that was meant, and the encoding is said."""

import pytest

from headstart.data import read
from headstart.data.text.encodings import decode_text

TEXTS = {
    "cp1251": ("Windows-1251", "Отличный товар, всем советую"),
    "koi8-r": ("KOI8-R", "Отличный товар, всем советую его купить"),
    "cp866": ("DOS code page 866", "Отличный товар, всем советую"),
    "cp1253": ("Windows-1253", "Πολύ καλό προϊόν, το συνιστώ"),
    "cp1255": ("Windows-1255", "מוצר מצוין, ממליץ לכולם"),
    "cp1256": ("Windows-1256", "منتج ممتاز أنصح به الجميع"),
    "cp874": ("Windows-874", "สินค้าดีมาก แนะนำ"),
    "cp1250": ("Windows-1250", "bardzo zła jakość, nie kupuję więcej"),
    "cp1254": ("Windows-1254", "Çok iyi bir ürün, şiddetle öneririm"),
    "cp1252": ("Windows-1252", "Größe paßt, señor, très bien été – ça va"),
    "mac_roman": ("Mac Roman", "Größe passt, schönes Gerät"),
    "cp850": ("DOS code page 850", "Größe passt, schönes Gerät"),
    "gb18030": ("GBK", "这个产品非常好，推荐给大家"),
    "big5": ("Big5", "這個產品非常好，推薦給大家"),
    "cp932": ("Shift-JIS", "とても良い商品です。おすすめします"),
    "euc_jp": ("EUC-JP", "とても良い商品です。おすすめします"),
    "cp949": ("EUC-KR", "정말 좋은 제품입니다 추천합니다"),
    "utf-16": ("UTF-16", "ein Gerät"),
    "utf-32": ("UTF-32", "ein Gerät"),
    "utf-16-le": ("UTF-16 without a byte order mark", "a plain text"),
    "utf-16-be": ("UTF-16 without a byte order mark", "a plain text"),
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_table_of_each_encoding(tmp_path, encoding):
    title, text = TEXTS[encoding]
    rows = "".join(f'"{text}",{"ab"[row % 2]}\r\n' for row in range(4))
    (tmp_path / "a.csv").write_bytes(f"text,label\r\n{rows}".encode(encoding))
    data = read(tmp_path / "a.csv")
    assert data.items == [text] * 4
    assert any(note.startswith(f"Read 'a.csv' as {title}") for note in data.notes)


def test_utf_8_needs_no_note_and_stays_so_with_a_few_bad_bytes():
    assert decode_text("é".encode(), "a") == ("é", ())
    assert decode_text(b"\xef\xbb\xbfhi", "a") == ("hi", ())
    assert decode_text("ü ö ä é è".encode() + b" \xff", "a") == ("ü ö ä é è \udcff", ())


def test_a_cut_file_of_wide_characters():
    text, _ = decode_text("ab".encode("utf-16")[:-1], "a")
    assert text == "a"
    assert decode_text("x\ud83d".encode("utf-16", "surrogatepass"), "a")[0] == "x\ud83d"
