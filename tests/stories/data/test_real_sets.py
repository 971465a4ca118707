"""The real sets, with the counts of their manifest."""

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from headstart.data import audit, folds, read, split


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("path", "modality", "classes", "counts"),
    [
        ("images/hymenoptera.tar", "image", 2, {"train": 244, "val": 153}),
        ("images/clothing10_cc0.tar", "image", 10, {"train": 1100, "val": 341, "test": 372}),
        ("images/cifar10_5k.tar.gz", "image", 10, {"train": 4000, "test": 1000}),
        ("audio/fsdd_1200.tar.gz", "audio", 10, {"train": 900, "test": 300}),
        ("text/banking77", "text", 77, {"train": 10003, "test": 3080}),
        ("text/clinc150", "text", 150, {"train": 15000, "val": 3000, "test": 4500}),
        ("text/trec6", "text", 6, {"train": 5452, "test": 500}),
        ("text/twitter_financial_news", "text", 3, {"train": 9543, "val": 2388}),
        ("text/zh_thucnews10", "text", 10, {"train": 10000, "test": 10000}),
    ],
)
def test_counts(real_data, path, modality, classes, counts):
    data = read(real_data / path)
    assert (data.modality, data.task.kind, data.task.num_outputs) == (modality, "classification", classes)
    assert Counter(data.split.tolist()) == counts
    assert len(set(data.ids)) == len(data)


@pytest.mark.realdata
def test_folds_of_esc10(real_data):
    data = read(real_data / "audio/esc10.tar")
    assert (len(data), data.modality, data.task.num_outputs, data.split) == (400, "audio", 10, None)
    assert [len(test) for _, test in folds(data.y, "classification", data.groups)] == [80] * 5
    found = split(data, None)
    assert len(set(data.groups[found.test].tolist())) == 1


@pytest.mark.realdata
def test_clean_pictures_have_few_near_duplicates(real_data):
    found = audit(read(real_data / "images/hymenoptera.tar"))
    assert found.keep.all()
    assert len(np.unique(found.clusters)) >= 395


@pytest.mark.realdata
def test_leaks_of_trec(real_data):
    found = {finding.kind: finding for finding in audit(read(real_data / "text/trec6")).findings}
    assert "10 exact" in found["leak"].message


def test_nothing_heavy_is_loaded():
    heavy = ["torch", "pandas", "pyarrow", "PIL", "soundfile", "scipy", "sklearn", "datasets"]
    code = f"import sys, headstart.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
