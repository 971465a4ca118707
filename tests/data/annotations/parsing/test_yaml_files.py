"""YAML from elsewhere: whatever it holds, plain values come back or one sentence says what is wrong."""

from __future__ import annotations

import pytest

from headstart.data.annotations.location import Location
from headstart.data.annotations.parsing.yaml_files import LONGEST, load_yaml
from headstart.errors import DataError


def loaded(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text, encoding="utf-8")
    return load_yaml(Location(tmp_path), "data.yaml")


@pytest.mark.parametrize("tag", ["!!int ''", "!!float ''", "!!binary aGk=", "!!str 3", "!!set {a}", "!own 3", "! 3",
                                 "!!python/name:os.system", "!!seq [1]", "!!bool maybe", "!!null x"])  # fmt: skip
@pytest.mark.parametrize("form", ["names: {}", "{}: 3", "- {}"])
def test_every_tag_is_refused_by_name_and_line(tag, form, tmp_path):
    with pytest.raises(DataError, match=r"line 2: it has the tag '.*write the plain value without a tag"):
        loaded(tmp_path, "# first\n" + form.format(tag))


@pytest.mark.parametrize("digits", ["0x" + "f" * 9000, "9" * 9000, "0b" + "1" * 9000, "1" + ":1" * 9000,
                                    "0." + "3" * 9000, "-0" + "7" * 9000])  # fmt: skip
def test_a_number_of_thousands_of_digits_is_refused(digits, tmp_path):
    """Kind: it was read, and failed where it was printed."""
    with pytest.raises(DataError, match=f"a number of {len(digits)} characters, and at most {LONGEST} are read; quote"):
        loaded(tmp_path, f"seed: {digits}")
    assert loaded(tmp_path, f"seed: '{digits}'") == {"seed": digits}


BROKEN = ('"\\UFFFFFFFF"', '"\\ud800"', '"a\\0b"', "2020-99-99", "2020-01-01 00:00:00 +99:00", "0x_", "0b_", "{[a]: 1}",
          "{{a: 1}: 2}", "<<: 3", "=", "%TAG ! x", "a: b: c", "a\n---\nb", "@")  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_what_fails_in_the_library_is_one_sentence(text, tmp_path):
    with pytest.raises(DataError, match=r"Cannot read .*data.yaml'") as caught:
        loaded(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_plain_values_are_read(tmp_path):
    text = 'a: 3\nb: [0x1f, 1e-4, "3"]\nc: {d: null, e: true}\nf: long text\n'
    assert loaded(tmp_path, text) == {"a": 3, "b": [31, "1e-4", "3"], "c": {"d": None, "e": True}, "f": "long text"}
    assert loaded(tmp_path, f"note: {'1a' * LONGEST}") == {"note": "1a" * LONGEST}
