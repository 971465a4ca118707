"""Kind: texts in a language that the source does not know. What is said before anything is claimed."""

from __future__ import annotations

import gzip
import json
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import headstart
from headstart.cli.main import main
from headstart.data import audit, read
from headstart.data.auditing.text_findings import check_texts, unfamiliar
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.fused import FusedSource
from headstart.sources.toy import ToySource
from headstart.sources.transformers.tokenizing import read_by
from headstart.transfer.stages.label_texts import unread_labels
from headstart.transfer.stages.text_audit import audit_texts
from headstart.types import Dataset

pytestmark = pytest.mark.usefixtures("three_folds")

LANGUAGES = Path(__file__).parents[2] / "stories" / "languages"
SHORT = {
    "ru": ["Моя карта ещё не пришла", "Когда вернут деньги за заказ?", "Я не могу войти в приложение"],
    "hi": ["मेरा कार्ड अभी तक नहीं आया", "पैसे कब वापस मिलेंगे?", "मैं ऐप में लॉगिन नहीं कर पा रहा हूँ"],
    "ko": ["카드가 아직 도착하지 않았습니다", "환불은 언제 되나요?", "앱에 로그인할 수 없습니다"],
    "th": ["บัตรของฉันยังไม่มาถึง", "ฉันจะได้รับเงินคืนเมื่อไหร่"],
    "zh": ["我的卡还没有到", "什么时候可以退款", "我无法登录应用程序"],
    "el": ["Η κάρτα μου δεν έχει φτάσει ακόμα", "Πότε θα επιστραφούν τα χρήματα;"],
    "he": ["הכרטיס שלי עוד לא הגיע", "מתי אקבל החזר כספי?"],
    "km": ["កាតរបស់ខ្ញុំមិនទាន់មកដល់ទេ", "តើពេលណាខ្ញុំទទួលបានប្រាក់វិញ"],
}
LATIN = {
    "fr": "Ma carte n'est toujours pas arrivée et je voudrais savoir quand le remboursement sera enfin effectué.",
    "es": "Todavía no me ha llegado la tarjeta y quisiera saber cuándo me devolverán el dinero del pedido.",
    "tr": "Kartım henüz gelmedi ve siparişimin parasının ne zaman iade edileceğini öğrenmek istiyorum lütfen.",
    "pl": "Moja karta jeszcze nie dotarła i chciałbym wiedzieć, kiedy zostaną zwrócone pieniądze za zamówienie.",
    "fi": "Korttini ei ole vieläkään saapunut ja haluaisin tietää, milloin tilauksen rahat palautetaan minulle.",
    "vi": "Thẻ của tôi vẫn chưa đến và tôi muốn biết khi nào tiền của đơn hàng sẽ được hoàn lại cho tôi.",
}
ENGLISH = [
    "My card has not arrived yet and I would like to know when the money will be refunded.",
    "How do I change the e-mail address of my account?",
    "The courier left the parcel with the wrong neighbour, and the box was damaged.",
    "Café bills are charged twice; see https://shop.example/orders/12a or ask @support 🙂",
]


@pytest.fixture(scope="module")
def english():
    return open_source("headstart:text")


def texts_of(language):
    return pd.read_csv(LANGUAGES / f"{language}.csv").text.tolist()


def kinds(facts):
    return [finding.kind for finding in check_texts(facts)]


def test_english_texts_are_known_to_an_english_source(english):
    assert kinds(read_by(english, ENGLISH * 3)) == ["unknown_signs"]  # the face


def test_emoji_are_signs_and_no_language(english):
    facts = read_by(english, ["so good \N{SLIGHTLY SMILING FACE} \N{FIRE}", "bad \N{FIRE}", "what a day"] * 5)
    assert kinds(facts) == ["unknown_signs"]
    assert facts.sign == "\N{FIRE}"
    assert facts.unknown == facts.unknown_signs > 0.2
    assert facts.unknown_letters == {}


@pytest.mark.parametrize("language", SHORT)
def test_texts_in_other_scripts_are_not(english, language):
    facts = read_by(english, SHORT[language])
    assert kinds(facts)[0] == "unknown_language"
    assert unfamiliar(facts)


@pytest.mark.parametrize("language", LATIN)
def test_texts_in_other_languages_of_the_same_script_are_not(english, language):
    facts = read_by(english, [LATIN[language]] * 3)
    assert kinds(facts)[0] == "unknown_language"
    assert "it breaks words into" in unfamiliar(facts)[0]


def test_german_japanese_and_arabic_each_get_the_statement_that_fits(english):
    german, japanese, arabic = (read_by(english, texts_of(language)) for language in ("de", "ja", "ar"))
    assert german.unknown < 0.01
    assert 1.8 < german.pieces_per_word < 2.6
    assert german.example == ("für", "fur")
    assert kinds(german) == ["unknown_language", "marks_taken_away"]
    assert japanese.unknown > 0.1
    assert japanese.unknown_letters["Han"] > 0.5
    assert japanese.example == ("が", "か")  # another letter
    assert arabic.pieces_per_word > 4  # letter by letter
    assert arabic.unknown < 0.02
    assert kinds(arabic)[0] == "unknown_language"


