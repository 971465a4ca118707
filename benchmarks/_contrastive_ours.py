"""Headstart's side of `contrastive.py`: fits on the texts of a job, and reports the seconds and the predictions."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from headstart.sources import open_source
from headstart.tune.contrastive import CONTRASTIVE
from headstart.types import Dataset, Task


def main() -> None:
    """Fit and predict."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    source = open_source("headstart:text")
    task = Task("classification", tuple(job["labels"]))
    ids = tuple(str(k) for k in range(len(job["texts"])))
    data = Dataset(job["texts"], ids, "text", task, np.array(job["y"], np.int64))
    began = time.perf_counter()
    model = CONTRASTIVE.fit(source, data, seed=job["seed"])
    seconds = time.perf_counter() - began
    predicted = [task.labels.index(label) for label in model.predict(job["test_texts"])]
    print(json.dumps({"seconds": seconds, "predicted": predicted}))


if __name__ == "__main__":
    main()
