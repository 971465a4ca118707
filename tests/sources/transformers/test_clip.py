"""Image sources with a text tower: class names where the pictures are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from clip_files import clip, kept, siglip, tokenizer

import headstart
from headstart.engine.capabilities import LabelReading
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.model import TransferModel
from headstart.sources.registry import describe, open_source
from headstart.sources.transformers import clip_towers
from headstart.sources.transformers.checkpoint import TOKENIZER_FILES
from headstart.transfer.stages.label_texts import class_rows
from headstart.transfer.zero_shot import CHANCE, zero_shot

LABELS = ("cat", "dog", "red car")
PLAIN = Engine(backend="torch")


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """Products in bf16 would move logits, which are a hundred times a cosine, by more than what is asserted."""
    monkeypatch.setattr("headstart.engine.backends.torch_cpu.cpu_has_bf16", lambda: False)


@pytest.fixture(params=[clip, siglip])
def checkpoint(request, tmp_path):
    """Model, processor and folder of a tiny model with two towers."""
    return *kept(request.param, tmp_path / "model"), tmp_path / "model"


@pytest.fixture(scope="module")
def squares():
    """Twelve pictures of the size that the towers read, so that nothing is resized: each class has its own colour."""
    rng = np.random.default_rng(1)
    tints = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200]])[np.arange(12) % 3]
    return [np.clip(tint + rng.normal(0, 40, (32, 32, 3)), 0, 255).astype(np.uint8) for tint in tints]


def logits(model, processor, pictures, captions):
    """What transformers itself says: (pictures, captions), without SigLIP's bias, and the captions' embeddings."""
    filled = model.config.model_type == "siglip"
    tokens = tokenizer(12)(
        captions, padding="max_length" if filled else True, truncation=True, max_length=12, return_tensors="pt",
        return_token_type_ids=False, return_attention_mask=not filled,
    )  # fmt: skip
    pixels = processor(images=pictures, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        output = model(pixel_values=pixels, **tokens)
    bias = model.logit_bias.detach() if filled else 0.0
    return (output.logits_per_image - bias).double().numpy(), output.text_embeds.double().numpy()


def log_ratios(values):
    return values - values.mean(axis=1, keepdims=True)


def test_zero_shot_is_what_transformers_says_of_each_name(checkpoint, squares, monkeypatch):
    model, processor, folder = checkpoint
    monkeypatch.setattr(clip_towers, "TEMPLATES", ("a photo of a {}.",))
    named = zero_shot(LABELS, source=f"local:{folder}", engine=PLAIN)
    calibration = {name: value for name, value in named.head.calibration.items() if name != "chance"}
    found = replace(named, head=replace(named.head, calibration=calibration)).predict_proba(squares)
    bounded = (1 - CHANCE) * found + CHANCE / len(LABELS)
    np.testing.assert_allclose(named.predict_proba(squares), bounded, atol=1e-12)
    wanted, _ = logits(model, processor, squares, [f"a photo of a {label}." for label in LABELS])
    assert np.ptp(wanted, axis=1).min() > 0.1
    np.testing.assert_allclose(log_ratios(np.log(found)), log_ratios(wanted), atol=1e-4 * np.abs(wanted).max())
    np.testing.assert_allclose(found, torch.softmax(torch.from_numpy(wanted), 1).numpy(), atol=1e-4)


def test_rows_and_scale_give_the_logits_of_all_captions(checkpoint, squares):
    model, processor, folder = checkpoint
    source = open_source(f"local:{folder}")
    count = len(clip_towers.TEMPLATES)
    captions = [template.replace("{}", label) for label in LABELS for template in clip_towers.TEMPLATES]
    each, embedded = logits(model, processor, squares, captions)
    lengths = np.linalg.norm(embedded.reshape(3, count, -1).mean(axis=1), axis=1)
    wanted = each.reshape(12, 3, count).mean(axis=2) / lengths
    width = source.info.num_features
    rows = np.asarray(extract(source, squares, engine=PLAIN).rows[:])[:, -width:]
    texts = class_rows(source, LABELS)
    assert texts.shape == (3, sum(block.width for block in source.info.blocks))
    assert not texts[:, :-width].any()
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1.0, atol=1e-6)
    cosines = rows / np.linalg.norm(rows, axis=1, keepdims=True) @ texts[:, -width:].T
    np.testing.assert_allclose(source.label_scale() * cosines, wanted, atol=1e-4)
    assert source.label_scale() == pytest.approx(float(model.logit_scale.detach().exp()))


def test_its_last_block_is_the_projected_picture(checkpoint, pictures):
    model, processor, folder = checkpoint
    from PIL import Image

    source = open_source(f"local:{folder}")
    opened = [Image.open(path).convert("RGB") for path in pictures]
    pixels = torch.cat([processor(images=picture, return_tensors="pt")["pixel_values"] for picture in opened])
    with torch.inference_mode():
        features = model.get_image_features(pixel_values=pixels)
    wanted = getattr(features, "pooler_output", features)
    found = torch.from_numpy(source.encode(pictures)[:, -wanted.shape[1] :])
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.999
    assert [block.name for block in source.info.blocks] == ["hidden.0", "hidden.1", "hidden.2", "last"]
    said = describe(f"local:{folder}")
    assert (said.modality, source.info.modality, said.architecture) == ("image", "image", model.config.model_type)


def test_a_saved_zero_shot_model_predicts_the_same(checkpoint, squares, tmp_path):
    model = zero_shot(LABELS, source=f"local:{checkpoint[2]}", engine=PLAIN, out=tmp_path / "saved")
    wanted = model.predict_proba(squares)
    checkpoint[2].rename(tmp_path / "gone")
    again = TransferModel.load(tmp_path / "saved", engine=PLAIN)
    np.testing.assert_array_equal(again.predict_proba(squares), wanted)
    np.testing.assert_array_equal(class_rows(again.source, LABELS), class_rows(model.source, LABELS))


def test_a_few_pictures_go_on_from_the_names(checkpoint, squares):
    labels = [LABELS[k % 3] for k in range(12)]
    none = zero_shot(LABELS, source=f"local:{checkpoint[2]}", engine=PLAIN)
    taught = none.update(squares, labels)
    scores = [(np.array(model.predict(squares)) == labels).mean() for model in (none, taught)]
    assert scores[1] > scores[0]
    np.testing.assert_allclose(
        taught.forget(squares, labels).predict_proba(squares), none.predict_proba(squares), atol=1e-6
    )


@pytest.mark.usefixtures("three_folds")
def test_names_are_in_the_running_of_a_fit(checkpoint, squares):
    labels = [LABELS[k % 3] for k in range(12)]

    def fit(label_text):
        data, name = (squares, labels), f"local:{checkpoint[2]}"
        return headstart.fit(data, source=name, modality="image", label_text=label_text, baselines="none", engine=PLAIN)

    assert {one.prior for one in fit("names").model.head.candidates} == {0.0, 1.0, 2.0}
    assert {one.prior for one in fit("none").model.head.candidates} == {0.0}


def test_without_the_shared_space_it_knows_no_names(checkpoint, pictures):
    source = open_source(f"local:{checkpoint[2]}")
    early, places = source.with_layers(["hidden.1"]), source.with_layers(["hidden.1", "last"], positions=True)
    for one in (early, places):
        assert not isinstance(one, LabelReading)
    with pytest.raises(SourceError, match="no text tower"):
        class_rows(early, LABELS)
    again = early.with_layers("last")
    assert isinstance(again, LabelReading)
    assert "_text" not in vars(again)  # asking opens no text tower
    rows = places.forward([places.prepare(path) for path in pictures[:2]])
    assert [row.shape for row in rows] == [(16, 32)] * 2


def test_without_a_tokenizer_it_is_an_image_source(checkpoint, squares):
    for pattern in TOKENIZER_FILES:  # each release of transformers writes others
        for file in checkpoint[2].glob(pattern):
            file.unlink()
    source = open_source(f"local:{checkpoint[2]}")
    assert not isinstance(source, LabelReading)
    assert source.encode(squares).shape[0] == 12


def test_the_processor_of_both_towers_in_one_file(squares, tmp_path):
    from transformers import CLIPProcessor

    _, processor = kept(clip, tmp_path / "model")
    wanted = open_source(f"local:{tmp_path / 'model'}").prepare(squares[0])
    (tmp_path / "model" / "preprocessor_config.json").unlink()
    CLIPProcessor(processor, tokenizer(12)).save_pretrained(tmp_path / "model")
    source = open_source(f"local:{tmp_path / 'model'}")
    np.testing.assert_array_equal(source.prepare(squares[0]), wanted)
    assert source.label_rows(LABELS).any()


def test_untrained_towers(checkpoint, squares, tmp_path):
    source = open_source(f"local:{checkpoint[2]}")
    first, same, other = (source.untrained(seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.encode(squares), same.encode(squares))
    np.testing.assert_array_equal(first.label_rows(LABELS), same.label_rows(LABELS))
    assert not np.allclose(first.label_rows(LABELS), other.label_rows(LABELS))
    first.save(tmp_path / "kept")
    again = open_source(f"local:{tmp_path / 'kept'}")
    np.testing.assert_array_equal(first.label_rows(LABELS), again.label_rows(LABELS))
    np.testing.assert_allclose(first.encode(squares), again.encode(squares), atol=1e-5)
