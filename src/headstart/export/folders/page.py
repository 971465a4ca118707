"""The page and the licence that go with an exported folder."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from headstart.export.folders.linear_layer import LinearLayer
from headstart.model import TransferModel
from headstart.model.annotator import AnnotationModel

__all__ = ["chance_note", "write_licence", "write_page"]

MOST_LABELS = 20


def write_page(
    model: TransferModel | AnnotationModel, folder: Path, title: str, code: str, *, limits: str, needs: str,
    alone: bool = True, reader: str = "model.py", more: str = "",
) -> None:  # fmt: skip
    """Write README.md: what the folder is, the lines that load it, its limits, and where the body comes from.

    Args:
        model: the model.
        folder: the folder.
        title: a heading, without the mark.
        code: Python that loads the folder and answers for one item.
        limits: sentences.
        needs: the packages to install.
        alone: whether the folder runs without Headstart.
        reader: the file that does the same from a command line.
        more: further sections, before the limits.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> place = Path(tempfile.mkdtemp())
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> write_page(model, place, "A folder", "print(1)", limits="None.", needs="pip install nothing")
        >>> (place / "README.md").read_text(encoding="utf-8").splitlines()[:3]
        ['# A folder', '', 'A classification model with the labels parcel, refund. It runs without Headstart:']
    """
    info, labels = model.source.info, model.task.labels
    names = ", ".join(labels[:MOST_LABELS]) + (f" and {len(labels) - MOST_LABELS} more" * (len(labels) > MOST_LABELS))
    what = "outputs" if model.task.kind == "regression" else "labels"
    answers = "labels" if model.task.unit == "item" else "annotations"
    runs = "It runs without Headstart" if alone else "It needs Headstart, which its requirements name"
    origin = [f"Body: {info.name}"] + [
        f"{key} {value}" for key, value in (
            ("licence", info.license), ("revision", info.revision), ("sha256", info.sha256)
        ) if value
    ]  # fmt: skip
    text = (
        f"# {title}\n\nA {model.task.kind} model with the {what} {names}. {runs}:\n\n"
        f"```bash\n{needs}\n```\n\n```python\n{code.strip()}\n```\n\n"
        f"`{reader}` does the same from files or texts to {answers}: `python {reader} ITEM ...`.\n\n"
        f"{more}## Limits\n\n{limits}\n\n`parity.json` says on how many items the folder was run and compared with the "
        f"model before it was handed over, and how far its answers were from the model's.\n\n"
        f"## Origin\n\n{', '.join(origin)}.\n"
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def write_licence(model: TransferModel | AnnotationModel, folder: Path) -> None:
    """Copy the licence of a body that comes with Headstart or with one of its extras to ``LICENSE``.

    Examples:
        >>> import tempfile
        >>> from headstart import zero_shot
        >>> place = Path(tempfile.mkdtemp())
        >>> write_licence(zero_shot(["parcel", "refund"], source="headstart:text", verbose=False), place)
        >>> [file.name for file in place.iterdir()]
        ['LICENSE']
    """
    scheme, _, rest = model.source.info.name.partition(":")
    name = rest.replace("@", " ").split(" ")[0]
    if scheme != "headstart" or not name.isidentifier():
        return
    with as_file(files("headstart") / "assets" / name / "LICENSE") as text:
        if text.is_file():
            (folder / "LICENSE").write_bytes(text.read_bytes())


def chance_note(layer: LinearLayer) -> str:
    """A sentence on the share of chance in the probabilities, which no other library mixes in; empty without one.

    Examples:
        >>> import numpy as np
        >>> chance_note(LinearLayer(np.ones((1, 2)), np.zeros(2), False, "softmax", 0.1))
        ' The calibration mixes the probabilities with chance, p = 0.9 * softmax(logits) + 0.1 / 2, and so does `mod...
    """
    if not layer.chance:
        return ""
    return (
        f" The calibration mixes the probabilities with chance, p = {1 - layer.chance:g} * softmax(logits) + "
        f"{layer.chance:g} / {len(layer.bias)}, and so does `model.py`; the library alone does not. The label is the "
        "same."
    )
