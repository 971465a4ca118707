"""SetFit's side of `contrastive.py`, run in its own environment: fits on the texts of a job as in SetFit's paper."""

import json
import sys
import tempfile
import time
from pathlib import Path

import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from setfit import SetFitModel, Trainer, TrainingArguments
from sklearn.linear_model import LogisticRegression


def main() -> None:
    """Fit and predict."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    model = SetFitModel(
        model_body=SentenceTransformer(job["folder"], device="cpu"), model_head=LogisticRegression(max_iter=1000)
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            batch_size=16, num_epochs=1, num_iterations=20, seed=job["seed"], report_to="none", output_dir=folder,
            save_strategy="no", show_progress_bar=False, logging_strategy="no",
        )  # fmt: skip
        data = Dataset.from_dict({"text": job["texts"], "label": job["y"]})
        trainer = Trainer(model=model, args=arguments, train_dataset=data)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    predicted = [int(label) for label in model.predict(job["test_texts"], show_progress_bar=False)]
    print("\n" + json.dumps({"seconds": seconds, "predicted": predicted}))


if __name__ == "__main__":
    main()
