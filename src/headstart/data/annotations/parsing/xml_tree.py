"""XML of annotation files: elements with their lines, without entities and document types, within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from headstart.errors import DataError

__all__ = ["Element", "parse_xml"]

MOST_ELEMENTS = 2_000_000
MOST_DEPTH = 32
MOST_TEXT = 65_536  # characters of one element


@dataclass
class Element:
    """An element of an XML file.

    Attributes:
        tag: its name.
        line: where it begins, from 1.
        text: its own text.
        children: the elements inside.

    Examples:
        >>> Element("size", 1, "", [Element("width", 2, " 40 ")]).value("width")
        '40'
    """

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, path: str) -> Element | None:
        """The first element at a path of tags, such as ``"size/width"``."""
        head, _, rest = path.partition("/")
        for child in self.children:
            if child.tag == head:
                return child.find(rest) if rest else child
        return None

    def all(self, tag: str) -> Iterator[Element]:
        """The children of a tag."""
        return (child for child in self.children if child.tag == tag)

    def value(self, path: str) -> str | None:
        """The text at a path, without surrounding spaces; None where there is no such element."""
        found = self.find(path)
        return None if found is None else found.text.strip()


def parse_xml(raw: bytes, title: str) -> Element:
    r"""The root element of an XML file.

    Document types and entities are refused, so nothing outside of the file is read and nothing expands.

    Args:
        raw: the content of the file.
        title: its name, quoted, for messages.

    Raises:
        DataError: with the line if it is not well formed, or too large or deep.

    Examples:
        >>> root = parse_xml(b"<annotation>\n<filename>a.jpg</filename></annotation>", "'a.xml'")
        >>> root.value("filename"), root.find("filename").line
        ('a.jpg', 2)
        >>> parse_xml(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "'a.xml'")
        Traceback (most recent call last):
        headstart.errors.DataError: Cannot read 'a.xml', line 1: it declares a document type, ...
    """
    parser = expat.ParserCreate()
    root = Element("", 0)
    stack = [root]
    count = 0

    def fail(why: str) -> NoReturn:
        raise DataError(f"Cannot read {title}, line {parser.CurrentLineNumber}: {why}.")

    def begin(tag: str, _attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MOST_ELEMENTS or len(stack) > MOST_DEPTH:
            fail(f"it has more than {MOST_ELEMENTS} elements, or more than {MOST_DEPTH} inside each other; split it up")
        element = Element(tag, parser.CurrentLineNumber)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_tag: str) -> None:
        stack.pop()

    def data(text: str) -> None:
        stack[-1].text += text
        if len(stack[-1].text) > MOST_TEXT:
            fail(f"an element has more than {MOST_TEXT} characters of text")

    def doctype(*_: object) -> None:
        fail("it declares a document type, which annotations do not need and which could read other files; "
             "remove the declaration")  # fmt: skip

    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = data, doctype
    _parse(parser, raw, title)
    return root.children[0]


def _parse(parser: expat.XMLParserType, raw: bytes, title: str) -> None:
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages.get(error.code, "it is not well formed")
        raise DataError(
            f"Cannot read {title}, line {error.lineno}: it is no well-formed XML ({reason}); repair the file."
        ) from None
    except DataError:
        raise
    except (ValueError, LookupError) as error:  # an encoding that is not known
        raise DataError(f"Cannot read {title}: it is no well-formed XML ({error}); repair the file.") from None
