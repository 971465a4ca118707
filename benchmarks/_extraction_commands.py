"""Sections of `extraction.py`: complete commands in cold processes, and the feature store."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _bench import MOBILENET, Bench, banking77
from _common import HERE, Cold, cold, goal, headstart, say, table

EPOCHS = 10
TIMES = 8  # the tutorial recipe takes at least this often the time of a first fit
MOST_SECONDS = {"second fit": 3.0, "second fit, no baselines": 3.0, "predict": 1.5}
OVERHEAD, AGAIN = 0.05, 0.05  # of the time: the store costs at most this, and features that it has take less than this
WORDS = {
    "first fit": "`headstart fit`, empty cache, with all baselines",
    "first fit, no baselines": "`headstart fit --baselines none`, empty cache",
    "second fit": "`headstart fit` again, with all baselines",
    "second fit, no baselines": "`headstart fit --baselines none` again",
    "predict": "`headstart predict MODEL new.jpg`, body converted",
    "embed, empty": "`headstart embed`, empty cache",
    "embed, converted": "`headstart embed`, body converted, no features kept",
    "embed, kept": "`headstart embed`, features kept",
    "plain extraction": "the plain extraction as a script (DataLoader, fp32, eager, np.save)",
    "tutorial": "the tutorial recipe: frozen body, {epochs} epochs of SGD",
}


def commands(bench: Bench) -> None:
    """Complete commands on hymenoptera, each in a cold process."""
    runs: dict[str, list[Cold]] = {name: [] for name in WORDS}
    photos = bench.unpacked("hymenoptera")
    strangers = bench.files("clothing10", bench.repeats)
    for repeat in range(bench.repeats):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            for name, run in _commands(bench, photos, strangers[repeat], Path(folder)).items():
                runs[name].append(run)
                say(f"{name}: {run.seconds:.2f} s, {run.peak_mib:,.0f} MiB")
        if repeat < bench.tutorial_repeats:
            runs["tutorial"].append(_tutorial(bench, photos))
            say(f"tutorial: {runs['tutorial'][-1].seconds:.1f} s")
    bench.write("Extraction: whole commands", _command_lines(bench, runs))


def _commands(bench: Bench, photos: Path, stranger: str, folder: Path) -> dict[str, Cold]:
    """Every command once, in an order in which each finds the state of the cache that its name states."""
    source = ["--source", f"local:{MOBILENET}"]
    fit = ["fit", str(photos), *source, "--json", "--out"]
    embed = ["embed", str(photos), *source, "--json", "--out"]
    none = ["--baselines", "none"]
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    a, b, c, d = (str(folder / name) for name in "abcd")
    plain = {
        "checkpoint": MOBILENET, "items": bench.all_files("hymenoptera"), "workers": 2, "out": str(folder / "p.npy"),
    }  # fmt: skip
    done = {
        "first fit": headstart(*fit, f"{folder}/m1", HEADSTART_CACHE=a, **environment),
        "second fit": headstart(*fit, f"{folder}/m2", HEADSTART_CACHE=a, **environment),
        "first fit, no baselines": headstart(*fit, f"{folder}/m3", *none, HEADSTART_CACHE=b, **environment),
        "second fit, no baselines": headstart(*fit, f"{folder}/m4", *none, HEADSTART_CACHE=b, **environment),
        "predict": headstart("predict", f"{folder}/m1", stranger, "--json", HEADSTART_CACHE=a, **environment),
        "embed, empty": headstart(*embed, f"{folder}/e1.npy", HEADSTART_CACHE=c, **environment),
        "embed, kept": headstart(*embed, f"{folder}/e2.npy", HEADSTART_CACHE=c, **environment),
    }
    shutil.copytree(Path(c) / "bodies", Path(d) / "bodies")
    done["embed, converted"] = headstart(*embed, f"{folder}/e3.npy", HEADSTART_CACHE=d, **environment)
    done["plain extraction"] = bench.cold("_plain:images", plain)
    return done


def _tutorial(bench: Bench, photos: Path) -> Cold:
    epochs = "1" if bench.quick else str(EPOCHS)
    script = [sys.executable, str(HERE / "_tutorial.py"), str(photos), MOBILENET, epochs]
    return cold(script, CUDA_VISIBLE_DEVICES="")


def _seconds(name: str, figure: float) -> str:
    most = MOST_SECONDS.get(name)
    return f"{figure:.2f}" if most is None else goal(f"{figure:.2f}", f"at most {most:g}", reached=figure <= most)


def _times(figure: float) -> str:
    return goal(f"{figure:.1f}", f"at least {TIMES}", reached=figure >= TIMES)


def _command_lines(bench: Bench, runs: Mapping[str, Sequence[Cold]]) -> list[str]:
    seconds = {name: statistics.median(run.seconds for run in found) for name, found in runs.items()}
    words = {name: text.format(epochs=1 if bench.quick else EPOCHS) for name, text in WORDS.items()}
    rows = [
        (
            words[name], _seconds(name, seconds[name]), f"{min(r.seconds for r in found):.2f}"
            f" to {max(r.seconds for r in found):.2f}", str(len(found)), f"{max(r.peak_mib for r in found):,.0f}",
        )
        for name, found in runs.items()
    ]  # fmt: skip
    recipe = seconds["tutorial"]
    lines = [*table(["cold process, hymenoptera (397 pictures), MobileNetV2", "s", "range", "runs", "MiB"], rows), ""]
    if bench.quick:  # nine more epochs of the one measured
        recipe += (EPOCHS - 1) * statistics.median(run.json()["epochs"][0] for run in runs["tutorial"])
        lines.append(f"- the tutorial recipe with {EPOCHS} epochs would take about {recipe:.0f} s")
    accuracies = [f"{run.json()['metrics']['accuracy']['value']:.3f}" for run in runs["first fit"][:1]]
    best = max(run.json()["accuracy"] for run in runs["tutorial"])
    return [
        *lines,
        f"- medians; the tutorial recipe ran {len(runs['tutorial'])} times (--tutorial-repeats), all else "
        f"{len(runs['first fit'])} times",
        f"- tutorial recipe / first fit: {_times(recipe / seconds['first fit'])}; without baselines: "
        f"{_times(recipe / seconds['first fit, no baselines'])}",
        f"- plain extraction / embed: empty cache {seconds['plain extraction'] / seconds['embed, empty']:.1f}, "
        f"body converted {seconds['plain extraction'] / seconds['embed, converted']:.1f}, "
        f"features kept {seconds['plain extraction'] / seconds['embed, kept']:.1f}",
        f"- accuracy on val: fit {accuracies[0]}; tutorial recipe, best epoch {best:.3f}",
    ]


def store(bench: Bench) -> None:
    """The cost of storing features, and the time that it saves."""
    pictures = bench.files("clothing10", 1813) + bench.files("hymenoptera", 187)
    source = {"source": f"local:{MOBILENET}", "modality": "image", "bodies": bench.bodies}
    cases: list[tuple[str, dict[str, Any]]] = [
        ("clothing10, MobileNetV2", {**source, "items": bench.files("clothing10", 1813)}),
        ("BANKING77, MiniLM", {"source": "headstart:text", "modality": "text", "bodies": bench.bodies,
                               "items": banking77(bench)}),
    ]  # fmt: skip
    repeats = 3 if bench.quick else max(7, bench.repeats)
    rows = []
    for name, settings in cases:
        found = bench.once("_ours:overhead", {**settings, "repeats": repeats})
        cost = statistics.median(found["each"])
        spread = f"{min(found['each']):+.1%} to {max(found['each']):+.1%}"
        shown = goal(f"{cost:+.1%}", f"at most {OVERHEAD:.0%}", reached=cost <= OVERHEAD)
        rows.append((name, f"{found['on']:.2f}", f"{found['off']:.2f}", shown, spread))
        say(f"store, {name}: {cost:+.1%}")
    header = ["warm process", "s, features kept", "s, not kept", "median of the pairs", "range"]
    lines = [*table(header, rows), ""]
    for name, items, new in (
        ("clothing10 and hymenoptera, MobileNetV2", {**source, "items": pictures}, min(100, len(pictures) // 4)),
        ("BANKING77, MiniLM", cases[1][1], 100),
    ):
        found = bench.once("_ours:again", {**items, "new": new, "repeats": bench.repeats})
        first, second, more, second_encoded, encoded = found["medians"]
        n = int(found["count"])
        share = goal(f"{second / first:.1%}", f"under {AGAIN:.0%}", reached=second / first < AGAIN)
        none = goal(f"{second_encoded:.0f} encoded", "0", reached=second_encoded == 0)
        only = goal(f"{encoded:.0f} encoded", str(new), reached=encoded == new)
        lines += [
            f"- {name}: {n - new:,} items first {first:.2f} s, again {second:.3f} s, {share} of it, {none}; "
            f"then {n:,} with {new} new ones {more:.2f} s, {only}",
        ]
    bench.write("Extraction: feature store", lines)
