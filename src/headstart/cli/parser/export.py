"""Options of ``headstart export``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import Verbs, add_common, add_encoding, add_out, add_overwrite, first_group, new_verb

__all__ = ["add"]


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["export", "run", "-o", "shop"]).format
        'onnx'
    """
    parser = new_verb(
        verbs, "export", "write a model in another format, which runs without Headstart", words="MODEL",
        example="headstart export runs/support --format onnx -o shop",
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    group = first_group(parser)
    add_out(group, "DIR", "folder to write, new or empty", required=True)
    group.add_argument(
        "--format",
        metavar="NAME",
        default="onnx",
        help="format: onnx (default), openvino, openvino_fp16, openvino_int8, timm, transformers, "
        "sentence-transformers, sklearn (the head alone), mlflow; words, boxes and masks: onnx or openvino",
    )
    group.add_argument(
        "--check", metavar="DATA",
        help="items on which the exported model is run and compared (default: up to 500 items of the fit, if they are "
        "still where it found them, else examples of the install; 200 sentences or 24 pictures where words, boxes or "
        "masks are found)",
    )  # fmt: skip
    group.add_argument(
        "--tolerance", type=float, default=0.01, metavar="X",
        help="largest difference of a probability that is allowed; of a value, in standard deviations (default: 0.01)",
    )  # fmt: skip
    group.add_argument(
        "--with-decoder", action="store_true",
        help="with onnx: also write model_with_decoder.onnx, which takes the bytes of a JPEG or PNG file or a raw text "
        "and is run by onnxruntime with onnxruntime-extensions",
    )  # fmt: skip
    group.add_argument(
        "--items", metavar="DATA",
        help="with openvino_int8, for a model that was not fitted in int8: its training data, on which the head is "
        "solved again (default: where the fit found them)",
    )  # fmt: skip
    add_overwrite(group, "replace an earlier export in the folder")
    add_encoding(parser)
    add_common(parser)
