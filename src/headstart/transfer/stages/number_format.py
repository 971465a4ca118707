"""Whether a fit runs its body in int8: measured on a sample of the user's labelled training items.

The head is solved on int8 rows and reads int8 rows, so rounding is part of the feature map. It is judged by the
leave-one-out loss of the closed-form head on the same items in both formats, not by the cosine of the rows. These items
are of the training part, and the ranges come from other ones (`int8_sample`): clipping items that were not calibrated
on is part of what int8 costs. int8 is taken if it is faster here, if the rest of the items saves more time than judging
cost, and if the loss is not higher by more than its noise nor, at the upper end of its interval, by more than a tenth.
Items of a group or of a cluster of near duplicates are left out together, and count as one in the standard error.

Times decide, and they differ from run to run; so the outcome is kept in the body cache, and a fit of the same data on
the same machine gives the same model again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.backends.int8_graph import Ranges
from headstart.engine.backends.interface import Refused
from headstart.engine.body.machine import cpu_kind, package_version
from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.engine.capabilities import reads_positions
from headstart.engine.extract import extract
from headstart.engine.frozen_body import GPUS
from headstart.engine.variants.int8_body import calibrate
from headstart.errors import DataError, ItemError, SourceError
from headstart.heads import select_head
from headstart.heads.standard_error import mean_and_error
from headstart.sources.quantized import Quantizable, QuantizedSource
from headstart.transfer.stages.context import RunContext
from headstart.transfer.stages.int8_sample import Int8Sample, int8_sample
from headstart.transfer.stages.prepare import Audited, without_absent_classes
from headstart.types import Dataset, Rows, Source

__all__ = ["Int8Verdict", "NumberFormat", "in_number_format", "seconds_per_item"]

FORMAT = 3  # of a kept outcome
# Items. Judging took 14 s, and int8 saved 12 s on 5,000 pictures (cold fits in benchmarks/without_bf16.py).
FEWEST = 10_000
BATCH = 32
LEAST_GAIN = 1.1  # times as fast
BEST_GAIN = 4.0  # times as fast: the ratio of the widths, for the forecast of what int8 can save
COMPILING = 1.0  # seconds, for the same forecast
TOLERATED = 0.1  # of the loss in the usual format, by which the upper end of the interval may exceed it
TOLERATED_LOSS = 0.01  # at least, in units of the loss
NEEDED = "; the saved model needs OpenVINO to predict"


@dataclass(frozen=True)
class Int8Verdict:
    """The measurements of int8 against the usual number format, and what follows from them.

    Attributes:
        usual: the usual format, ``"fp32"`` or ``"bf16"``.
        items: number of items in both formats.
        usual_seconds: seconds per item that the body takes in the usual format on one stream.
        int8_seconds: the same in int8.
        usual_loss: mean leave-one-out loss of the closed-form head on rows of the usual format.
        int8_loss: the same on int8 rows.
        error: standard error of the difference of the losses, paired by item and clustered by group.
        saved: seconds that int8 saves on the items still to be encoded.
        spent: seconds that calibrating and judging took, without setting up the body in the usual format.

    Examples:
        >>> Int8Verdict("fp32", 256, 0.01, 0.004, 0.118, 0.117, 0.003, 12.0, 3.0).refusal
        ''
        >>> Int8Verdict("fp32", 256, 0.01, 0.004, 0.118, 0.257, 0.027, 12.0, 3.0).refusal
        'the leave-one-out loss rises by more than its noise'
    """

    usual: str
    items: int
    usual_seconds: float
    int8_seconds: float
    usual_loss: float
    int8_loss: float
    error: float
    saved: float
    spent: float

    @property
    def gain(self) -> float:
        """How many times as fast the body is in int8."""
        return self.usual_seconds / max(self.int8_seconds, 1e-12)

    @property
    def refusal(self) -> str:
        """Why int8 is refused; empty if it is taken."""
        difference, width = self.int8_loss - self.usual_loss, 1.96 * self.error
        if difference > width:
            return "the leave-one-out loss rises by more than its noise"
        if difference + width > max(TOLERATED * self.usual_loss, TOLERATED_LOSS):
            return "these items cannot tell whether the leave-one-out loss stays the same"
        if self.gain < LEAST_GAIN:
            return "it is not faster here"
        return "" if self.saved > self.spent else "it saves less time than judging it took"

    def __str__(self) -> str:
        """The figures in one line."""
        difference, width = self.int8_loss - self.usual_loss, 1.96 * self.error
        return (
            f"{self.gain:.1f} times as fast as {self.usual}, leave-one-out loss {self.int8_loss:.4f} against "
            f"{self.usual_loss:.4f} (difference {difference:+.4f}, 95% interval {difference - width:+.4f} to "
            f"{difference + width:+.4f}, {self.items} items), saves {self.saved:.1f} s, cost {self.spent:.1f} s"
        )


@dataclass(frozen=True, eq=False)
class NumberFormat:
    """The source in the number format in which a fit runs it.

    Attributes:
        source: the source as it was, or in int8.
        record: whether int8 was ``taken``, ``why``, and the figures, as plain JSON values; empty if int8 was not in
            question.
    """

    source: Source
    record: Mapping[str, Any]


def in_number_format(audited: Audited, source: Source, context: RunContext) -> NumberFormat:
    """Choose the number format in which the fit runs the source, and report the choice in one line.

    The outcome is kept in the body cache under the digest of the sampled items, their labels and groups, the input of
    the source, the CPU and the version of OpenVINO. ``Engine(cache=False)`` measures anew each time.

    Args:
        audited: labelled items.
        source: the encoder of a frozen fit.
        context: engine and reporter.

    Raises:
        SourceError: with ``int8="always"``, if the body cannot run in int8.

    Examples:
        >>> from headstart.data import read
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.sources.toy import ToySource
        >>> from headstart.transfer.stages.prepare import audit_items
        >>> context = RunContext(SilentReporter())
        >>> source = ToySource()
        >>> in_number_format(audit_items(read((["a", "b"], [0, 1])), context), source, context).source is source
        True
    """
    engine, always = context.engine, context.engine.int8 == "always"
    if isinstance(source, QuantizedSource):
        return NumberFormat(source, {"taken": True, "why": "the source that was given is in int8"})
    problem = _problem(source, context)
    if engine.int8 == "never" or (problem and not always):
        return _usual(source, problem if isinstance(source, Quantizable) and engine.int8 != "never" else "")
    if problem or not isinstance(source, Quantizable):
        raise SourceError(f"int8='always' cannot be followed: {problem}; leave it out.")
    if len(audited.dataset) < FEWEST and not always:
        return _usual(source, f"with fewer than {FEWEST:,} items, judging it takes longer than it saves")
    try:
        kept, repeated = _measured(audited, source, context)
    except (Refused, OSError) as error:
        if always:
            raise SourceError(f"The body cannot run in int8: {error}.") from error
        context.reporter.detail("int8", f"not used: {error}")
        return _usual(source, str(error))
    return _decided(source, kept, context, repeated=repeated)


def _measured(audited: Audited, source: Quantizable, context: RunContext) -> tuple[Mapping[str, Any], bool]:
    """The kept or a new outcome of `_Judging`, and whether it was kept by an earlier fit."""
    engine, sample = context.engine, int8_sample(audited, source, context)
    cache = BodyCache(source.body.recipe.key if engine.cache and source.body.recipe.lasting else None)
    blocks = [block.name for block in source.info.blocks]
    shown = (dict(source.info.input), blocks, cpu_kind(), package_version("openvino"), len(audited.dataset))
    name = f"int8-{recipe_key(FORMAT, sample.digest, *shown)[:24]}"
    kept = cache.read(name)
    if kept is not None and ("ranges" in kept or engine.int8 != "always"):
        return kept, True
    kept = _Judging(source, sample, len(audited.dataset), context).run()
    cache.write(name, kept)
    return kept, False


def _usual(source: Source, why: str) -> NumberFormat:
    """The source as it is; without a reason, int8 was not in question."""
    return NumberFormat(source, {"taken": False, "why": why} if why else {})


def _problem(source: Source, context: RunContext) -> str:
    """Why the body cannot run in int8; empty if it can."""
    engine = context.engine
    if not isinstance(source, Quantizable) or reads_positions(source):
        return f"the source '{source.info.name}' has no single body of convolutions"
    if not package_version("openvino"):
        return "int8 needs OpenVINO: pip install 'headstart[openvino]'"
    if engine.backend not in ("auto", "openvino"):
        return f"int8 needs the backend 'openvino', and '{engine.backend}' was asked for"
    return "int8 does not run on Ray" if engine.ray is not None else ""


class _Judging:
    """The measurements on one sample."""

    def __init__(self, source: Quantizable, sample: Int8Sample, count: int, context: RunContext) -> None:
        self.source, self.sample, self.count, self.context = source, sample, count, context
        self.always = context.engine.int8 == "always"

    def run(self) -> dict[str, Any]:
        """The ``verdict`` with the ``ranges`` as plain values, or ``why`` nothing was compared.

        Raises:
            Refused: if the body cannot run in int8, or the items cannot tell.
            OSError: if there is no room for temporary files.
        """
        sample, judged = self.sample, self.sample.judged
        if judged is None and not self.always:
            raise Refused(sample.unjudged)
        started = time.perf_counter()
        source, engine, reporter = self.source, self.context.engine, self.context.reporter
        with reporter.progress("comparing int8") as step:
            usual = extract(source, (judged or sample.calibrating).items, engine=engine, progress=step)
            prepared = [one for one in map(self._prepared, sample.calibrating.items) if one is not None]
            if usual.backend in GPUS or not prepared:
                raise Refused(f"{usual.backend or 'no backend'} runs the body")
            slow = seconds_per_item(source, prepared)
            remaining = 0 if judged is None else round((self.count - len(judged)) * usual.encoded / len(judged))
            if not self.always and not self._may_pay(remaining, slow):
                return {"why": f"it would not pay for {remaining:,} items still to be encoded"}
            batches = [np.stack(prepared[k : k + BATCH]) for k in range(0, len(prepared), BATCH)]
            ranges = calibrate(source.body.full, batches).ranges
            arrays = {name: part.tolist() for name, part in ranges.to_arrays().items()}
            if judged is None:
                return {"why": sample.unjudged, "ranges": arrays}
            quick = QuantizedSource(source, ranges)
            rounded = extract(quick, judged.items, engine=engine, progress=step)
            fast, slow = seconds_per_item(quick, prepared), min(slow, seconds_per_item(source, prepared))
            losses = [self._losses(judged, found.rows, usual.index) for found in (usual, rounded)]
        units = None if sample.units is None else sample.units[usual.index]
        mean, error = mean_and_error(losses[1] - losses[0], units)
        verdict = Int8Verdict(
            usual.precision, len(losses[0]), slow, fast, float(losses[0].mean()), float(losses[0].mean()) + mean, error,
            remaining * (slow - fast) / source.body.runtime.streams,
            time.perf_counter() - started - usual.setup_seconds,
        )  # fmt: skip
        return {"verdict": asdict(verdict), "ranges": arrays}

    def _prepared(self, item: object) -> Any:
        try:
            return self.source.prepare(item)
        except ItemError:
            return None

    def _may_pay(self, remaining: int, seconds: float) -> bool:
        """Whether int8 saves more than it costs if it is as fast as it can be."""
        saved = remaining * seconds * (1 - 1 / BEST_GAIN) / self.source.body.runtime.streams
        count = len(self.sample.calibrating) + len(self.sample.judged or ())
        return saved > COMPILING + count * seconds

    def _losses(self, judged: Dataset, rows: Rows, index: NDArray[np.intp]) -> NDArray[np.float64]:
        units = None if self.sample.units is None else self.sample.units[index]
        try:
            task, y = without_absent_classes(judged.take(index)).labelled()
            evidence = select_head(rows, y, task, blocks=self.source.info.blocks, groups=units).evidence
        except DataError as error:
            raise Refused(f"the items that could be encoded cannot be judged on: {error}") from error
        assert evidence is not None  # noqa: S101 (a head that was just chosen has the evidence of its choice)
        return evidence.losses


def seconds_per_item(source: Source, prepared: Sequence[Any]) -> float:
    """Seconds per item that a body takes for prepared items: the least of three runs over two batches, one at a time.

    Args:
        source: the encoder.
        prepared: items that it prepared.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> source = ToySource()
        >>> 0 < seconds_per_item(source, [source.prepare("a"), source.prepare("b")]) < 1
        True
    """
    batches = [prepared[:BATCH], prepared[BATCH : 2 * BATCH]]
    least = np.inf
    for _ in range(3):
        for batch in filter(len, batches):
            started = time.perf_counter()
            source.forward(batch)
            least = min(least, (time.perf_counter() - started) / len(batch))
    return float(least)


def _decided(source: Quantizable, kept: Mapping[str, Any], context: RunContext, *, repeated: bool) -> NumberFormat:
    """What follows from the measurements, as the user's option wants it."""
    always, verdict = context.engine.int8 == "always", kept.get("verdict")
    if verdict is None and not always:
        context.reporter.detail("int8", f"not compared: {kept['why']}")
        return _usual(source, kept["why"])
    if verdict is None:  # the ranges suffice
        taken, why = True, f"taken without a comparison, because {kept['why']}"
    else:
        found = Int8Verdict(**verdict)
        refusal, taken = found.refusal, always or not found.refusal
        said = f"taken{f', though {refusal}' if refusal else ''}" if taken else f"not taken, because {refusal}"
        why = f"{said}: {found}"
    why += NEEDED if taken else ""
    context.reporter.line("int8", f"{why}{' (measured in an earlier fit)' if repeated else ''}")
    record = {"taken": taken, "why": why, "from_cache": repeated, **(verdict or {})}
    return NumberFormat(_in_int8(source, kept) if taken else source, record)


def _in_int8(source: Quantizable, kept: Mapping[str, Any]) -> QuantizedSource:
    types = {"structure": np.uint8}
    arrays = {name: np.asarray(part, types.get(name, np.float32)) for name, part in kept["ranges"].items()}
    return QuantizedSource(source, Ranges.from_arrays(arrays))
