"""Every body of the install, and those of the data folder, on ten data sets; and what the automatic choice takes.

    python benchmarks/bodies.py [SET ...] [--bodies NAME ...] [--kept bodies.json]

Each cell is one cold ``headstart fit DATA --source BODY``: accuracy with its 95% interval on items that the fit did not
see (the test part, or folds), the transfer gain over the same body with random weights, items encoded per second and
peak memory. The last fit of each set names no body, so it takes the default source. Subsets are drawn with a fixed seed
from the training and the test part. What was measured is kept, so an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from _bench import MOBILENET
from _common import DATA, goal, headstart, say, table, write_section

WEIGHTS = DATA / "weights"
IMAGE = {
    "photo": "headstart:photo",
    "image": "headstart:image",
    "MobileNetV2 tv": f"local:{MOBILENET}",
    "MobileNetV2 tf": f"local:{WEIGHTS / 'mobilenetv2_100.tf_in1k.safetensors'}",
}
TEXT = {"text": "headstart:text", "multilingual": "headstart:multilingual"}
SOUND = {
    "speech": "headstart:speech",
    "photo": "headstart:photo",
    "image": "headstart:image",
    "YAMNet": f"local:{WEIGHTS / 'yamnet_audioset.safetensors'}",
}
AUTOMATIC = "automatic"
SETS: dict[str, tuple[dict[str, str], str, int | None, int | None, float | None]] = {
    # bodies, data, training items (of each class if negative), test items, the least accuracy of the automatic choice
    "hymenoptera": (IMAGE, "images/hymenoptera.tar", None, None, 0.93),
    "clothing10": (IMAGE, "images/clothing10_cc0.tar", None, None, 0.84),
    "CIFAR-10 5k": (IMAGE, "images/cifar10_5k.tar.gz", None, None, None),
    "ESC-10": (SOUND, "audio/esc10.tar", None, None, 0.945),
    "FSDD": (SOUND, "audio/fsdd_1200.tar.gz", None, None, 0.985),
    "BANKING77, 10 a class": (TEXT, "text/banking77", -10, None, None),
    "TREC-6": (TEXT, "text/trec6", None, None, None),
    "financial tweets": (TEXT, "text/twitter_financial_news", None, None, None),
    "THUCNews 500/500": (TEXT, "text/zh_thucnews10", 500, 500, None),
    "THUCNews": (TEXT, "text/zh_thucnews10", None, None, 0.88),
}


def main() -> None:
    """Measure the named sets, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; default: all")
    parser.add_argument("--bodies", nargs="+", help=f"default: all, and {AUTOMATIC}")
    parser.add_argument("--kept", type=Path, default=Path("bodies.json"), help="where measurements are kept")
    given = parser.parse_args()
    kept: dict[str, Any] = json.loads(given.kept.read_text()) if given.kept.is_file() else {}
    for name in given.names or SETS:
        with tempfile.TemporaryDirectory() as folder:
            data = _data(name, Path(folder))
            for body in given.bodies or [*SETS[name][0], AUTOMATIC]:
                key = f"{name}: {body}"
                if key not in kept:
                    kept[key] = measured(data, SETS[name][0].get(body), Path(folder) / "run")
                    say(f"{key}: {kept[key]}")
                    given.kept.write_text(json.dumps(kept, indent=1))
    rows = [
        row for name in SETS for row in _rows(name, {body: kept.get(f"{name}: {body}") for body in SETS[name][0]}, kept)
    ]
    header = ["set", "body", "accuracy", "transfer gain", "items/s", "peak MiB", "seconds in all"]
    if rows:
        write_section("Bodies of the install, and the automatic choice", table(header, rows))


def _data(name: str, folder: Path) -> str:
    """The path of the data; a table with a column ``split`` is written for texts."""
    _, place, train, test, _ = SETS[name]
    if not place.startswith("text/"):
        return str(DATA / place)
    import pandas as pd

    files = {"train": "train.csv", "test": "test.csv" if (DATA / place / "test.csv").is_file() else "valid.csv"}
    parts = []
    for part, size in (("train", train), ("test", test)):
        rows = pd.read_csv(DATA / place / files[part], dtype=str, keep_default_na=False)
        label = next(column for column in ("label", "category", "sentiment", "intent") if column in rows)
        if size is not None and size < 0:
            rows = rows.groupby(label).sample(-size, random_state=0)
        elif size is not None:
            rows = rows.sample(size, random_state=0)
        parts.append(rows.rename(columns={label: "label"}).assign(split=part))
    pd.concat(parts).to_csv(folder / "texts.csv", index=False)
    return str(folder / "texts.csv")


def measured(data: str, source: str | None, out: Path) -> dict[str, Any]:
    """One cold fit."""
    with tempfile.TemporaryDirectory() as cache:
        words = ["fit", data, "--out", str(out), "--overwrite", "--json", *(["--source", source] if source else [])]
        done = headstart(*words, HEADSTART_CACHE=cache)
    found = done.json()
    record = json.loads((out / "manifest.json").read_text())
    return {
        "accuracy": found["metrics"]["accuracy"],
        "gain": found.get("transfer_gain"),
        "source": record["source"]["name"],
        "rate": record["encoding"]["items_per_second"],
        "choice": record.get("source_choice"),
        "seconds": done.seconds,
        "peak_mib": done.peak_mib,
    }


def _rows(name: str, found: dict[str, Any], kept: dict[str, Any]) -> list[list[str]]:
    lines = [_row(name, body, one) for body, one in found.items() if one]
    automatic = kept.get(f"{name}: {AUTOMATIC}")
    if automatic is None or not lines:
        return lines
    own = {body: one for body, one in found.items() if one and body not in ("YAMNet",) and "MobileNet" not in body}
    best = max(one["accuracy"]["value"] for one in own.values())
    loss = 100 * (best - automatic["accuracy"]["value"])
    least = SETS[name][4]
    chosen, cost = automatic["source"].removeprefix("headstart:"), automatic["choice"]["seconds"]
    cell = f"{AUTOMATIC}: {chosen}, in {cost:.1f} s, {loss:.1f} points below the best of the install"
    row = _row(name, goal(cell, "at most 1 point", reached=loss <= 1 + 1e-9), automatic)
    if least is not None:
        row[2] = goal(row[2], f"{least}", reached=automatic["accuracy"]["value"] >= least)
    return [*lines, row]


def _row(name: str, body: str, one: dict[str, Any]) -> list[str]:
    accuracy, gain = one["accuracy"], one["gain"]
    return [
        name,
        body,
        f"{accuracy['value']:.3f} [{accuracy['low']:.3f}, {accuracy['high']:.3f}]",
        f"{gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]" if gain else "-",
        f"{one['rate']:,.0f}" if one["rate"] else "-",
        f"{one['peak_mib']:,.0f}",
        f"{one['seconds']:.0f}",
    ]


if __name__ == "__main__":
    main()
