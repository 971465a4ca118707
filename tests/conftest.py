"""What the tests of several folders share: the real data, the command line with runs to try it on, small bodies."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from command_line import CommandLine, texts, write_body, write_csv
from shared_bodies import share_bodies

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parents[1]


def data_folder() -> Path:
    """The folder of real data: HEADSTART_DATA, else shared/data beside the project."""
    return Path(os.environ.get("HEADSTART_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; where it is absent, skips, or fails in CI."""
    folder = data_folder()
    if not folder.is_dir():
        reason = (
            f"no real data at {folder}; set HEADSTART_DATA to the folder that holds images/, text/, audio/, weights/"
        )
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def unpacked(real_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """A function that unpacks one of the real archives once a session and returns the folder."""
    done: dict[str, Path] = {}

    def unpack(archive: str) -> Path:
        if archive not in done:
            done[archive] = tmp_path_factory.mktemp("unpacked")
            with tarfile.open(real_data / archive) as tar:
                tar.extractall(done[archive], filter="data")
        return done[archive]

    yield unpack
    for folder in done.values():
        shutil.rmtree(folder)


@pytest.fixture
def three_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges in three folds, not ten: for tests of what is read, said, kept and answered, not of how it is judged."""
    monkeypatch.setattr("headstart.transfer.stages.judge.MAX_FOLDS", 3)


@pytest.fixture
def few_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries every fifth λ: for tests of what is read, said, kept and answered, not of how a head is chosen."""
    from headstart.heads.contenders import spectral
    from headstart.linear.ridge import lambda_grid

    monkeypatch.setattr(spectral, "lambda_grid", lambda *given: lambda_grid(*given)[::5])


@pytest.fixture
def torch_bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies run in torch as they are: for tests of what is read, saved and chosen, not of how a body is converted."""
    from headstart.engine.backends.choice import candidates

    monkeypatch.setattr(
        "headstart.engine.frozen_body.candidates",
        lambda named="auto": candidates("torch" if named == "auto" else named),
    )


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bare_cli(cli: CommandLine) -> None:
    """No cache folder: for tests of what the command line writes into it."""
    shutil.rmtree(cli.folder / "cache")


@pytest.fixture
def own_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder without rows: for tests of what is encoded, not of how a body is converted."""
    monkeypatch.setenv("HEADSTART_CACHE", str(share_bodies(tmp_path / "cache")))
    return tmp_path / "cache"


@pytest.fixture
def cli(
    tmp_path: Path,
    three_folds: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line in a fresh working folder, with a cache of its own but for the converted bodies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(share_bodies(tmp_path / "cache")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # undone afterwards, whatever --offline sets
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="session")
def tiny_body(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image source of random weights, by name."""
    return write_body(tmp_path_factory.mktemp("body") / "tiny.safetensors")


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a fit on texts; copy it to change it."""
    from headstart.transfer import fit

    folder = tmp_path_factory.mktemp("fitted")
    write_csv(folder / "texts.csv", texts())
    fit(folder / "texts.csv", source="toy", baselines="none", out=folder / "run")
    return folder / "run"


@pytest.fixture
def run(text_run: Path, cli: CommandLine) -> str:
    """A copy of the run in the working folder."""
    shutil.copytree(text_run, cli.folder / "run")
    return "run"


@pytest.fixture(scope="session")
def tiny_image_run(tiny_body: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a fit on pictures, with the body in it; copy it to change it."""
    from command_line import pictures

    from headstart.transfer import fit

    folder = tmp_path_factory.mktemp("fitted-pictures")
    pictures(folder / "photos")
    fit(folder / "photos", source=tiny_body, baselines="none", out=folder / "run")
    return folder / "run"


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    """A tiny BERT checkpoint folder of transformers."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "morning", "where", "is", "my", "card", "a", "no"]
    backend = Tokenizer(models.WordLevel({word: k for k, word in enumerate(words)}, "[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=32,
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path / "bert")
    tokenizer.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"
