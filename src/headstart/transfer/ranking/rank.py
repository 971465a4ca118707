"""`rank`: which source serves these labelled items best, from one encoding of the items by each source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.data import ReadOptions
from headstart.engine.options import Engine, refuse_int8
from headstart.engine.ray.session import keep_ray_open
from headstart.reporting import Reporter, chosen_reporter
from headstart.scores.registry import check_scores
from headstart.tasks import base_kind, read_labelled
from headstart.transfer.ranking.annotated import AnnotationRanking, rank_annotations
from headstart.transfer.ranking.entries import describe_all
from headstart.transfer.ranking.limits import Limits
from headstart.transfer.ranking.result import Ranking
from headstart.transfer.ranking.run import RankOptions, given_part, rank_audited
from headstart.transfer.stages.context import Clock, RunContext
from headstart.transfer.stages.prepare import audit_items
from headstart.types import ANNOTATION_KINDS, Modality, Source, TaskKind

__all__ = ["rank"]


def rank(
    data: Any,
    sources: Sequence[str | Source] | None = None,
    *,
    label: str | Sequence[str] | None = None,
    item: str | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    scores: Sequence[str] = (),
    profile: bool = False,
    untrained: bool = True,
    max_params: int | None = None,
    license: str = "any",  # noqa: A002 (the word of `SourceInfo`)
    time_limit: float | None = None,
    seed: int = 0,
    engine: Engine = Engine(),
    verbose: bool = True,
    reporter: Reporter | None = None,
) -> Ranking | AnnotationRanking:
    """Rank sources for labelled items, with the uncertainty of that order.

    Every source encodes the items once. Sources are compared by the exact leave-one-out loss of closed-form heads, by
    that of nearest neighbours and, if several sources of the same source task state one, by published accuracy. If the
    data give a split, its held-out part is neither encoded nor used.

    Args:
        data: as in `fit`.
        sources: names or open sources; default: all that are installed or cached for the modality.
        label: as in `fit`.
        item: as in `fit`.
        task: as in `fit`.
        modality: as in `fit`.
        group_col: as in `fit`.
        group_pattern: as in `fit`.
        time_col: as in `fit`.
        annotations: as in `fit`.
        scores: names of further transferability scores (`headstart.scores.SCORES`) to show; they do not affect the
            order. ``"leep"`` and ``"nce"`` need a source with a classifier of its own, which runs on up to 2,000 items.
        profile: whether each block of a body is also measured alone.
        untrained: whether the first source's body is also measured with random weights, as a reference.
        max_params: maximum number of parameters of a body; default: no limit.
        license: ``"any"`` or ``"permissive"``, which excludes sources that state no licence.
        time_limit: seconds after which no further source is started; default: no limit.
        seed: of samples and resamples.
        engine: as in `fit`; with ``ray``, sources are distributed over a cluster.
        verbose: as in `fit`.
        reporter: as in `fit`.

    Returns:
        The ranking; an `AnnotationRanking` where items hold annotations: by the task's main metric, without scores.

    Raises:
        DataError: if the data cannot be used.
        UnknownNameError: for a source or a score that does not exist, before any work.
        SourceError: if there is no source, or none could be measured.

    Examples:
        >>> texts, moods = ["good film", "lovely day", "bad film", "awful day"] * 5, ["good", "good", "bad", "bad"] * 5
        >>> [(standing.source, standing.state) for standing in rank((texts, moods), ["toy"]).standings]
        [('toy', 'ranked'), ('toy (untrained)', 'reference')]
    """
    refuse_int8(engine, "a ranking, which runs the usual number format")
    context = RunContext(chosen_reporter(reporter, verbose=verbose), engine, seed, Clock.start(time_limit))
    options = RankOptions(Limits(max_params, license), tuple(scores), profile, untrained)
    check_scores(scores)  # before any work; once more below, when the task is known
    described = None if sources is None else describe_all(sources)
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    dataset = read_labelled(data, reading)
    if dataset.task is not None and dataset.task.unit in ANNOTATION_KINDS:
        with keep_ray_open():
            return rank_annotations(dataset, described, context, options.limits)[0]
    check_scores(scores, base_kind(dataset.labelled()[0]))
    with keep_ray_open():
        audited = audit_items(dataset, context)
        return rank_audited(audited, described, given_part(audited), options, context).ranking
