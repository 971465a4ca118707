"""The gallery: which items a report shows, in what order, and that everything in it is bounded."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from headstart import evaluate, fit
from headstart.data import read
from headstart.data.media.sound_clips import MAX_SOUND_BYTES, sound_clip
from headstart.transfer.stages.gallery import plan_evaluation_gallery
from headstart.transfer.stages.gallery_choice import choose_clusters, choose_predictions, choose_worst
from headstart.transfer.stages.thumbnails import SIDE, picture_thumbnail, show_items
from headstart.types import Dataset, Task

SECRET = "the patient is called Rumpelstiltskin"


def texts_with_a_wrong_label():
    texts = [f"{word} film number {k}" for k in range(12) for word in ("good", "bad")]
    labels = ["+", "-"] * 12
    return [*texts, "good film of all"], [*labels, "-"]


def rows_with_a_wrong_label():
    """Two clouds of 30 points; the label of the last one is that of the other cloud."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3)) + np.repeat([[0.0], [8.0]], 30, axis=0)
    return rows, ["low"] * 30 + ["high"] * 29 + ["low"]


def test_each_confused_pair_is_shown_before_a_second_item_of_any():
    truth = np.array([0, 0, 0, 0, 1, 2, 0, 1, 2])
    predicted = np.array([1, 1, 1, 2, 0, 1, 0, 1, 2])
    loss = np.array([9.0, 8, 7, 1, 2, 3, 0.1, 0.1, 0.1])
    shown = choose_predictions(truth, predicted, loss, 5)
    pairs = {(truth[i], predicted[i]) for i in shown}
    assert pairs >= {(0, 1), (0, 2), (1, 0), (2, 1)}
    assert loss[shown[0]] == 9  # the worst first


def test_right_items_of_every_class_are_shown_the_least_and_the_most_certain_first():
    truth = np.repeat([0, 1], 10)
    loss = np.tile(np.linspace(0.1, 1.0, 10), 2)
    shown = choose_predictions(truth, truth, loss, 4)
    assert sorted(zip(truth[shown].tolist(), loss[shown].round(1).tolist(), strict=True)) == [
        (0, 0.1), (0, 1.0), (1, 0.1), (1, 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 50])
def test_the_limit_holds_and_no_item_is_chosen_twice(limit):
    rng = np.random.default_rng(0)
    truth, predicted, loss = rng.integers(0, 4, 40), rng.integers(0, 4, 40), rng.random(40)
    for shown in (choose_predictions(truth, predicted, loss, limit), choose_worst(loss, limit)):
        assert len(shown) == len(set(shown.tolist())) == min(limit, 40)


def test_clusters_with_conflicting_labels_come_first():
    found, total = choose_clusters(np.array([0, 0, 1, 2, 2]), ["a", "a", "b", "a", "b"], 5)
    assert [(rows.tolist(), conflicting) for rows, conflicting in found] == [([3, 4], True), ([0, 1], False)]
    assert total == 2


def test_a_thumbnail_of_noise_is_bounded_and_loads():
    noise = np.random.default_rng(0).integers(0, 256, (700, 500, 3), dtype=np.uint8)
    small = picture_thumbnail(noise)
    assert len(small.jpeg) <= 6000
    assert Image.open(io.BytesIO(small.jpeg)).size == (small.width, small.height)
    assert max(small.width, small.height) == SIDE


def test_a_long_loud_sound_is_cut_to_the_limit():
    import soundfile

    noise = np.random.default_rng(0).normal(0, 0.3, 44_100 * 60).astype(np.float32)
    raw, kind = sound_clip(noise, 44_100)
    assert len(raw) <= MAX_SOUND_BYTES
    assert kind in {"audio/mpeg", "audio/ogg"}
    samples, rate = soundfile.read(io.BytesIO(raw))
    assert rate == 16_000
    assert samples.ndim == 1
    assert 1 < len(samples) / rate <= 11


