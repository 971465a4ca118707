"""Named entities on wikigold (five folds by sentence) and WNUT-17 (its test, read once): what each way is worth.

    python benchmarks/annotations_words.py wikigold --out words.json
    python benchmarks/annotations_words.py wnut17 --out words.json
    python benchmarks/annotations_words.py show --out words.json

Ways: the dictionary of the labelled spans; the body with random weights under a closed-form head; the closed-form head
on the frozen body; and what ``--strategy auto`` keeps (a random field on the frozen rows, a fine-tuned body, or that
head), judged on a held-out fifth of the training part. The source is chosen on each training part, unless ``--source``
names one. A result that the JSON file holds is not computed again, so a killed run resumes; ``show`` prints the tables.
All choices are made on training sentences. CPU seconds are those of the process.

Data: wikigold (Balasuriya et al. 2009, CC BY 4.0), WNUT-17 (Derczynski et al. 2017, CC BY 4.0).
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import DATA, say, section, table, write_section

from headstart.annotations import Span
from headstart.data import read
from headstart.evaluate.annotations.words import METRICS, dictionary_of_spans, evaluate_spans, span_gain
from headstart.evaluate.formatting import figure
from headstart.io import write_json
from headstart.reporting import SilentReporter
from headstart.sources import open_source
from headstart.transfer.annotating.words import WORDS
from headstart.transfer.stages.context import Clock, RunContext
from headstart.types import Dataset, Source

FOLDS = 5
ABOUT = {"wikigold": "", "wnut17": ", where by design no text of a training span occurs again"}
WAYS = ("dictionary", "untrained", "frozen", "gate")
TITLES = {
    "dictionary": "dictionary of the training spans", "untrained": "untrained body, closed-form head",
    "frozen": "frozen body, closed-form head", "gate": "what the gate keeps",
}  # fmt: skip


def main() -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("command", choices=("wikigold", "wnut17", "show"))
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    parser.add_argument("--source", help="default: chosen on each training part")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), help="of wikigold")
    parser.add_argument("--limit", type=float, help="seconds of a fit with its training; default: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="with show: into RESULTS.md")
    args = parser.parse_args()
    results = json.loads(args.out.read_text()) if args.out.is_file() else {}
    if args.command == "show":
        show(results, args.seed, write=args.write)
        return
    for name, train, test in _parts(args.command, args.folds, args.seed):
        found = results.setdefault(name, {"ways": {}})
        for way in args.ways:
            if way not in found["ways"]:
                found["ways"][way] = _run(way, train, test, args, found)
                write_json(args.out, results)
                say(f"{name} {way}: {_line(test, found['ways'][way])}")


def _parts(which: str, folds: Sequence[int], seed: int) -> list[tuple[str, Dataset, Dataset]]:
    """Name, training and test sentences of each part."""
    if which == "wnut17":
        train, test = (_plain(read(DATA / "ner" / "wnut17" / f"{part}.conll")) for part in ("train", "test"))
        return [("wnut17", train, test)]
    data = _plain(read(DATA / "ner" / "wikigold" / "wikigold.conll"))
    fold = np.random.default_rng(seed).permutation(len(data)) % FOLDS
    rows = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in folds]
    return [(f"wikigold {k}", data.take(rest), data.take(own)) for k, (rest, own) in zip(folds, rows, strict=True)]


def _plain(data: Dataset) -> Dataset:
    return replace(data, groups=None, split=None)


def _run(way: str, train: Dataset, test: Dataset, args: argparse.Namespace, found: Mapping[str, Any]) -> dict[str, Any]:
    wall, cpu = time.perf_counter(), _cpu()
    context = RunContext(SilentReporter(), seed=args.seed, clock=Clock.start(args.limit))
    if way == "dictionary":
        mark = dictionary_of_spans(train.items, list(train.labelled()[1]))
        return _result([mark(item) for item in test.items], wall, cpu)
    source = _source(train, args.source, context, found)
    solved = WORDS.solve(train, source, context)
    more: dict[str, Any] = {"source": source.info.name, "left_out": solved.left_out, "notes": list(solved.notes)}
    if way == "untrained":
        marks = WORDS.baselines(train, solved, context)["untrained body"]()(test.items)
    elif way == "frozen":
        marks = solved.head.annotate(solved.source, test.items, engine=context.engine)
    else:
        kept, decision = WORDS.fine_tune(train, solved, "auto", context)
        marks = kept.head.annotate(kept.source, test.items, engine=context.engine)
        more["decision"] = dict(decision)
    return {**_result(marks, wall, cpu), **more}


def _source(train: Dataset, name: str | None, context: RunContext, found: Mapping[str, Any]) -> Source:
    known = name or next((one["source"] for one in found["ways"].values() if "source" in one), None)
    return WORDS.default_source(train, context) if known is None else open_source(known)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _result(marks: Sequence[Sequence[Span]], wall: float, cpu: float) -> dict[str, Any]:
    plain = [[[span.start, span.end, span.label] for span in spans] for spans in marks]
    return {"marks": plain, "wall": time.perf_counter() - wall, "cpu": _cpu() - cpu}


def _marks(one: Mapping[str, Any]) -> list[tuple[Span, ...]]:
    return [tuple(Span(*span) for span in spans) for spans in one["marks"]]


def _line(test: Dataset, one: Mapping[str, Any]) -> str:
    task, y = test.labelled()
    metric = evaluate_spans(task, test.items, y, _marks(one), resamples=200).metrics["span_f1"]
    return f"span F1 {metric} in {one['wall']:.0f} s ({one['cpu']:.0f} CPU s)"


def show(results: Mapping[str, Any], seed: int, *, write: bool) -> None:
    """Print the tables, or write them into RESULTS.md."""
    lines: list[str] = []
    for name, parts in (("wikigold", [f"wikigold {k}" for k in range(FOLDS)]), ("WNUT-17, test", ["wnut17"])):
        here = [part for part in parts if part in results]
        if here:
            some = "" if len(here) == len(parts) else f" ({len(here)} of {len(parts)} folds)"
            lines += [
                *([""] if lines else []),
                f"{name}{some}{ABOUT[here[0].split()[0]]}:",
                "",
                *_table(here, results, seed),
                "",
                *_choices(here, results),
            ]
    if write:
        write_section("Annotations: words", lines)
    else:
        print(section("Annotations: words", lines))


def _table(parts: Sequence[str], results: Mapping[str, Any], seed: int) -> list[str]:
    """A row for each way that was run on all parts, whose sentences are pooled."""
    tests = {part: test for part, _, test in _of(parts, seed)}
    items = [item for part in parts for item in tests[part].items]
    truth = [spans for part in parts for spans in tests[part].labelled()[1]]
    task, _ = tests[parts[0]].labelled()
    rows: list[list[str]] = []
    before: list[tuple[Span, ...]] | None = None
    for way in WAYS:
        runs = [results[part]["ways"].get(way) for part in parts]
        if None in runs:
            continue
        marks = [spans for one in runs for spans in _marks(one)]
        found = evaluate_spans(task, items, truth, marks, seed=seed)
        gain = None if before is None else span_gain(task, truth, marks, before, name="the row above", seed=seed)
        shown = "" if gain is None else figure(gain.value, gain.low, gain.high, sign="+")
        cells = [str(found.metrics[METRICS[0]]), *(f"{found.metrics[name].value:.3f}" for name in METRICS[1:])]
        seconds = [f"{sum(one[key] for one in runs) / len(runs):.0f}" for key in ("wall", "cpu")]
        rows.append([TITLES[way], *cells, shown, *seconds])
        before = marks
    names = [name.replace("_", " ") for name in METRICS]
    return table(["way", *names, "gain over the row above", "wall s", "CPU s"], rows)


def _of(parts: Sequence[str], seed: int) -> list[tuple[str, Dataset, Dataset]]:
    folds = [int(part.split()[1]) for part in parts if part.startswith("wikigold")]
    return _parts("wikigold" if folds else "wnut17", folds, seed)


def _choices(parts: Sequence[str], results: Mapping[str, Any]) -> list[str]:
    lines = []
    for part in parts:
        for way, one in results[part]["ways"].items():
            if "notes" not in one:
                continue
            said = f"- {part}, {way}: {one['source']}, {one['notes'][0]}, left-out {one['left_out']:.3f}"
            decision = one.get("decision")
            lines.append(said if decision is None else f"{said}; kept: {decision['kept']} ({decision['why']})")
    return lines


if __name__ == "__main__":
    main()