def test_forms_of_a_text_are_read_alike(english):
    for language in ("de", "ja"):
        texts = texts_of(language)
        apart = [unicodedata.normalize("NFD", text) for text in texts]
        assert read_by(english, apart) == read_by(english, texts)
        for one, other in zip(english.prepare_many(texts), english.prepare_many(apart), strict=True):
            np.testing.assert_array_equal(one, other)


def test_long_texts_are_said_to_be_cut_off(english):
    data = Dataset(["word " * 400, "card " * 300, "short"], ("0", "1", "2"), "text")
    found = audit_texts(data, audit(data), english)
    (finding,) = found.findings
    assert (finding.kind, finding.severity) == ("truncated", "warning")
    assert found.texts[0].median_lost == 96  # of 400 - 254 and 300 - 254
    assert "67% of the texts are longer than the 256 tokens that headstart:text reads" in finding.message


def test_each_column_of_texts_is_read_by_its_own_source(english):
    rows = [(text, "good film", (1.0,)) for text in SHORT["zh"]]
    names = ("title:text", "note:text", "price:number")
    data = Dataset(rows, ("0", "1", "2"), "multimodal", columns=names)
    fused = FusedSource((english, english), (0, 1), ("title", "note"))
    found = audit_texts(data, audit(data), fused)
    assert [(one.column, one.source) for one in found.texts] == [
        ("title", "headstart:text"),
        ("note", "headstart:text"),
    ]
    (finding,) = found.findings
    assert "in the column 'title'" in finding.message


def test_fused_sources_are_told_of_one_by_one(english):
    data = Dataset(SHORT["zh"], ("0", "1", "2"), "text")
    found = audit_texts(data, audit(data), FusedSource((english, ToySource())))
    assert [one.source for one in found.texts] == ["headstart:text", "toy"]
    assert [finding.message.partition(",")[0] for finding in found.findings] == ["headstart:text"]


def test_pictures_have_no_words():
    data = Dataset(np.zeros((2, 3)), ("0", "1"), "vector")
    checked = audit(data)
    assert checked.texts == ()
    assert audit_texts(data, checked, open_source("vector")) is checked


@pytest.fixture(scope="module")
def arabic_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arabic")
    table = pd.read_csv(LANGUAGES / "ar.csv").assign(split=["train", "train", "test"] * 8)
    table.to_csv(folder / "ar.csv", index=False)
    return headstart.fit(
        folder / "ar.csv", source="headstart:text", baselines="fast", out=folder / "run", verbose=False
    )


def test_a_run_tells_it_everywhere(arabic_run):
    folder = arabic_run.path
    (texts,) = json.loads((folder / "manifest.json").read_text())["data"]["texts"]
    assert texts["scripts"] == {"Arabic": 1.0}
    assert (texts["source"], texts["languages"]) == ("headstart:text", ["en"])
    for name in ("README.md", "report.html"):
        page = (folder / name).read_text(encoding="utf-8")
        assert "hardly knows these texts" in page
        assert "Scripts of the texts: Arabic 100%" in page
        assert "Source languages" in page
    assert arabic_run.audit.findings[0].kind == "unknown_language"


def test_evaluation_tells_of_texts_that_the_source_hardly_knows(arabic_run, capsys):
    labels = list(arabic_run.model.task.labels)
    headstart.evaluate(arabic_run.model, (SHORT["th"] + SHORT["km"], [labels[0], labels[1]] * 2))
    assert "headstart:text, a source for English, hardly knows these texts" in " ".join(capsys.readouterr().err.split())
    headstart.evaluate(arabic_run.model, (ENGLISH[:2], labels[:2]))
    assert "hardly knows" not in capsys.readouterr().err


def test_json_of_a_fit_holds_the_audit(tmp_path, capsys):
    assert main(["fit", str(LANGUAGES / "de.csv"), "--source", "toy", "--baselines", "none", "--json",
                 "--out", str(tmp_path / "run")]) == 0  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert found["texts"][0]["scripts"] == {"Latin": 1.0}
    assert found["audit"] == []


def test_the_baseline_of_a_run_reads_characters_or_words(arabic_run):
    names = [baseline.name for baseline in arabic_run.baselines]
    assert any(name.startswith("TF-IDF of ") for name in names)


@pytest.mark.parametrize(
    "labels", [("退款", "配送"), ("возврат", "доставка"), ("返金", "配送"), ("استرداد", "توصيل"), ("환불", "배송")]
)
def test_names_in_a_script_that_the_source_lacks_are_no_knowledge(english, labels):
    assert unread_labels(english, labels)


