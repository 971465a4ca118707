"""The words of the command line; nothing heavy is imported here, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import os

from headstart import __version__
from headstart.engine.options import BACKENDS

__all__ = ["build_parser"]

DATA = "a folder per class, a folder with train/val/test, a table (CSV, TSV, JSONL, Parquet), or a tar or zip of these"
OUT = (
    "run folder to write; a run that is there is replaced (default: runs/NAME-OF-DATA, or runs/NAME-OF-DATA-2 and so "
    "on where that is a run of other data)"
)
LAYERS = (
    "last (what the body gives at its end), blocks (the pooled output of each block, or of 13 of them where there are "
    "more: what a fit reads), all (of everything in the body), or names of layers with commas between; --layers all "
    "--json lists the names as 'blocks' (default: last)"
)
HEAD = (
    "solved (ridge and lda, read off one eigendecomposition), auto (all kinds are compared on left-out items and the "
    "simplest of those that tie is kept; slower), or names with commas between: ridge, lda, logistic, nearest_mean, "
    "prototypes, knn, naive_bayes, tree, laplace, svm, forest, boosting, mlp, gaussian_process, siamese, stacking, "
    "ordinal (default: solved)"
)
STRATEGY = (
    "frozen (the body stays as it is), auto (the body moves where the evidence says that it pays within --time-limit, "
    "and the best validated model is kept), or a strategy that is run whatever is expected: lp_ft, full, partial, "
    "gradual, surgical, lora, dora, adapters, bitfit, norm_only, ssf, side, l2_sp, delta, bss, stoch_norm, co_tuning, "
    "lwf, joint, contrastive, adversarial, scratch (default: frozen)"
)
NO_CACHE = "neither look rows up in the feature store nor keep them; converted bodies are still kept"
EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted."


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands.

    Examples:
        >>> args = build_parser().parse_args(["fit", "photos", "--seed", "3"])
        >>> args.verb, args.data, args.seed
        ('fit', 'photos', 3)
    """
    parser = argparse.ArgumentParser(
        prog="headstart",
        description="Transfer learning for people with small data: labelled files in, a model that can be trusted out.",
        epilog=f"Start with 'headstart demo', or 'headstart fit DATA'. {EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"headstart {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    _add_inspect(verbs)
    _add_rank(verbs)
    _add_fit(verbs)
    _add_predict(verbs)
    _add_evaluate(verbs)
    _add_embed(verbs)
    _add_distill(verbs)
    _add_sources(verbs)
    _add_cache(verbs)
    _add_doctor(verbs)
    _add_demo(verbs)
    return parser


def _seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"a seed must be a whole number from 0 to {2**32 - 1}. Got '{text}' instead.")
    return int(text)


Verbs = argparse._SubParsersAction


def _verb(verbs: Verbs[argparse.ArgumentParser], name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write one JSON object to standard output, lines to stderr")
    parser.add_argument("--offline", action="store_true", help="never ask a model hub; use what is on this machine")


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to read the data (inferred and said where not given)")
    group.add_argument("--label", metavar="COLUMN", action="append", help="label column; repeat it for several")
    group.add_argument(
        "--item", metavar="COLUMN",
        help="column of texts or of paths; or several with commas between, of pictures, sounds, texts, numbers and "
        "categories that make one item, each with :KIND behind it where its kind is not to be inferred",
    )  # fmt: skip
    group.add_argument("--task", choices=["classification", "multilabel", "regression"], help="kind of task")
    group.add_argument("--modality", choices=["image", "text", "audio", "vector"], help="kind of item")
    group.add_argument("--group-col", metavar="COLUMN", help="what must not be split: patient, speaker, site")
    group.add_argument("--time-col", metavar="COLUMN", help="times; the latest fifth is then held out")


def _add_encoding(parser: argparse.ArgumentParser, *, cluster: bool = False) -> None:
    group = parser.add_argument_group("how to encode (chosen and said where not given)")
    group.add_argument(
        "--backend", choices=["auto", *BACKENDS], default="auto",
        help="what runs the body; torch stands for torch on the CPU (default: auto, the fastest here)",
    )  # fmt: skip
    group.add_argument("--no-cache", action="store_true", help=NO_CACHE)
    group.add_argument("--batch-size", type=_count, metavar="N", help="items that go through the body at once")
    if cluster:
        group.add_argument(
            "--ray", metavar="ADDRESS", nargs="?", const="auto", type=_address,
            help="spread over the Ray cluster at ADDRESS, such as --ray=10.0.0.5:6379; as the last word or before "
            "another option, over the cluster that runs here or is started",
        )  # fmt: skip
        group.add_argument("--workers", type=_count, metavar="N", help="worker processes on Ray (default: one a CPU)")


def _address(text: str) -> str:
    """An address; the data that come after a bare ``--ray`` are none."""
    if text != "auto" and os.path.exists(text):  # noqa: PTH110 (it takes any text)
        raise argparse.ArgumentTypeError(
            f"'{text}' is a file or folder here and no address. Write --ray after it, or --ray=ADDRESS."
        )
    return text


def _count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1 on. Got '{text}' instead.")
    return int(text)


def _add_inspect(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = _verb(verbs, "inspect", "audit labelled data without fitting anything", "headstart inspect photos/")
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument(
        "--no-cache", action="store_true", help="neither look up nor keep what is read of pictures and sounds"
    )
    parser.add_argument(
        "--labels", action="store_true",
        help="also encode the items and list those whose label the others contradict, with the three items that did "
        "most to contradict it",
    )  # fmt: skip
    parser.add_argument("--source", metavar="NAME", help="pretrained body that judges labels")
    parser.add_argument("--out", metavar="FILE", help="write the suspect labels to a .csv file")
    _add_reading(parser)


def _add_rank(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart rank photos/ --sources timm:resnet18.a1_in1k local:body.safetensors"
    parser = _verb(verbs, "rank", "rank pretrained bodies by what they are worth for labelled data", example)
    parser.add_argument("data", metavar="DATA", help=DATA)
    _add_sources_to_rank(parser)
    parser.add_argument("--max-params", metavar="N", help="the most parameters of a body, such as 10M")
    parser.add_argument(
        "--license", choices=["any", "permissive"], default="any",
        help="permissive: Apache, MIT, BSD, CC0, CC-BY, ISC or Unlicense; one that states none is left out (default: "
        "any)",
    )  # fmt: skip
    parser.add_argument(
        "--scores", metavar="NAME", nargs="+", action="extend", default=[],
        help="further transferability scores to show, such as logme h_score; they do not count",
    )  # fmt: skip
    parser.add_argument("--profile", action="store_true", help="show what each block of a body is worth alone")
    parser.add_argument("--no-untrained", action="store_true", help="leave out the body of random weights, the floor")
    parser.add_argument("--out", metavar="FILE", help="write the ranking to a .csv or .json file too")
    parser.add_argument("--seed", type=_seed, default=0, help="for draws and resamples (default: 0)")
    parser.add_argument("--time-limit", metavar="TIME", help="such as 90s or 10m; no source is begun after that")
    _add_reading(parser)
    _add_encoding(parser, cluster=True)


def _add_sources_to_rank(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sources", metavar="NAME", nargs="+", action="extend",
        help="bodies to rank, with spaces or commas between (default: all that are installed or cached for this kind "
        "of item)",
    )  # fmt: skip


def _add_fit(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart fit reviews.csv --label sentiment --out runs/reviews"
    parser = _verb(verbs, "fit", "fit a model, judge it on unseen items and save it", example)
    parser.add_argument("data", metavar="DATA", nargs="?", help=DATA)
    parser.add_argument(
        "--source", metavar="NAME", action="append",
        help="pretrained body; auto ranks those of --sources and takes the first (default: what comes with the "
        "install); repeat it to fuse several where that helps; COLUMN=NAME for one of several item columns",
    )  # fmt: skip
    _add_sources_to_rank(parser)
    parser.add_argument(
        "--layers", choices=["auto", "last", "all", "best", "select"], default="auto",
        help="layers to compare: last, all together, best (each by itself too), select (the relevant features of all "
        "too) (default: auto, last and all)",
    )  # fmt: skip
    parser.add_argument(
        "--fusion", choices=["auto", "concat", "banded", "stack", "select", "attention", "none"], default="auto",
        help="how several sources are put together; none takes the best one (default: auto, the first three)",
    )  # fmt: skip
    _add_few_and_noisy(parser)
    parser.add_argument("--head", metavar="NAME", default="solved", help=HEAD)
    parser.add_argument("--strategy", metavar="NAME", default="frozen", help=STRATEGY)
    parser.add_argument(
        "--source-data", metavar="DATA",
        help="labelled data of the source's own task: forgetting is measured on them, --strategy joint replays them",
    )  # fmt: skip
    parser.add_argument(
        "--baselines", choices=["all", "fast", "none"], default="all",
        help="what to compare with; fast leaves out the untrained body (default: all)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help=OUT)
    parser.add_argument("--seed", type=_seed, default=0, help="for splits and resamples (default: 0)")
    parser.add_argument(
        "--time-limit",
        metavar="TIME",
        help="such as 90s or 10m; what does not fit in, training or a baseline, is left out",
    )
    _add_reading(parser)
    _add_encoding(parser, cluster=True)


def _add_few_and_noisy(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("few, uneven or wrong labels")
    group.add_argument(
        "--label-text", metavar="WHAT", default="auto",
        help="what classes are called, as knowledge that examples correct: auto (names, up to 20 texts a class), "
        "names, none, or a JSON or CSV file from label to description, also of classes without items (default: auto)",
    )  # fmt: skip
    group.add_argument(
        "--tasks", metavar="COLUMNS",
        help="several label columns, comma-separated, each a model of its own from one encoding (for --label)",
    )  # fmt: skip
    group.add_argument("--class-weight", choices=["balanced"], help="let each class count the same")
    group.add_argument(
        "--drop-suspects", action="store_true", help="leave items out of the fit whose label the others contradict"
    )
    group.add_argument(
        "--zero-shot", metavar="LABELS",
        help="labels with commas between: make a model of them without DATA or any example (--label-text describes "
        "them)",
    )  # fmt: skip


def _add_predict(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart predict runs/photos new/*.jpg --out predictions.csv"
    parser = _verb(verbs, "predict", "predict labels with calibrated probabilities, or values", example)
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "items", metavar="ITEM", nargs="+",
        help="files, folders or tables; texts as they are for a text model; - reads a line an item from standard input",
    )  # fmt: skip
    parser.add_argument(
        "--priors", metavar="SHARES",
        help="how frequent the classes are among these items: uniform, estimate (from the items themselves), or a JSON "
        "file of shares by label (default: as in the training data)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write .csv, .jsonl or .parquet instead of a table on the screen")
    parser.add_argument("--item", metavar="COLUMN", help="column of texts or of paths in a table")
    _add_encoding(parser)


def _add_evaluate(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart evaluate runs/photos photos-of-may/"
    parser = _verb(verbs, "evaluate", "judge a saved model on labelled data", example)
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument(
        "--split", choices=["train", "val", "test", "all"],
        help="which part of data that come with a split (default: test, else val)",
    )  # fmt: skip
    parser.add_argument("--seed", type=_seed, default=0, help="for resamples (default: 0)")
    _add_reading(parser)
    _add_encoding(parser)


def _add_embed(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart embed photos/ --source local:body.safetensors --out features.parquet"
    parser = _verb(verbs, "embed", "write the features that a source gives", example)
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    parser.add_argument("--source", metavar="NAME", help="pretrained body (default: what comes with the install)")
    parser.add_argument("--layers", metavar="WHICH", default="last", help=LAYERS)
    parser.add_argument(
        "--per", choices=["item", "position"], default="item",
        help="a row for each item, or for each position in it: token, patch or frame (default: item)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", required=True, help=".parquet, .csv, .npy or .safetensors")
    _add_reading(parser)
    _add_encoding(parser, cluster=True)


def _add_distill(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart distill photos/ --teacher runs/photos --out small"
    parser = _verb(verbs, "distill", "make a body small: train it to give what larger ones know of items", example)
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    parser.add_argument(
        "--teacher", metavar="NAME", action="append", required=True,
        help="a pretrained body whose features are learnt, or the run folder of a fit, whose answers are learnt too; "
        "repeat it for several",
    )  # fmt: skip
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--student", metavar="NAME", help="the body that learns (default: what comes with the install)")
    who.add_argument("--architecture", metavar="NAME", help="or a body of timm with fresh weights")
    parser.add_argument("--side", type=_count, metavar="PIXELS", help="of the pictures that --architecture looks at")
    parser.add_argument("--out", metavar="DIR", required=True, help="new folder for the checkpoint")
    parser.add_argument("--epochs", type=_count, default=20, metavar="N", help="passes over the items (default: 20)")
    parser.add_argument("--loss", choices=["mse", "cosine"], default="mse", help="how rows are compared (default: mse)")
    parser.add_argument(
        "--augment", action=argparse.BooleanOptionalAction, default=True,
        help="let the student see pictures cropped and mirrored (default: yes)",
    )  # fmt: skip
    parser.add_argument("--seed", type=_seed, default=0, help="for fresh weights, order and augmentation (default: 0)")
    parser.add_argument("--time-limit", metavar="TIME", help="such as 90s or 10m")
    _add_reading(parser)
    _add_encoding(parser)


def _add_sources(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "sources", help="list the pretrained bodies at hand, or show one", description="List or show sources.",
        epilog=f"example:\n  headstart sources list\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "list what comes with the install and the schemes of other names"
    _verb(actions, "list", text, "headstart sources list --json")
    show = _verb(
        actions, "show", "show what is known about a source, without loading it", "headstart sources show vector"
    )
    show.add_argument("name", metavar="NAME", help="such as headstart:image, timm:resnet18.a1_in1k or local:PATH")


def _add_cache(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "cache", help="show or clear what is kept so that nothing is computed twice",
        description="Show or clear what is kept so that nothing is computed twice.",
        epilog=f"example:\n  headstart cache info\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _verb(actions, "info", "show where the cache is, what it holds and how large it is", "headstart cache info")
    text = "remove what was not used for longest, and what killed processes left"
    prune = _verb(actions, "prune", text, "headstart cache prune --limit 5GB")
    how = prune.add_mutually_exclusive_group()
    how.add_argument("--limit", metavar="SIZE", help="what may stay, such as 5GB (default: the cache's own limit)")
    how.add_argument("--all", action="store_true", help="remove everything")


def _add_doctor(verbs: Verbs[argparse.ArgumentParser]) -> None:
    _verb(verbs, "doctor", "say what this machine and this install can do, and what is broken", "headstart doctor")


def _add_demo(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = _verb(verbs, "demo", "run the main job offline on data that comes with the install", "headstart demo")
    parser.add_argument("--out", metavar="DIR", default="runs/demo", help="where to write (default: runs/demo)")
