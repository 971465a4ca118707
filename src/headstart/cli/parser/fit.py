"""Options of ``headstart fit``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    DATA,
    Verbs,
    add_common,
    add_config,
    add_encoding,
    add_label,
    add_out,
    add_overwrite,
    add_reading,
    add_report_items,
    add_seed,
    add_time_limit,
    count,
    first_group,
    new_verb,
)
from headstart.cli.parser.rank import add_sources_to_rank
from headstart.cli.parser.training import add_training

__all__ = ["add"]

OUT = (
    "run folder to write; an existing run there is replaced (default: runs/NAME-OF-DATA, or runs/NAME-OF-DATA-2 and so "
    "on if that exists)"
)
HEAD = (
    "solved (closed-form ridge and lda, from one eigendecomposition), auto (compares all kinds on out-of-fold "
    "predictions and keeps the simplest that ties with the best; slower), or comma-separated names: ridge, lda, "
    "logistic, nearest_mean, prototypes, knn, naive_bayes, tree, laplace, svm, forest, boosting, mlp, "
    "gaussian_process, siamese, stacking, ordinal, random_features, cell (default: solved)"
)
STRATEGY = (
    "frozen (the body is not trained), auto (the body is fine-tuned if the evidence says that this pays within "
    "--time-limit, and the best validated model is kept), auto:A,B (so, and the named strategies are compared, each by "
    "a pilot first), or a strategy to run in any case: lp_ft, full, partial, "
    "gradual, surgical, lora, dora, adapters, bitfit, norm_only, ssf, side, l2_sp, delta, bss, stoch_norm, co_tuning, "
    "lwf, ewc, der, joint, contrastive, adversarial, scratch, soup (runs from several "
    "seeds and the averages of their weights); of words also random_field, of masks decoder (default: frozen)"
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
        verbs, "fit", "fit a model, evaluate it on held-out items and save it", words="DATA",
        example="headstart fit reviews.csv --label sentiment --out runs/reviews",
    )  # fmt: skip
    parser.add_argument("data", metavar="DATA", nargs="?", help=DATA)
    group = first_group(parser)
    add_label(group)
    group.add_argument(
        "--source", metavar="NAME", action="append",
        help="pretrained body; auto ranks those of --sources and takes the first (default: the installed one "
        "that suits the items); NAME@160 reads pictures of 160 pixels a side, which is faster (bodies of headstart: "
        "and timm:); repeat the option to fuse several if that helps; COLUMN=NAME for one of several item columns",
    )  # fmt: skip
    add_out(group, "DIR", OUT)
    add_time_limit(group, "limit such as 90s or 10m; training and baselines that would take longer are left out")
    add_reading(parser, label=False)
    _add_few_and_noisy(parser)
    _add_how(parser)
    group = add_training(
        parser, "how a strategy trains (with --strategy; the defaults depend on the strategy and the items)"
    )
    group.add_argument(
        "--trials", metavar="N", type=count,
        help="try N settings of learning rate, weight decay and epochs on half of the training items, the default ones "
        "among them, and keep the best (with a named strategy; default: none)",
    )  # fmt: skip
    add_encoding(parser, cluster=True, int8=True, batches="; with --strategy also in a step of the training (there 32)")
    add_config(parser)
    add_common(parser)


def _add_how(parser: Parser) -> None:
    group = parser.add_argument_group("what is compared, trained and saved")
    add_overwrite(group, "replace the run of these data under the default name, instead of using a new name")
    add_sources_to_rank(group)
    group.add_argument(
        "--layers", choices=["auto", "last", "all", "best", "select", "standardised"], default="auto",
        help="layers to compare: last, all (concatenated), best (also each layer alone), select (also the relevant "
        "features of all layers), standardised (the last with standardised columns, for 'export --format timm') "
        "(default: auto, last and all)",
    )  # fmt: skip
    group.add_argument(
        "--fusion", choices=["auto", "concat", "banded", "stack", "select", "attention", "none"], default="auto",
        help="how to combine several sources; a named way is used even if another is better; none takes the best "
        "source alone (default: auto, the best of concat, banded and stack if it helps)",
    )  # fmt: skip
    group.add_argument("--head", metavar="NAME", default="solved", help=HEAD)
    group.add_argument("--strategy", metavar="NAME", default="frozen", help=STRATEGY)
    group.add_argument(
        "--source-data", metavar="DATA",
        help="labelled data of the task of the pretrained body: forgetting is measured on them, and --strategy joint "
        "replays them",
    )  # fmt: skip
    group.add_argument(
        "--baselines", choices=["all", "fast", "none"], default="all",
        help="baselines to compare with; fast leaves out the untrained body (default: all)",
    )  # fmt: skip
    add_report_items(group)
    add_seed(group, "splits, trainings and bootstrap resamples")


def _add_few_and_noisy(parser: Parser) -> None:
    group = parser.add_argument_group("few, uneven or wrong labels")
    group.add_argument(
        "--label-text", metavar="WHAT", default="auto",
        help="text of each class as prior knowledge, which the items correct: auto (its name, up to 20 texts per "
        "class), names, none, or a JSON or CSV file that maps labels to descriptions, also of classes without items "
        "(default: auto)",
    )  # fmt: skip
    group.add_argument(
        "--tasks", metavar="COLUMNS",
        help="several comma-separated label columns: one model for each, from one encoding (instead of --label)",
    )  # fmt: skip
    group.add_argument("--class-weight", choices=["balanced"], help="weight items so that all classes count the same")
    group.add_argument(
        "--drop-suspects", action="store_true", help="fit without the items whose label is probably wrong"
    )
    group.add_argument(
        "--zero-shot", metavar="LABELS",
        help="comma-separated labels: make a classifier from these names, without DATA (--label-text describes them)",
    )  # fmt: skip
