"""The words of ``headstart fit``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_encoding,
    add_label,
    add_out,
    add_overwrite,
    add_reading,
    add_seed,
    add_time_limit,
    first_group,
    new_verb,
)
from headstart.cli.parser.rank import add_sources_to_rank

__all__ = ["add"]

OUT = (
    "run folder to write; a run that is there is replaced (default: runs/NAME-OF-DATA, or runs/NAME-OF-DATA-2 and so "
    "on where that is there already)"
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


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["fit", "photos", "-o", "runs/a"]).out
        'runs/a'
    """
    parser = new_verb(
        verbs, "fit", "fit a model, judge it on unseen items and save it", words="DATA",
        example="headstart fit reviews.csv --label sentiment --out runs/reviews",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", nargs="?", help=DATA)
    group = first_group(parser)
    add_label(group)
    group.add_argument(
        "--source", metavar="NAME", action="append",
        help="pretrained body; auto ranks those of --sources and takes the first (default: what comes with the "
        "install); repeat it to fuse several where that helps; COLUMN=NAME for one of several item columns",
    )  # fmt: skip
    add_out(group, "DIR", OUT)
    add_time_limit(group, "such as 90s or 10m; what does not fit in, training or a baseline, is left out")
    add_reading(parser, label=False)
    _add_few_and_noisy(parser)
    _add_how(parser)
    add_encoding(parser, cluster=True)
    add_common(parser)


def _add_how(parser: Parser) -> None:
    group = parser.add_argument_group("what is compared, moved and kept")
    add_overwrite(group, "replace the run of these data under the default name, in place of a new name")
    add_sources_to_rank(group)
    group.add_argument(
        "--layers", choices=["auto", "last", "all", "best", "select"], default="auto",
        help="layers to compare: last, all together, best (each by itself too), select (the relevant features of all "
        "too) (default: auto, last and all)",
    )  # fmt: skip
    group.add_argument(
        "--fusion", choices=["auto", "concat", "banded", "stack", "select", "attention", "none"], default="auto",
        help="how several sources are put together; what is named is used whatever is better; none takes the best one "
        "(default: auto, the best of the first three where it helps)",
    )  # fmt: skip
    group.add_argument("--head", metavar="NAME", default="solved", help=HEAD)
    group.add_argument("--strategy", metavar="NAME", default="frozen", help=STRATEGY)
    group.add_argument(
        "--source-data", metavar="DATA",
        help="labelled data of the source's own task: forgetting is measured on them, --strategy joint replays them",
    )  # fmt: skip
    group.add_argument(
        "--baselines", choices=["all", "fast", "none"], default="all",
        help="what to compare with; fast leaves out the untrained body (default: all)",
    )  # fmt: skip
    add_seed(group, "splits and resamples")


def _add_few_and_noisy(parser: Parser) -> None:
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