@pytest.mark.parametrize("labels", [("refund", "delivery"), ("Erstattung", "Lieferung"), ("café", "naïve")])
def test_names_in_its_script_are_left_to_the_left_out_loss(english, labels):
    assert unread_labels(english, labels) == ""


def test_descriptions_count_in_the_place_of_names(english):
    texts = {"退款": "The customer wants money back.", "配送": "A parcel is late."}
    assert unread_labels(english, list(texts), texts) == ""


def test_unread_names_are_left_out_and_it_is_said(capsys):
    labelled = (ENGLISH[:3] * 4, ["退款", "登录", "配送"] * 4)
    run = headstart.fit(labelled, baselines="none")
    told = " ".join(capsys.readouterr().err.split())
    assert "headstart:text cannot read the names of the classes, so they are not used" in told
    assert run.model.head.prior == 0


def test_names_that_were_asked_for_are_warned_of(capsys):
    labelled = (ENGLISH[:3] * 4, ["退款", "登录", "配送"] * 4)
    headstart.fit(labelled, baselines="none", label_text="names")
    assert "headstart:text can hardly read the texts of the classes" in " ".join(capsys.readouterr().err.split())


def test_zero_shot_with_unread_names_warns_and_guesses(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--zero-shot", "退款,配送", "--source", "headstart:text", "--out", "zero"]) == 0
    assert "headstart:text can hardly read the names of these classes" in " ".join(capsys.readouterr().out.split())
    proba = TransferModel.load("zero").predict_proba(["我要退款", "where is my parcel"])
    np.testing.assert_allclose(proba, 0.5)  # both names are the same unknown tokens


def test_zero_shot_with_english_names_says_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--zero-shot", "refund,delivery", "--out", "zero"]) == 0
    assert "can hardly read the names" not in capsys.readouterr().out


def test_inspect_tells_scripts_and_tokens(capsys):
    assert main(["inspect", str(LANGUAGES / "ja.csv"), "--source", "headstart:text"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "scripts Hiragana" in told
    assert "unknown to headstart:text (languages: English)" in told
    assert "hardly knows these texts" in told


def test_inspect_asks_the_source_that_is_named(capsys):
    assert main(["inspect", str(LANGUAGES / "ja.csv"), "--source", "toy", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (texts,) = found["texts"]
    assert (texts["source"], texts["unknown"], found["findings"]) == ("toy", None, [])
    assert main(["inspect", str(LANGUAGES / "ja.csv"), "--source", "no:such"]) == 2


def test_a_ranking_tells_what_each_source_knows(capsys):
    ranking = headstart.rank(LANGUAGES / "ar.csv", ["headstart:text", "toy"], untrained=False, verbose=False)
    by_name = {standing.source: standing.to_dict() for standing in ranking.ranked}
    assert by_name["headstart:text"]["languages"] == ["en"]
    assert by_name["headstart:text"]["unknown_tokens"] < 0.02
    assert by_name["headstart:text"]["pieces_per_word"] > 4
    assert by_name["toy"]["unknown_tokens"] is None
    assert any(
        note.startswith("headstart:text hardly knows these texts: all letters are Arabic") for note in ranking.notes
    )
    assert main(["rank", str(LANGUAGES / "ar.csv"), "--sources", "headstart:text"]) == 0
    assert "unknown tokens" in capsys.readouterr().out


def test_the_card_of_a_source_tells_its_languages(capsys):
    assert main(["sources", "show", "headstart:text"]) == 0
    assert "languages" in capsys.readouterr().out
    assert main(["sources", "show", "toy"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["languages", "not", "stated"]
    assert main(["sources", "show", "headstart:image"]) == 0
    assert "languages" not in capsys.readouterr().out


@pytest.mark.realdata
@pytest.mark.parametrize("table", ["banking77/train.csv", "trec6/train.csv", "twitter_financial_news/train.csv"])
def test_real_english_is_known(real_data, english, table):
    data = read(real_data / "text" / table)
    assert kinds(read_by(english, list(data.items))) == []


@pytest.mark.realdata
def test_real_chinese_german_and_french_are_not(real_data, english):
    titles = pd.read_csv(real_data / "text" / "zh_thucnews10" / "train.csv").text.tolist()
    facts = read_by(english, titles)
    assert facts.unknown == pytest.approx(0.67, abs=0.01)
    assert kinds(facts)[0] == "unknown_language"
    for language, pieces in (("en", 1.04), ("de", 1.97), ("fr", 1.54)):
        with gzip.open(real_data / "translation" / "multi30k" / f"train.{language}.gz", "rt", encoding="utf-8") as file:
            facts = read_by(english, [next(file) for _ in range(1000)])
        assert facts.pieces_per_word == pytest.approx(pieces, abs=0.05)
        assert ("unknown_language" in kinds(facts)) == (language != "en")