def test_an_item_that_has_gone_says_so(tmp_path):
    data = Dataset([str(tmp_path / "gone.jpg")], ("gone.jpg",), "image")
    (shown,) = show_items(data, ["ant"], sounds=0)
    assert "there is no such file" in shown.missing
    assert shown.thumbnails == ()


def test_an_item_of_several_columns_shows_each_of_them(tmp_path):
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    columns = ("photo:image", "note:text", "price:number", "brand:category")
    data = Dataset([(str(tmp_path / "a.png"), "as new", (12.5, "acme"))], ("0",), "multimodal", columns=columns)
    (shown,) = show_items(data, ["sold"], sounds=0)
    assert len(shown.thumbnails) == 1
    assert shown.texts == ("as new",)
    assert shown.values == (("price", "12.5"), ("brand", "acme"))


def test_suspects_of_a_fit_stand_beside_the_items_that_contradict_them():
    gallery = fit(rows_with_a_wrong_label(), baselines="none", verbose=False).tables.gallery.build()
    (suspect,) = gallery.suspects
    assert gallery.items[suspect.item].name == "59"
    assert suspect.predicted == "high"
    assert [gallery.items[place].label for place in suspect.because] == ["high"] * 3
    assert gallery.influence


def test_no_item_is_in_the_page_where_none_is_wanted(tmp_path):
    texts, labels = texts_with_a_wrong_label()
    texts[3] = SECRET
    pages = {}
    for count in (0, 30):
        out = tmp_path / str(count)
        run = fit((texts, labels), source="toy", baselines="none", report_items=count, out=out, verbose=False)
        evaluate(run, (texts, labels), out=tmp_path / f"evaluation{count}", report_items=count, verbose=False)
        pages[count] = [(place / "report.html").read_text() for place in (out, tmp_path / f"evaluation{count}")]
    assert all(SECRET in page for page in pages[30])
    assert not any(SECRET in page or "film number" in page or "base64" in page for page in pages[0])
    assert all("It holds no items of the data." in page for page in pages[0])


def test_report_items_below_zero_are_refused():
    with pytest.raises(ValueError, match="'report_items' parameter of fit must be an integer in"):
        fit(rows_with_a_wrong_label(), report_items=-1, verbose=False)


def test_the_record_holds_plain_json():
    rows, labels = rows_with_a_wrong_label()
    table = {f"x{k}": rows[:, k] for k in range(3)} | {"label": labels, "who": [f"g{k % 3}" for k in range(60)]}
    run = fit(table, baselines="none", label="label", group_col="who", verbose=False)
    again = json.loads(json.dumps(run.record, allow_nan=False))
    assert again["diagrams"]["binary"]["positive"] == "low"
    assert {row["group"] for row in again["subgroups"]["rows"]} == {"g0", "g1", "g2"}


def test_several_labels_and_values_show_the_worst_first():
    data = Dataset(
        ["a", "b", "c"], ("0", "1", "2"), "text", Task("regression", ("price",)), np.array([[1.0], [2], [3]])
    )
    plan = plan_evaluation_gallery(data, data.task, np.array([[1.1], [5.0], [2.5]]))
    assert [plan.dataset.ids[one.item] for one in plan.gallery.predictions] == ["1", "2", "0"]
    task = Task("multilabel", ("sport", "art"))
    data = Dataset(["a", "b"], ("0", "1"), "text", task, np.array([[1.0, 0], [1, 1]]))
    plan = plan_evaluation_gallery(data, task, np.array([[0.9, 0.1], [0.2, 0.9]]))
    assert [(one.predicted, one.right) for one in plan.gallery.predictions] == [("art", False), ("sport", True)]


@pytest.mark.realdata
def test_two_hundred_photographs_stay_far_below_two_megabytes(unpacked):
    photos = read(unpacked("images/hymenoptera.tar"))
    outputs = np.random.default_rng(0).dirichlet([1, 1], len(photos))
    gallery = plan_evaluation_gallery(photos, photos.task, outputs, 200).build()
    assert len(gallery) == 200
    assert not any(item.missing for item in gallery.items)
    assert gallery.size * 4 / 3 < 1_000_000  # in base64
