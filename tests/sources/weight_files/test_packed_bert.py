"""The reader of packed BERT encoders: what is right is read exactly, and nothing else is read at all."""

import struct
import tracemalloc

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.sources.weight_files.packed_bert import BertSizes, read_packed_bert, unpack_q4

SIZES = BertSizes(32, 1, 2, 64, 9, 5, 2, 1e-12)
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "é"]


def packed_file(path, rng=None, *, change=lambda _parts: None):
    """Write a small file of the format; ``change`` alters its parts, in the order in which they are written."""
    rng = rng or np.random.default_rng(0)
    text = "".join(PIECES).encode()
    lengths = [len(piece.encode()) for piece in PIECES]
    table = struct.pack("<IBI", 0xFF5E, 1, 0x7E) + struct.pack("<IB", 1, 0)
    shapes = SIZES.shapes()
    parts = {
        "magic": b"E5S1", "version": 1, "sizes": [32, 1, 2, 64, 9, 5, 2], "eps": 1e-12, "block": 32,
        "count": len(PIECES), "special": [0, 2, 1, 3], "text_size": len(text), "offsets": np.cumsum([0, *lengths]),
        "scores": -np.arange(len(PIECES), dtype=np.float32), "text": text, "normalized": 2, "table": table,
        "tensors": len(shapes), "entries": {}, "data": {},
    }  # fmt: skip
    for name, shape in shapes.items():
        number = int(np.prod(shape))
        quantized = len(shape) == 2 and name not in ("emb.pos", "emb.type")
        if quantized:
            blocks = rng.integers(256, size=(number // 32, 18), dtype=np.uint8)
            blocks[:, :2] = rng.normal(size=(number // 32, 1)).astype("<f2").view(np.uint8)
            parts["data"][name] = blocks.tobytes()
        else:
            parts["data"][name] = rng.normal(size=number).astype("<f4").tobytes()
        parts["entries"][name] = [name, int(quantized), number, None, len(parts["data"][name])]
    change(parts)
    path.write_bytes(_written(parts))
    return path


def _written(parts):
    head = parts["magic"] + struct.pack("<I7ifi", parts["version"], *parts["sizes"], parts["eps"], parts["block"])
    head += struct.pack("<i4iQ", parts["count"], *parts["special"], parts["text_size"])
    head += np.asarray(parts["offsets"], "<u4").tobytes() + np.asarray(parts["scores"], "<f4").tobytes()
    head += parts["text"] + struct.pack("<iI", parts["normalized"], len(parts["table"])) + parts["table"]
    head += struct.pack("<i", parts["tensors"])
    entries = parts["entries"].values()
    begin = len(head) + sum(2 + len(entry[0].encode()) + 21 for entry in entries)
    data = b""
    for name, entry in zip(parts["data"], entries, strict=True):
        place = begin + len(data) if entry[3] is None else entry[3]
        head += struct.pack("<H", len(entry[0].encode())) + entry[0].encode()
        head += struct.pack("<BIQQ", *entry[1:3], place, entry[4])
        data += parts["data"][name]
    return head + data


def test_sizes_tokenizer_and_tensors_are_read_as_they_were_written(tmp_path):
    wanted = {}
    file = read_packed_bert(packed_file(tmp_path / "f.bin", change=lambda parts: wanted.update(parts["data"])))
    assert file.sizes == SIZES
    assert file.pieces.decoded() == PIECES
    assert file.pieces.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert file.pieces.normalized == {0xFF5E: "~", 1: ""}
    assert np.array_equal(file.tensor("emb.pos").ravel(), np.frombuffer(wanted["emb.pos"], "<f4"))
    assert {name: file.tensor(name).shape for name in SIZES.shapes()} == SIZES.shapes()
    assert np.array_equal(file.rows("emb.word", np.array([7, 0, 7])), file.tensor("emb.word")[[7, 0, 7]])


def test_q4_agrees_with_weights_computed_one_by_one():
    rng = np.random.default_rng(1)
    packed = rng.integers(256, size=(3, 36), dtype=np.uint8)
    packed[:, [0, 18]], packed[:, [1, 19]] = 7, 56
    for row, found in zip(packed, unpack_q4(packed), strict=True):
        for k, value in enumerate(found):
            block = row[k // 32 * 18 :][:18]
            scale = float(np.frombuffer(block[:2].tobytes(), "<f2")[0])
            byte = int(block[2 + k % 16])
            assert value == np.float32(((byte & 15 if k % 32 < 16 else byte >> 4) - 8) * scale)


def _set(key, value):
    def change(parts):
        parts[key] = value

    return change


def _size(place, value):
    def change(parts):
        parts["sizes"][place] = value

    return change


def _entry(name, place, value):
    def change(parts):
        parts["entries"][name][place] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_set("magic", b"GGUF"), "does not begin with E5S1"),
        (_set("version", 2), "has version 2, and only version 1 can be read"),
        *((_size(place, 2**31 - 1), "only 0 to") for place in range(7)),
        (_size(0, 0), "the hidden size is 0"),
        (_size(0, -32), "the hidden size is -32"),
        (_size(2, 3), "do not fit blocks of 32 and 3 heads"),
        (_size(1, 2), "an encoder of 2 layers has others"),
        (_set("eps", float("nan")), "eps"),
        (_set("block", 64), "the block size is 64, and only 32 is allowed"),
        (_set("count", 2**31 - 1), "the number of pieces"),
        (_set("special", [0, 2, 1, 1]), "share ids"),
        (_set("special", [0, 2, 1, 6]), "the id of unk is 6"),
        (_set("text_size", 2**63), "the length of the pieces"),
        (_set("offsets", [0, 3, 2, 12, 17, 21, 23]), "do not rise"),
        (_set("scores", [0, 0, np.inf, 0, 0, 0]), "score of a piece is not finite"),
        (_set("text", b"\xff" * 23), "not UTF-8|do not rise"),
        (_set("normalized", 2**31 - 1), "the number of normalised characters"),
        (_set("normalized", 1), "another length than it states"),
        (_set("table", struct.pack("<IBI", 5, 1, 0xD800) * 2), "invalid characters"),
        (_set("tensors", 2**31 - 1), "the number of tensors"),
        (_entry("emb.ln.b", 0, "emb.ln.w"), "unknown or occurs twice"),
        (_entry("emb.ln.b", 1, 7), "format 7"),
        (_entry("emb.ln.b", 2, 2**32 - 1), "does not fit the shape"),
        (_entry("emb.ln.b", 4, 2**64 - 1), "does not fit the shape"),
        (_entry("emb.ln.b", 3, 2**64 - 1), "beyond the file's"),
        (_entry("emb.ln.b", 3, 0), "inside what precedes it"),
    ],
)
def test_a_header_that_cannot_be_right_is_refused_in_one_sentence(tmp_path, change, message):
    file = packed_file(tmp_path / "f.bin", change=change)
    with pytest.raises(SourceError, match=message) as caught:
        read_packed_bert(file)
    assert "\n" not in str(caught.value)


def test_tensors_that_overlap_are_refused(tmp_path):
    def overlap(parts):
        parts["entries"]["l0.oln.b"][3] = 4 * 2**8  # inside the data of other tensors

    with pytest.raises(SourceError, match="inside what precedes it"):
        read_packed_bert(packed_file(tmp_path / "f.bin", change=overlap))


@pytest.mark.parametrize("scale", [np.inf, np.nan])
def test_scales_that_are_not_finite_are_refused(tmp_path, scale):
    def change(parts):
        data = bytearray(parts["data"]["emb.word"])
        data[:2] = np.array([scale], "<f2").tobytes()
        parts["data"]["emb.word"] = bytes(data)

    file = read_packed_bert(packed_file(tmp_path / "f.bin", change=change))
    with pytest.raises(SourceError, match=r"'emb\.word' holds values that are not finite"):
        file.rows("emb.word", np.array([0]))
    assert np.isfinite(file.rows("emb.word", np.array([1]))).all()


def test_a_piece_cut_inside_a_character_is_refused(tmp_path):
    def change(parts):
        parts["offsets"][5] += 1  # é is two bytes

    with pytest.raises(SourceError, match="a piece of its tokenizer is not UTF-8"):
        read_packed_bert(packed_file(tmp_path / "f.bin", change=change)).pieces.decoded()


def test_truncated_and_altered_files_give_a_sentence_or_the_same_sizes_in_bounded_memory(tmp_path):
    """Property: every prefix is refused, and a flipped byte of the header never ends in another error."""
    content = packed_file(tmp_path / "whole.bin").read_bytes()
    header = len(content) - sum(map(len, _data(tmp_path)))
    file, rng = tmp_path / "f.bin", np.random.default_rng(0)
    tracemalloc.start()
    for length in [*range(0, header, 7), len(content) - 1]:
        file.write_bytes(content[:length])
        with pytest.raises(SourceError):
            read_packed_bert(file)
    refused = 0
    for _ in range(600):
        changed = bytearray(content)
        for place in rng.integers(header, size=rng.integers(1, 4)):
            changed[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(changed)
        try:
            opened = read_packed_bert(file)
            opened.pieces.decoded()
            opened.rows("emb.word", np.array([0]))
        except SourceError:
            refused += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > 300
    assert peak < 20 * 2**20


def _data(tmp_path):
    kept = {}
    packed_file(tmp_path / "again.bin", change=lambda parts: kept.update(parts["data"]))
    return kept.values()
