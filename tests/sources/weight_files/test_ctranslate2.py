"""The reader of CTranslate2's format: exact values, and one sentence for everything that is not such a file."""

import tracemalloc
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper_files import ALIASES, model_file, tensor, text, tiny_whisper

from headstart.errors import SourceError
from headstart.sources.weight_files.ctranslate2 import read_ctranslate2

HEAD = pack("<I", 6) + text("WhisperSpec") + pack("<I", 3)  # up to the number of variables
ONE = {"w": np.ones(3, np.float32)}


def read(content, tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    return read_ctranslate2(path, specification="WhisperSpec", revision=3)


def test_each_dtype_is_read_exactly(tmp_path):
    rng = np.random.default_rng(0)
    stored = {
        "f32": rng.normal(size=(2, 3)).astype(np.float32),
        "f16": rng.normal(size=5).astype(np.float16),
        "i8": np.arange(-4, 4, dtype=np.int8),
        "i16": np.array(-300, np.int16),
        "i32": np.array([[2**31 - 1]], np.int32),
        "none": np.zeros((0, 4), np.float32),
    }
    read_back = read(model_file(stored, [("again", "f16")]), tmp_path)
    assert list(read_back) == [*stored, "again"]
    for name, array in stored.items():
        assert read_back[name].dtype == array.dtype
        np.testing.assert_array_equal(read_back[name], array)
        assert not read_back[name].flags.writeable
    np.testing.assert_array_equal(read_back["again"], stored["f16"])


def test_bf16_becomes_float32(tmp_path):
    import torch

    values = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).bfloat16()
    found = read(model_file({"w": values.view(torch.uint16).numpy()}), tmp_path)["w"]
    np.testing.assert_array_equal(found, values.float().numpy())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must be a file of 1 to"),
        (model_file(ONE, version=5), "of version 5, and only 6 is read"),
        (model_file(ONE, specification="TransformerSpec"), "holds a TransformerSpec of revision 3 instead of"),
        (model_file(ONE, revision=4), "of revision 4 instead of"),
        (model_file(ONE)[:-1], "the number of aliases needs 4 bytes, and 3 are left"),
        (model_file(ONE) + b"x", "1 bytes follow the last alias"),
        (HEAD + pack("<I", 2**32 - 1), "the number of variables is 4,294,967,295, and only 0 to 0 is allowed"),
        (HEAD + pack("<I", 1) + pack("<H", 2**16 - 1) + bytes(30), "the length of the name of a variable is 65,535"),
        (HEAD + pack("<I", 1) + text("w") + pack("<B", 255) + bytes(30), "the rank of 'w' is 255"),
        (HEAD + pack("<I", 1) + text("w") + pack("<BB", 0, 9) + bytes(30), "the dtype of 'w' is 9"),
        # 65536^4 is 0 in 64 bits, where "0 bytes" would look right
        (
            HEAD + pack("<I", 1) + text("w") + pack("<B4IBI", 4, *[2**16] * 4, 1, 0) + bytes(30),
            "takes 18,446,744,073,709,551,616 bytes, and 0 are stated",
        ),
        (
            HEAD + pack("<I", 1) + text("w") + pack("<BIBI", 1, 2**31, 1, 2**31) + bytes(30),
            "'w' needs 2,147,483,648 bytes, and 30 are left",
        ),
        (HEAD + pack("<I", 2) + 2 * tensor("w", ONE["w"]) + bytes(4), "the variable 'w' is there twice"),
        (model_file(ONE, [("w", "w")]), "the alias 'w' of 'w' must be a new name"),
        (model_file(ONE, [("v", "u")]), "the alias 'v' of 'u' must be a new name of a variable"),
        (HEAD + pack("<I", 1) + pack("<H", 2) + b"ww" + bytes(30), "must be printable ASCII that ends with NUL"),
        (HEAD + pack("<I", 1) + pack("<H", 3) + b"\xff\xffw" + bytes(30), "is not UTF-8"),
        (b"PK\x03\x04" + bytes(100), "of version 67324752"),
    ],
)
def test_bad_files_are_one_sentence(content, says, tmp_path):
    with pytest.raises(SourceError) as caught:
        read(content, tmp_path)
    assert says in str(caught.value)
    assert "model.bin" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="and it has 0"):
        read_ctranslate2(tmp_path, specification="WhisperSpec", revision=3)


WHOLE = model_file(tiny_whisper(), ALIASES)


@given(cut=st.integers(0, len(WHOLE) - 1))
def test_every_truncation_is_refused(cut, tmp_path_factory):
    with pytest.raises(SourceError):
        read(WHOLE[:cut], tmp_path_factory.getbasetemp())


@given(place=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_changed_bytes_never_give_another_error_or_much_memory(place, value, tmp_path_factory):
    changed = bytearray(WHOLE)
    changed[place] = value
    tracemalloc.start()
    try:
        found = read(bytes(changed), tmp_path_factory.getbasetemp())
        assert sum(array.nbytes for array in found.values()) <= 4 * len(WHOLE)
    except SourceError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 * len(WHOLE) + 2**20
