"""Pictures with boxes on the page: nothing untrusted gets out of its text."""

from __future__ import annotations

from headstart.report.annotations.boxes import box_blocks


def example(**changes: object) -> dict[str, object]:
    boxes = [
        {"kind": "missed", "label": "<b>cup</b>", "score": None, "box": [0.1, 0.1, 0.4, 0.4]},
        {"kind": "false alarm", "label": "cup", "score": 0.61, "box": [0.5, 0.5, 0.9, 0.9]},
        {"kind": "hit", "label": "cup", "score": 0.93, "box": [0, 0, 1, 1]},
    ]
    shown = {"name": "<i>a</i>.jpg", "size": [640, 480], "picture": "/9j/4AAQ", "boxes": boxes}
    return {**shown, "hits": 1, "missed": 1, "false_alarms": 1, **changes}


def page(*examples: dict[str, object]) -> str:
    [section] = box_blocks({"annotations": {"examples": list(examples)}})
    return section.html


def test_hits_misses_and_false_alarms_look_different() -> None:
    html = page(example())
    assert html.count('fill="none"') == 3
    assert len({part.split('"')[0] for part in html.split('stroke="')[1:]}) == 3
    assert "1 found, 1 missed, 1 false alarm" in html
    assert "cup 0.93" in html


def test_names_and_labels_are_escaped() -> None:
    html = page(example(picture='"><script>'))
    assert "<script>" not in html
    assert "<b>cup" not in html
    assert "<i>a" not in html


def test_pictures_that_cannot_be_read_are_named() -> None:
    html = page(example(), example(name="b.jpg", missing="It is damaged.", picture="", boxes=[]))
    assert "b.jpg cannot be shown: It is damaged." in html


def test_no_examples_no_section() -> None:
    assert box_blocks({}) == []
    assert box_blocks({"annotations": {"examples": []}}) == []
