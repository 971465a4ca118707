"""Suggestions: the option or choice that a mistyped word, or the name that another tool uses, stands for."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

__all__ = ["command_hint", "nearest_choice", "nearest_option", "option_hint"]

SHORT = 3  # words of up to this many letters resemble too many others

# Names of options in other tools, without the dashes. If a name stands for several, the first that a command has wins.
_OPTIONS: dict[str, str] = {
    "--source": "model models backbone body encoder base-model pretrained pretrained-model model-name arch "
    "architecture checkpoint weights network net model-name-or-path feature-extractor extractor m",
    "--teacher": "model models source sources from",
    "--sources": "source model models candidates bodies backbones",
    "--label": "labels target targets y label-col label-column target-column target-col class classes category "
    "outcome annotation annotations answer ground-truth labelcol",
    "--item": "text texts text-col text-column x column input-column image images image-col path path-col "
    "features content sentence items",
    "--out": "output outfile out-file output-file output-dir outdir out-dir save save-dir save-to save-path dest "
    "destination to export write logdir run-dir results report-dir o output-path save-model",
    "--seed": "random-state random-seed rng randomstate s",
    "--learning-rate": "lr learn-rate rate lr0",
    "--weight-decay": "wd decay l2",
    "--patience": "early-stopping early-stop",
    "--time-limit": "time timeout max-time budget time-budget limit duration minutes max-seconds timelimit t",
    "--group-col": "group groups group-by group-column patient subject speaker groupby",
    "--time-col": "date time-column timestamp date-col datetime",
    "--backend": "device devices gpu cuda cpu accelerator runtime engine provider",
    "--strategy": "finetune fine-tune finetuning fine-tuning method mode tune tuning peft lora adapter "
    "transfer unfreeze",
    "--head": "heads classifier clf algorithm estimator",
    "--batch-size": "bs batch batchsize b per-device-train-batch-size",
    "--class-weight": "class-weights balance balanced weighting",
    "--split": "part subset partition",
    "--json": "format output-format as-json",
    "--offline": "no-network local-files-only no-internet",
    "--overwrite": "force f replace clobber exist-ok yes",
    "--no-cache": "nocache cache",
    "--workers": "jobs n-jobs num-workers threads j cpus processes n-workers",
    "--verbose": "debug v loglevel log-level info",
    "--modality": "type kind input-type data-type",
    "--task": "problem problem-type task-type unit",
    "--annotations": "annotation annotation-format label-format ann anns",
    "--layers": "layer block",
    "--priors": "prior",
    "--license": "licence",
    "--max-params": "max-parameters max-size size",
    "--epochs": "epoch num-epochs n-epochs max-epochs num-train-epochs",
    "--side": "image-size img-size resolution size",
    "--zero-shot": "zeroshot candidate-labels",
    "--label-text": "descriptions prompts",
    "--n": "count num number size budget k top batch query-size n-instances",
}

# What to do instead, for names that no option stands for.
_HINTS: dict[str, str] = {
    "epochs steps max-steps iterations": "the length of a training is --epochs of 'headstart fit DATA --strategy NAME'",
    "lr learning-rate weight-decay momentum optimizer scheduler dropout": "other settings of a training go into --set "
    "NAME=VALUE of 'headstart fit DATA --strategy NAME', where the strategy has them",
    "test-size val-split validation-split test test-data valid-data validation cv folds n-folds k-fold holdout "
    "train-size": "a split is read from a column 'split' or from folders train/val/test, or else made by the fit",
    "num-labels num-classes n-classes": "the labels are read from the data",
    "version v versions release": "'headstart --version' shows the release",
    "quiet silent q": "send standard output to /dev/null, or use --json for one object",
}

# What to do instead, for words that no command stands for.
_NO_COMMANDS: dict[str, str] = {
    "report reports show view open html plot plots": "A fit writes its report as report.html into the run folder, and "
    "'headstart evaluate RUN DATA --out FOLDER' one on other data; open them in a browser.",
}

_POSITIONAL: dict[str, str] = {
    "MODEL": "model run checkpoint folder path model-path model-dir weights",
    "DATA": "data dataset input inputs files file path dir folder train train-data data-dir csv i images d",
    "ITEM": "item items data dataset input inputs files file text texts image images i",
}

# Names of commands and of values of options in other tools.
_CHOICES: dict[str, str] = {
    "fit": "train training learn finetune fine-tune tune transfer create build run new classify-data",
    "predict": "infer inference classify label apply prediction test-item use score-items",
    "evaluate": "eval test score validate validation judge metrics benchmark",
    "inspect": "audit check clean data describe validate-data stats look analyze analyse lint",
    "rank": "select search leaderboard choose models-for best",
    "embed": "encode embedding embeddings features extract vectorize vectorise featurize",
    "pretrain": "pre-train pretraining train-source self-supervised",
    "distill": "distil compress shrink student",
    "update": "partial-fit partial_fit add continue increment incremental teach extend append",
    "forget": "unlearn delete remove erase",
    "log": "history versions version-list",
    "rollback": "revert undo restore reset checkout",
    "suggest": "active active-learning query acquire label-next annotate select next",
    "adapt": "domain-adaptation domain-adapt align coral",
    "drift": "shift covariate-shift dataset-shift monitor compare-data mmd",
    "sources": "source models model list ls bodies backbones zoo",
    "doctor": "info env environment version diagnose status",
    "demo": "example examples quickstart tutorial hello try",
    "cache": "prune clear clean-cache",
    "show": "info describe get",
    "info": "show list ls",
    "prune": "clear clean rm delete",
    "cuda": "gpu nvidia",
    "torch": "cpu pytorch",
    "image": "images picture pictures photo photos vision img",
    "text": "texts nlp string strings sentence sentences",
    "audio": "sound sounds speech wav",
    "vector": "vectors tabular table numbers numeric rows array",
    "classification": "classify classifier class multiclass binary",
    "regression": "regress regressor continuous numeric",
    "multilabel": "multi-label multi_label tags tagging",
}


def nearest_option(name: str, options: Collection[str], *, exact: bool = False) -> str | None:
    """The option that a word stands for: the same name, its name in another tool, or a similar spelling of either.

    Args:
        name: the word, with its dashes.
        options: those of the command.
        exact: whether to leave out similar spellings.

    Examples:
        >>> nearest_option("--model", ["--source", "--out"]), nearest_option("--souce", ["--source", "--out"])
        ('--source', '--source')
    """
    word = name.lstrip("-").lower().replace("_", "-")
    if f"--{word}" in options:
        return f"--{word}"
    known = [option for option, words in _OPTIONS.items() if option in options and word in words.split()]
    if known or exact:
        return known[0] if known else None
    elsewhere = {option.removeprefix("--"): option for option in options if option.startswith("--")}
    for option, words in _OPTIONS.items():
        for other in words.split() if option in options else ():
            elsewhere.setdefault(other, option)
    # the same letters in another order, such as --suorce
    swapped = [other for other in elsewhere if sorted(other) == sorted(word)]
    long = [other for other in elsewhere if len(other) > SHORT]
    likely = swapped or difflib.get_close_matches(word, long, n=1, cutoff=0.75)
    return elsewhere[likely[0]] if likely else None


def command_hint(word: str) -> str | None:
    """What to do instead, for a word that stands for no command; None where nothing is known.

    Args:
        word: in the place of a command.

    Examples:
        >>> command_hint("report")[:56]
        'A fit writes its report as report.html into the run fold'
    """
    return next((hint for words, hint in _NO_COMMANDS.items() if word.lower() in words.split()), None)


def option_hint(name: str, positional: Sequence[str]) -> str | None:
    """What to do instead, for a word that stands for no option of the command; None where nothing is known.

    Args:
        name: the word, with its dashes.
        positional: names of the positional arguments of the command.

    Examples:
        >>> option_hint("--data", ["DATA"])
        'DATA is given without an option name'
    """
    word = name.lstrip("-").lower().replace("_", "-")
    for place in positional:
        words = _POSITIONAL.get(place, "").split()
        if word in words or (len(word) > SHORT and difflib.get_close_matches(word, words, n=1, cutoff=0.8)):
            return f"{place} is given without an option name"
    known = {other: hint for words, hint in _HINTS.items() for other in words.split()}
    near = [word] if word in known else []
    if not near and len(word) > SHORT:
        near = difflib.get_close_matches(word, [other for other in known if len(other) > SHORT], n=1, cutoff=0.85)
    return known[near[0]] if near else None


def nearest_choice(word: str, choices: Collection[str]) -> str | None:
    """The choice that a word stands for; it works like `nearest_option`.

    Examples:
        >>> nearest_choice("train", ["fit", "predict"]), nearest_choice("fti", ["fit", "predict"])
        ('fit', 'fit')
    """
    plain = word.lower()
    if plain in choices:
        return plain
    known = [choice for choice, words in _CHOICES.items() if choice in choices and plain in words.split()]
    near = known or difflib.get_close_matches(plain, list(choices), n=1, cutoff=0.6)
    return near[0] if near else None
