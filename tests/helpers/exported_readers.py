"""A reader of an exported model in this process, with the graph run by torch in place of a runtime."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

from headstart.export.annotations.files import READER, annotation_graph, write_reader
from headstart.model.annotator import AnnotationModel

__all__ = ["opened_reader"]


def opened_reader(model: AnnotationModel, folder: Path) -> Any:
    """The reader's module; what it decodes is what the model's graph gives in torch."""
    import torch

    graph = annotation_graph(model, "onnx")
    write_reader(model, graph, folder, "onnx")

    def run(inputs: dict[str, Any]) -> list[Any]:
        with torch.inference_mode():
            found = graph.module(*(torch.from_numpy(inputs[name].copy()) for name in graph.examples))
        return [part.numpy() for part in found]

    made = types.ModuleType("exported_reader")
    made.__file__ = str(folder / READER)
    text = (folder / READER).read_text(encoding="utf-8").replace("\nRUN = runtime()\n", "\nRUN = None\n")
    sys.modules[made.__name__] = made
    exec(compile(text, made.__file__, "exec"), made.__dict__)
    made.RUN = run
    return made
