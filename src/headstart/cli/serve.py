"""``headstart serve``."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.serve.options import RequestLimits, ServeOptions

__all__ = ["run"]

TOKEN = "HEADSTART_TOKEN"  # noqa: S105 (the name of a variable)


def run(args: argparse.Namespace) -> int:
    """Serve the model until Ctrl-C or SIGTERM.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["serve", "no-such-model"])     # the reason goes to standard error
        2
    """
    from headstart.serve import serve

    reporter = reporter_of(args, sys.stderr)
    options = options_of(args)

    def ready(url: str) -> None:
        if args.json:
            write_line(json_text({"url": url, "model": args.model}))
        else:
            reporter.line("serving", f"{args.model}: its page is {url}/, programs use {url}/docs; Ctrl-C ends it")
        sys.stdout.flush()

    number = serve(args.model, options, ready=ready)
    reporter.line("stopped", "every request that was taken is answered")
    return 128 + number


def options_of(args: argparse.Namespace) -> ServeOptions:
    """The options of a server; the token is read from the environment, where other users cannot see it.

    Args:
        args: the parsed command line.

    Raises:
        UsageError: if other machines could reach the server without a token.

    Examples:
        >>> from headstart.cli.main import build_parser
        >>> options_of(build_parser().parse_args(["serve", "run", "--port", "0"])).port
        0
    """
    limits = RequestLimits()
    if args.max_batch is not None:
        limits = replace(limits, batch=args.max_batch)
    if args.deadline is not None:
        limits = replace(limits, deadline=args.deadline)
    return ServeOptions(
        host=args.host, port=args.port, token=os.environ.get(TOKEN, ""), open=args.no_token,
        hosts=tuple(args.host_name or ()), store=args.store, teach_every=args.teach_every,
        pool=args.pool, workers=args.processes, ray=args.cluster, limits=limits,
        engine=replace(engine_of(args), cache=False),
    )  # fmt: skip
