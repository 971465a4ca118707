"""Start-up and complete fits in cold processes, compared with plain scripts in the same run.

python benchmarks/start_up.py
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile

from _common import DATA, cold, headstart, median, write_section

PLAIN = """
import sys, tarfile, tempfile, pathlib, numpy as np, timm, torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
tar, weights = sys.argv[1:]
folder = pathlib.Path(tempfile.mkdtemp())
tarfile.open(tar).extractall(folder, filter="data")
body = timm.create_model("mobilenetv2_100", pretrained=False, pad_type="same")
body.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
body.reset_classifier(0)
body.eval()
config = dict(input_size=(3, 224, 224), mean=(.5,) * 3, std=(.5,) * 3, crop_pct=.875, interpolation="bicubic")
transform = timm.data.create_transform(**config)
def encode(part):
    files = sorted((folder / part).glob("*/*.jpg"))
    pictures = torch.stack([transform(Image.open(f, formats=("JPEG", "PNG")).convert("RGB")) for f in files])
    with torch.inference_mode():
        rows = torch.cat([body(batch) for batch in pictures.split(32)]).numpy()
    return rows, [f.parent.name for f in files]
x, y = encode("train"); X, Y = encode("val")
print((LogisticRegression(max_iter=2000).fit(x, y).predict(X) == np.array(Y)).mean())
"""


def main() -> None:
    """Measure and write the section."""
    python = sys.executable
    weights = str(DATA / "weights" / "mobilenetv2_100.tf_in1k.safetensors")
    tar = str(DATA / "images" / "hymenoptera.tar")
    bare = median([python, "-c", "pass"], 9)
    rows = [
        ("`import headstart`, of its own", f"{_import_seconds(python):.3f} s"),
        ("`headstart --help`, whole process", f"{median([python, '-m', 'headstart', '--help'], 9):.3f} s"),
        ("an empty Python process", f"{bare:.3f} s"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        fit = ["fit", tar, "--source", f"local:{weights}", "--out", f"{folder}/run", "--json"]
        whole = [headstart(*fit) for _ in range(5)]
        bare_fit = [headstart(*fit, "--baselines", "none") for _ in range(5)]
        plain = [cold([python, "-c", PLAIN, tar, weights]) for _ in range(5)]
    ours, quick, theirs = (statistics.median(run.seconds for run in runs) for runs in (whole, bare_fit, plain))
    rows += [
        ("whole fit of hymenoptera, with audit, intervals and all baselines", f"{ours:.1f} s"),
        ("the same without baselines", f"{quick:.1f} s"),
        ("the plain way: fp32 features and LogisticRegression, nothing else", f"{theirs:.1f} s"),
        ("plain way / fit without baselines", f"{theirs / quick:.1f}"),
        ("peak memory of a fit", f"{max(run.peak_mib for run in whole):.0f} MiB"),
    ]
    write_section("Start-up and whole fits", ["| what | figure |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def _import_seconds(python: str) -> float:
    """Median cumulative time of `import headstart` as -X importtime gives it."""
    found = []
    for _ in range(9):
        log = subprocess.run(
            [python, "-X", "importtime", "-c", "import headstart"], capture_output=True, text=True, check=True
        )
        line = next(line for line in log.stderr.splitlines() if re.search(r"\| headstart$", line))
        found.append(int(line.split("|")[1]) / 1e6)
    return statistics.median(found)


if __name__ == "__main__":
    main()
