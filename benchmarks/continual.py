"""Class-incremental learning on CLINC150: from 100 to 150 intents in five steps, by exact updates and by fine-tuning.

    python benchmarks/continual.py [--per-class 40] [--body-per-class 10] [--body-epochs 3] [--seed 0]

Each step brings ten new intents, and no item of the others. Compared: `Updater` (the sums of a closed-form head are
added), the joint fit on all items (the upper bound), and two naive ways, each from the same calibrated head and on the
new items alone: the last layer is fine-tuned by Adam; the whole body is fine-tuned with it, by the plan of ``lp_ft``
and the loop of the project, from step to step. R[t, i] is the accuracy on the test items of step i after step t;
forgetting is the mean of max_t R[t, i] - R[T, i], and backward transfer that of R[T, i] - R[i, i], over the steps
before the last.

Times are CPU seconds of one core, of solving alone: encoding is measured in ``update.py``. Those of the whole body are
of training, which encodes.

Reference: Lopez-Paz & Ranzato, "Gradient Episodic Memory for Continual Learning", NeurIPS 2017 (backward transfer).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from _common import DATA, say, table, write_section
from numpy.typing import NDArray

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.heads import FittedHead, HeadSearch, select_head
from headstart.heads.spectral.kept_moments import kept_moments
from headstart.linear.calibration import softmax
from headstart.linear.moments import Moments
from headstart.model import TransferModel, Updater
from headstart.model.certainty import certainty_of
from headstart.model.updating.solved_again import solved_head
from headstart.model.versions import rollback, write_version
from headstart.sources import open_source
from headstart.tune import Budget
from headstart.types import Dataset, Source, Task

Array = NDArray[np.float64]
BASE, STEP, STEPS = 100, 10, 5
RATES = (0.001, 0.01)  # of Adam, relative to the root mean square of the weights
EPOCHS, BATCH = 30, 32
BODY_BATCH, BODY_TESTS = 8, 5  # texts in a step of the whole body; test texts of an intent on which it is judged
Scores = Callable[[Array], NDArray[np.intp]]
"""From rows to the positions of labels in the order in which these come."""
PROBE: dict[str, Array] = {}  # rows on which scores are compared
ORDER: dict[str, int] = {}  # the position of each label, set once the labels are read


@dataclass(frozen=True, eq=False)
class Items:
    """Texts, their rows (n, d), and the position of each label in the order in which the labels come."""

    texts: NDArray[np.str_]
    rows: Array
    y: NDArray[np.intp]

    def of(self, first: int, last: int) -> Items:
        """The items of some labels."""
        keep = (self.y >= first) & (self.y < last)
        return self.take(np.flatnonzero(keep))

    def take(self, index: NDArray[np.intp]) -> Items:
        """Some of the items."""
        return Items(self.texts[index], self.rows[index], self.y[index])


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=100)
    parser.add_argument("--body-per-class", type=int, default=10, help="texts of an intent for the whole body")
    parser.add_argument("--body-epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    names, train, test = loaded(args.per_class, args.seed)
    compare(names, train, test, args)


def loaded(per_class: int, seed: int) -> tuple[list[str], Items, Items]:
    """Labels in a random order, and the rows of the last layer of ``headstart:text``."""
    parts = {}
    for part in ("train", "test"):
        with (DATA / f"text/clinc150/{part}.csv").open(encoding="utf-8") as file:
            parts[part] = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    names = np.random.default_rng(seed).permutation(sorted({label for _, label in parts["train"]})).tolist()
    seen = dict.fromkeys(names, 0)
    kept = []
    for text, label in parts["train"]:
        seen[label] += 1
        if seen[label] <= per_class:
            kept.append((text, label))
    source = open_source("headstart:text")
    last = source.info.blocks[-1]
    found = []
    for listed in (kept, parts["test"]):
        rows = extract(source, [text for text, _ in listed]).rows[:, -last.width :]
        texts, y = np.array([text for text, _ in listed]), np.array([names.index(label) for _, label in listed])
        found.append(Items(texts, np.asarray(rows), y))
        say(f"{len(listed)} texts encoded")
    return names, found[0], found[1]


def compare(names: list[str], train: Items, test: Items, args: argparse.Namespace) -> None:
    """Measure every way, and write the section."""
    seed = args.seed
    ORDER.update({name: k for k, name in enumerate(names)})
    PROBE["rows"] = test.rows[:500]
    start = base_model(names, train.of(0, BASE))
    say(f"base: {start.head.head} on {start.head.feature_map.name}, λ = {start.head.lam:.3g}")
    ways: list[list[str]] = []
    seconds: list[list[str]] = []
    models, spent = by_updates(start, names, train, choose=False)
    ways.append(["exact update, λ kept", *figures([scores_of(model) for model in models], test)])
    seconds.append(["exact update, λ kept", *spent])
    last = models[-1]
    wanted, spent = by_joint_fits(start, names, train)
    ways.append(["joint fit, same λ", *figures(wanted, test)])
    seconds.append(["joint fit from the rows", *spent])
    chosen, spent = by_updates(start, names, train, choose=True)
    ways.append(["exact update, λ and calibration chosen anew", *figures([scores_of(model) for model in chosen], test)])
    seconds.append(["exact update, chosen anew", *spent])
    for rate in RATES:
        found, spent = by_fine_tuning(start, train, rate, seed)
        ways.append([f"last layer fine-tuned on the new items, rate {rate:g}", *figures(found, test)])
        seconds.append([f"fine-tuning, rate {rate:g}", *spent])
    judged = few(test, BODY_TESTS)
    answers, spent = by_tuning_the_body(start, names, train, judged, args)
    way = f"whole body fine-tuned on the new items, {args.body_epochs} epochs"
    ways.append([way, *figures_of(answers, judged)])
    seconds.append([f"whole body, {args.body_per_class} texts of an intent", *spent])
    for line in (*ways, *seconds):
        say(" | ".join(line))
    steps = [f"step {t}" for t in range(1, STEPS + 1)]
    lines = table(["way", "accuracy, 150 intents", "mean over steps", "forgetting", "backward transfer"], ways)
    lines += ["", "CPU seconds of a step:", "", *table(["way", *steps], seconds), ""]
    first, *found = checks(start, last, names, train, seed)
    lines += [first, "", *(f"- {line}" for line in found)]
    about = f"{len(train.y):,} training and {len(test.y):,} test items; {last.head.weight.shape[0]} features; "
    write_section("Continual", [about + f"the head is {last.head.head}, λ = {last.head.lam:.3g}.", "", *lines])


def base_model(names: list[str], items: Items) -> TransferModel:
    """The model of the first intents."""
    task, search = Task("classification", tuple(names[:BASE])), HeadSearch(layers="last")
    head = select_head(items.rows, items.y, task, search=search)
    moments, ids = kept_moments(items.rows, items.y, task, head, search), [str(k) for k in range(len(items.y))]
    certainty = certainty_of(items.rows, items.y, task, head, ids=ids)
    return TransferModel(open_source("vector"), task, replace(head, evidence=None), moments, certainty=certainty)


def by_updates(
    start: TransferModel, names: list[str], train: Items, *, choose: bool
) -> tuple[list[TransferModel], list[str]]:
    """The models after each step, and CPU seconds. New labels are sorted, so their order is put back by name."""
    updater, models, spent = Updater(start), [start], []
    for step in range(STEPS):
        new = train.of(BASE + STEP * step, BASE + STEP * (step + 1))
        clock = time.process_time()
        updater.update_rows(new.rows, [names[k] for k in new.y], [f"{step}/{k}" for k in range(len(new.y))])
        if choose:
            updater.choose()
        spent.append(f"{time.process_time() - clock:.3f}")
        models.append(updater.model)
    return models, spent


def by_joint_fits(model: TransferModel, names: list[str], train: Items) -> tuple[list[Scores], list[str]]:
    """The fits on all items so far at the same λ, solved from the rows."""
    found, spent = [], []
    for step in range(STEPS + 1):
        items, clock = train.of(0, BASE + STEP * step), time.process_time()
        task = Task("classification", tuple(names[: BASE + STEP * step]))
        head, _ = solved_head(model.head, task, moments_of(model, items, task.num_outputs))
        spent.append(f"{time.process_time() - clock:.3f}")
        found.append(in_order(head.scores))
    return found, spent[1:]


def moments_of(model: TransferModel, items: Items, classes: int) -> Moments:
    """The moments of rows in the features of the head."""
    return Moments.from_rows(model.head.feature_map(items.rows), np.eye(classes)[items.y])


def in_order(scores: Callable[[Array], Array]) -> Scores:
    """The labels of scores whose columns are in the order of the steps."""
    return lambda rows: scores(rows).argmax(axis=1)


def scores_of(model: TransferModel) -> Scores:
    """The labels of a model as positions in the order of the steps."""
    return lambda rows: np.array([ORDER[label] for label in model.task.labels])[model.head.scores(rows).argmax(axis=1)]


def by_fine_tuning(start: TransferModel, train: Items, rate: float, seed: int) -> tuple[list[Scores], list[str]]:
    """The calibrated head as a softmax layer, fine-tuned at each step on the items of that step alone."""
    layer_of = calibrated(start.head)
    weight, bias = layer_of.weight, layer_of.bias
    size, rng = float(np.sqrt((weight**2).mean())), np.random.default_rng(seed)
    found, spent = [layer(start, weight, bias)], []
    for step in range(STEPS):
        first = BASE + STEP * step
        items, clock = train.of(first, first + STEP), time.process_time()
        weight = np.concatenate([weight, np.zeros((len(weight), STEP))], axis=1)
        bias = np.append(bias, np.full(STEP, bias.mean()))
        mapped = replace(items, rows=np.asarray(start.head.feature_map(items.rows), np.float64))
        theta = adam(np.concatenate([weight, bias[None]]), mapped, rate * size, rng)
        weight, bias = theta[:-1], theta[-1]
        spent.append(f"{time.process_time() - clock:.3f}")
        found.append(layer(start, weight, bias))
    return found, spent


def by_tuning_the_body(
    start: TransferModel, names: list[str], train: Items, test: Items, args: argparse.Namespace
) -> tuple[list[NDArray[np.intp]], list[str]]:
    """Answers for the test items after each step, and CPU seconds: body and head go on from the step before."""
    source, head = open_source("headstart:text"), calibrated(start.head)
    width = sum(block.width for block in source.info.blocks)
    blocks = tuple(
        (a + width - train.rows.shape[1], b + width - train.rows.shape[1]) for a, b in head.feature_map.blocks
    )
    head = replace(head, feature_map=replace(head.feature_map, blocks=blocks))
    found, spent = [in_order(start.head.scores)(test.rows)], []
    for step in range(STEPS):
        first = BASE + STEP * step
        items = few(train.of(first, first + STEP), args.body_per_class)
        head = replace(
            head, weight=np.concatenate([head.weight, np.zeros((len(head.weight), STEP))], axis=1),
            bias=np.append(head.bias, np.full(STEP, head.bias.mean())),
        )  # fmt: skip
        clock = time.process_time()
        rows = extract(source, items.texts.tolist(), engine=Engine(cache=False)).rows
        head = probed(head, replace(items, rows=np.asarray(head.feature_map(rows), np.float64)), args.seed)
        source, head = tuned(source, head, tuple(names[: first + STEP]), items, args)
        spent.append(f"{time.process_time() - clock:.0f}")
        rows = extract(source, test.texts.tolist(), engine=Engine(cache=False)).rows
        found.append(head.scores(rows).argmax(axis=1))
        new = (test.y >= first) & (test.y < first + STEP)
        right = found[-1] == test.y
        said = f"step {step + 1}: {len(items.y)} texts, {spent[-1]} s; right: "
        say(said + f"{right[new].mean():.3f} of the new items, {right.mean():.3f} of all")
    return found, spent


def few(items: Items, per_class: int) -> Items:
    """The first items of each label."""
    return items.take(np.sort(np.concatenate([np.flatnonzero(items.y == k)[:per_class] for k in np.unique(items.y)])))


def probed(head: FittedHead, items: Items, seed: int) -> FittedHead:
    """The layer trained alone first: a body that is trained with one of zeros gives up its features."""
    rate = RATES[-1] * float(np.sqrt((head.weight**2).mean()))
    theta = adam(np.concatenate([head.weight, head.bias[None]]), items, rate, np.random.default_rng(seed))
    return replace(head, weight=theta[:-1], bias=theta[-1])


def calibrated(head: FittedHead) -> FittedHead:
    """The head as a softmax layer: its scores are logits."""
    temperature = float(head.calibration["temperature"][0])
    weight, bias = head.weight / temperature, head.bias / temperature
    return replace(head, weight=weight, bias=bias, calibration={"temperature": np.ones(1)}, evidence=None)


def tuned(
    source: Source, head: FittedHead, labels: tuple[str, ...], items: Items, args: argparse.Namespace
) -> tuple[Source, FittedHead]:
    """Body and head after the training on some items; the last weights are kept."""
    from headstart.tune.lp_ft import LP_FT
    from headstart.tune.moving.all_items import fine_tuned_source
    from headstart.tune.moving.move import make_job, make_setting
    from headstart.tune.training.run import run_training, training_key

    strategy = replace(LP_FT, training=replace(LP_FT.training, epochs=args.body_epochs, batch_size=BODY_BATCH))
    task, ids = Task("classification", labels), tuple(map(str, range(len(items.y))))
    part = Dataset(items.texts.tolist(), ids, "text", task, items.y)
    start = TransferModel(source, task, head)
    setting = make_setting(strategy, source, part, start, seed=args.seed, budget=Budget())
    job = make_job(setting, strategy.plan(setting), part, None)
    run_training(job, setting.training, key=training_key(labels), items=len(part), seed=args.seed)
    return fine_tuned_source(setting, "step"), setting.network.head.fitted()


def layer(start: TransferModel, weight: Array, bias: Array) -> Scores:
    """The labels of a softmax layer on the features of the head."""
    return in_order(lambda rows: np.asarray(start.head.feature_map(rows) @ weight + bias))


def adam(theta: Array, items: Items, rate: float, rng: np.random.Generator) -> Array:
    """Cross-entropy by Adam in mini-batches; the last row of theta (d + 1, C) is the bias."""
    x, y = np.concatenate([items.rows, np.ones((len(items.y), 1))], axis=1), items.y
    mean, square, count = np.zeros_like(theta), np.zeros_like(theta), 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(y))
        for begin in range(0, len(y), BATCH):
            batch, count = order[begin : begin + BATCH], count + 1
            error = softmax(x[batch] @ theta)
            error[np.arange(len(batch)), y[batch]] -= 1
            slope = x[batch].T @ error / len(batch)
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
            theta = theta - rate * (mean / (1 - 0.9**count)) / (np.sqrt(square / (1 - 0.999**count)) + 1e-8)
    return theta


def figures(found: list[Scores], test: Items) -> list[str]:
    """The figures of ways to answer from rows."""
    return figures_of([one(test.rows) for one in found], test)


def figures_of(found: list[NDArray[np.intp]], test: Items) -> list[str]:
    """Accuracy on all test items in the end, mean over steps, forgetting and backward transfer."""
    bounds = [0, *(BASE + STEP * t for t in range(STEPS + 1))]
    parts = [(test.y >= first) & (test.y < last) for first, last in pairwise(bounds)]
    r = np.array([[float((one[part] == test.y[part]).mean()) for part in parts] for one in found])
    before = range(STEPS)  # the steps before the last one, the base among them
    forgetting = np.mean([r[:, i].max() - r[-1, i] for i in before])
    transfer = np.mean([r[-1, i] - r[i, i] for i in before])
    overall = float((found[-1] == test.y).mean())
    return [f"{overall:.3f}", f"{r[-1].mean():.3f}", f"{forgetting:.3f}", f"{transfer:+.3f}"]


def checks(start: TransferModel, last: TransferModel, names: list[str], train: Items, seed: int) -> list[str]:
    """What must be equal: joint fit, any order, update then forget, forget and refit, and the way back."""
    rng = np.random.default_rng(seed)
    joint, _ = solved_head(last.head, last.task, by_name(last, names, train))
    done = Updater(last).complete()
    found = [f"a version after five updates, against the joint fit at the same λ: {apart(done.head, joint)}"]
    found.append(f"the model in memory, solved by its factor, against the joint fit: {apart(last.head, joint)}")
    worst: list[str] = []
    for _ in range(3):
        updater, new = Updater(start), rng.permutation(np.flatnonzero(train.y >= BASE))
        for batch in np.array_split(new, int(rng.integers(5, 40))):
            updater.update_rows(train.rows[batch], [names[k] for k in train.y[batch]], [str(k) for k in batch])
        worst.append(apart(in_order_of(updater.complete(), last), done.head))
    found.append(f"three random orders and batchings of the updates, against the steps: {'; '.join(worst)}")
    gone = rng.choice(len(train.y), 100, replace=False)
    updater = Updater(last)
    updater.forget_rows(train.rows[gone], [names[k] for k in train.y[gone]])
    left = np.setdiff1d(np.arange(len(train.y)), gone)
    refit, _ = solved_head(last.head, last.task, by_name(last, names, train.take(left)))
    found.append(f"100 items forgotten, against a refit on the rest: {apart(updater.complete().head, refit)}")
    updater.update_rows(train.rows[gone], [names[k] for k in train.y[gone]], [str(k) for k in gone])
    found.append(f"and learnt again, against the model before: {apart(updater.complete().head, done.head)}")
    return [
        "Largest differences of weights, relative to the largest weight, and of scores:",
        *found,
        way_back(start, done),
    ]


def way_back(start: TransferModel, last: TransferModel) -> str:
    """Whether a rollback gives the version before to the byte."""
    with tempfile.TemporaryDirectory() as place:
        run = start.save(Path(place) / "run")
        before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
        write_version(run, last, {"what": "update"})
        rollback(run)
        after = {name: (run / name).read_bytes() for name in before}
        same = TransferModel.load(run).head.weight.tobytes() == start.head.weight.tobytes()
    return f"rollback: files equal to the byte: {before == after}; weights equal to the bit: {same}"


def by_name(model: TransferModel, names: list[str], items: Items) -> Moments:
    """Moments with columns in the order of the model's labels."""
    code = np.array([model.task.labels.index(name) for name in names])
    return moments_of(model, replace(items, y=code[items.y]), len(names))


def in_order_of(model: TransferModel, like: TransferModel) -> FittedHead:
    """The head of a model with columns in the order of another's labels."""
    order = [model.task.labels.index(label) for label in like.task.labels]
    return replace(model.head, weight=model.head.weight[:, order], bias=model.head.bias[order])


def apart(one: FittedHead, other: FittedHead) -> str:
    """The largest difference of weights, relative to the largest one, and of the scores of some rows."""
    weights = float(np.abs(one.weight - other.weight).max() / np.abs(other.weight).max())
    scores = np.abs(one.scores(PROBE["rows"]) - other.scores(PROBE["rows"])).max()
    return f"{weights:.1e} and {float(scores):.1e}"


if __name__ == "__main__":
    main()
