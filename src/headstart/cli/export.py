"""``headstart export``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.console import json_text, reporter_of, write_line, write_pair
from headstart.errors import UsageError

if TYPE_CHECKING:
    from headstart.export import Exported, ExportFormat

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Write a model in another format, and print what was compared.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["export", "no-such-model", "-o", "a-new-folder"])     # the reason goes to standard error
        2
    """
    from headstart.export import export
    from headstart.model.loading import load

    reporter = reporter_of(args, sys.stderr)
    chosen = _format(args)
    model = load(args.model, engine=engine_of(args))
    with reporter.progress("exporting and comparing"):
        found = export(
            model, chosen, args.out, check=args.check, tolerance=args.tolerance, overwrite=args.overwrite
        )  # fmt: skip
    if args.json:
        write_line(json_text(found.to_dict()))
        return 0
    _print(found)
    reporter.line("saved", str(found.folder))
    return 0


def _format(args: argparse.Namespace) -> ExportFormat:
    from headstart.export import FORMATS
    from headstart.export.onnx import Onnx
    from headstart.export.openvino_int8 import OpenVinoInt8

    chosen = FORMATS[args.format]
    if args.with_decoder and not isinstance(chosen, Onnx):
        raise UsageError(f"--with-decoder is an option of the format onnx, not of '{args.format}'; leave it out.")
    if args.items is not None and not isinstance(chosen, OpenVinoInt8):
        raise UsageError(f"--items is an option of the format openvino_int8, not of '{args.format}'; leave it out.")
    if isinstance(chosen, Onnx):
        return replace(chosen, with_decoder=args.with_decoder)
    return replace(chosen, items=args.items) if isinstance(chosen, OpenVinoInt8) else chosen


def _print(found: Exported) -> None:
    from headstart.export.annotations.comparing import AnnotationParity
    from headstart.export.checking.second import second_sentence

    parity = found.parity
    write_pair("format", found.format)
    for name, size in found.sizes.items():
        write_pair("file", f"{name}, {size / 1e6:,.1f} MB" if size >= 1e5 else f"{name}, {size / 1e3:,.1f} kB")
    write_pair("parity", parity.sentence)
    if isinstance(parity, AnnotationParity):
        if said := parity.predict_sentence:
            write_pair("", said)
        return
    if second := second_sentence(parity):
        write_pair("", second)
    if fitted := parity.facts.get("from_the_fitted_model"):
        count = parity.facts["head_solved_again_on"]["items"]
        write_pair(
            "",
            f"The head was solved again on {count:,} training items in int8. From the model as it was fitted its "
            f"answers differ by up to {fitted['largest']:.2g}, and {fitted['flips']} of the labels.",
        )
    if parity.runtime != parity.reference:
        other = "of their standard deviation" if parity.regression else f"and {parity.predict.flips} of the labels"
        write_pair(
            "",
            f"It was compared with the body in fp32. Here 'predict' runs it by {parity.runtime}: by that number format "
            f"its answers differ by up to {parity.predict.largest:.2g} {other}.",
        )
