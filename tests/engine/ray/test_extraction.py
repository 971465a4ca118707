"""Extraction on Ray: the same to the last bit with any number of workers, and with one of them killed."""

import os
import signal
import socket
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from headstart.engine.extract import extract
from headstart.engine.moments import moments_of
from headstart.engine.options import Engine
from headstart.engine.ray import session as session_module
from headstart.engine.ray.session import keep_ray_open, ray_session
from headstart.errors import DataError, HeadstartError, ItemError, MissingExtraError, ParameterError, SourceError
from headstart.heads import HeadSearch
from headstart.sources.toy import ToySource
from headstart.tune import FrozenFeatures
from headstart.types import Features, Task

HERE = Engine(cache=False)


def on_ray(workers=2, **options):
    return Engine(ray="auto", workers=workers, **{"cache": False} | options)


@pytest.fixture(scope="module")
def cluster():
    """One cluster for the tests of this file: starting one takes longer than most of them."""
    if find_spec("ray") is None:  # not importorskip: what Ray prints is decided before it is imported
        pytest.skip("Ray is not installed")
    with ray_session("auto", 4):
        yield


def sources():
    """Sources that are sent to the workers by value; what stands at the top of a test file cannot be imported there."""

    @dataclass(frozen=True)
    class Choosing(ToySource):
        key: str = "0" * 40
        mine: int = 0

        def choose(self, *_):
            return self.key if self.mine in (0, os.getpid()) else "1" * 40

    @dataclass(frozen=True)
    class Wave(Choosing):
        """Rows that are no whole numbers, so that the order of a sum shows."""

        deadly: bytes = b""
        marker: str = ""

        def forward(self, prepared):
            if self.deadly and self.deadly in prepared and not (self.marker and Path(self.marker).exists()):
                if self.marker:
                    Path(self.marker).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return np.sin(ToySource.forward(self, prepared) * np.float32(0.37) + np.float32(0.1))

    @dataclass(frozen=True)
    class Files(Choosing):
        modality: str = "image"

        def prepare(self, item):
            try:
                return Path(item).read_bytes() or b" "
            except OSError as error:
                raise ItemError(f"It cannot be read: {error.strerror}.") from None

    @dataclass(frozen=True)
    class Failing(Choosing):
        error: str = ""

        def forward(self, _):
            if self.error == "bug":
                raise ZeroDivisionError("a bug")
            raise MissingExtraError("This source", self.error)

    return {"wave": Wave, "files": Files, "choosing": Choosing, "failing": Failing}


def texts(n):
    rng = np.random.default_rng(0)
    words = ["good", "bad", "ugly", "nice", "day", "long"]
    found = [f"{' '.join(rng.choice(words, size=rng.integers(1, 9)))} {k}" for k in range(n)]
    found[n // 3] = ""
    found[-1] = "  "
    return found


def targets(n):
    return np.random.default_rng(1).normal(size=(n, 3))


def assert_same_moments(found, expected):
    arrays = found.moments.to_arrays()
    for name, array in expected.moments.to_arrays().items():
        assert np.array_equal(arrays[name], array), name
    assert found.failures == expected.failures


def assert_same_rows(found, expected):
    assert np.array_equal(found.rows, expected.rows)
    assert np.array_equal(found.index, expected.index)
    assert found.failures == expected.failures


@pytest.mark.slow
def test_a_cluster_that_is_started_is_stopped_and_the_process_is_as_before():
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    handler = signal.getsignal(signal.SIGTERM)
    with ray_session("auto", 3) as ray:
        assert ray.cluster_resources()["CPU"] == 3
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not ray.is_initialized()
    assert signal.getsignal(signal.SIGTERM) is handler


@pytest.mark.slow
def test_workers_give_the_rows_and_the_moments_of_one_machine(cluster, capfd):
    source, items, y = sources()["wave"](), texts(200), targets(200)
    heard = []
    found = extract(source, items, engine=on_ray(), progress=lambda *step: heard.append(step[:2]))
    assert_same_rows(found, extract(source, items, engine=HERE))
    assert found.failures == {66: "The text is empty.", 199: "The text is empty."}
    assert heard[-1] == (200, 200)
    assert_same_moments(moments_of(source, items, y, engine=on_ray()), moments_of(source, items, y, engine=HERE))
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("n", [300, 5000])  # chunks that come back as rows, and as moments
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_number_of_workers_does_not_show(cluster, workers, n):
    source, items, y = sources()["wave"](), texts(n), targets(n)
    assert_same_rows(extract(source, items, engine=on_ray(workers)), extract(source, items, engine=HERE))
    found = moments_of(source, items, y, engine=on_ray(workers), feature_map=np.cbrt)
    assert_same_moments(found, moments_of(source, items, y, engine=HERE, feature_map=np.cbrt))


@pytest.mark.slow
@pytest.mark.parametrize("where", [0, 150, 299])
def test_a_killed_worker_changes_nothing(cluster, tmp_path, where, capfd):
    items, y = texts(302), targets(302)
    expected = extract(sources()["wave"](), items, engine=HERE)
    for name in ("rows", "moments"):
        marker = tmp_path / name
        source = sources()["wave"](deadly=items[where].encode(), marker=str(marker))
        if name == "rows":
            assert_same_rows(extract(source, items, engine=on_ray()), expected)
        else:
            found = moments_of(source, items, y, engine=on_ray())
            assert_same_moments(found, moments_of(sources()["wave"](), items, y, engine=HERE))
        assert marker.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_what_kills_every_worker_is_not_tried_for_ever(cluster):
    with pytest.raises(HeadstartError, match="died 4 times on the same items"):
        extract(sources()["wave"](deadly=b"deadly"), [*texts(64), "deadly"], engine=on_ray())


@pytest.mark.slow
def test_files_go_by_absolute_path_and_unreadable_ones_are_set_aside(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg"):
        Path(name).write_text(name)
    source, items = sources()["files"](), ["a.jpg", "gone.jpg", Path("b.jpg"), tmp_path]
    found = extract(source, items, engine=on_ray())
    assert_same_rows(found, extract(source, items, engine=HERE))
    assert found.failures[1] == "It cannot be read: No such file or directory."
    assert found.index.tolist() == [0, 2]


@pytest.mark.slow
def test_arrays_of_any_size_are_sent(cluster):
    items = [np.full((k % 5 + 1, 4), k, np.uint8) for k in range(50)]
    found = extract(ToySource(modality="image"), items, engine=on_ray())
    assert_same_rows(found, extract(ToySource(modality="image"), items, engine=HERE))


@pytest.mark.slow
def test_only_what_the_store_lacks_is_sent(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    source, items = sources()["choosing"](), [f"text {k}" for k in range(100)]
    first = extract(source, items, engine=on_ray(cache=True))
    again = extract(source, items[:90], engine=Engine(ray="nowhere"))  # which would not work, were it asked
    assert (again.hits, again.encoded) == (90, 0)
    assert np.array_equal(again.rows, first.rows[: len(again.rows)])
    more = extract(source, [*items, "new", "newer"], engine=on_ray(cache=True))
    assert (more.hits, more.encoded) == (100, 2)


@pytest.mark.slow
def test_a_worker_that_would_run_another_form_is_refused(cluster):
    with pytest.raises(SourceError, match="would run 'toy' in another form"):
        extract(sources()["choosing"](mine=os.getpid()), texts(9), engine=on_ray())


@pytest.mark.slow
def test_errors_of_workers_keep_their_sentence(cluster):
    with pytest.raises(SourceError, match=r"This source needs an extra .* 'headstart\[magic\]'"):
        extract(sources()["failing"](error="magic"), ["good"], engine=on_ray())
    with pytest.raises(Exception, match="a bug"):
        extract(sources()["failing"](error="bug"), ["good"], engine=on_ray())
    with pytest.raises(ItemError, match="Item 1 cannot be encoded"):
        extract(ToySource(), ["good", ""], engine=on_ray(), on_error="raise")
    with pytest.raises(DataError, match="None of the 2 items can be encoded; item 0: The text is empty"):
        moments_of(ToySource(), ["", " "], np.ones((2, 1)), engine=on_ray())


def test_a_source_or_item_that_cannot_be_sent_is_refused(cluster):
    source = ToySource()
    object.__setattr__(source, "lock", Lock())
    with pytest.raises(SourceError, match="'toy' cannot be sent to other processes"):
        extract(source, ["good"], engine=on_ray())
    with pytest.raises(ItemError, match="Items of this kind cannot be sent"):
        extract(ToySource(), ["good", Lock()], engine=on_ray())


@pytest.mark.slow
def test_an_item_that_cannot_be_encoded_raises_by_its_own_position(cluster):
    for engine in (HERE, on_ray()):
        with pytest.raises(ItemError, match="Item 66 cannot be encoded: The text is empty"):
            moments_of(ToySource(), texts(200), targets(200), engine=engine, on_error="raise")


@pytest.mark.slow
def test_a_model_is_taught_the_same_on_a_cluster(cluster):
    source, names = sources()["wave"](), [word for word in ("a", "b", "c") for _ in range(70)]
    items = [f"{name} text {k}" for k, name in enumerate(names)]
    codes = np.repeat(np.arange(2), 70)
    features = Features(extract(source, items[:140], engine=HERE).rows, codes, tuple(items[:140]), None, source.info)
    task = Task("classification", ("a", "b"))
    model = replace(FrozenFeatures(HeadSearch(("ridge",))).solve(source, features, task, seed=0), engine=HERE)
    here = model.update(items[140:], names[140:])
    there = replace(model, engine=on_ray()).update(items[140:], names[140:])
    assert np.array_equal(here.head.weight, there.head.weight)
    assert here.task.labels == there.task.labels == ("a", "b", "c")


@pytest.mark.slow
def test_one_session_serves_all_the_work_of_a_fit(cluster, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: bool(begun) and begun[-1] == "connect")
    begun = []
    monkeypatch.setattr(session_module, "_connect", lambda *_: begun.append("connect"))
    monkeypatch.setattr(ray, "shutdown", lambda: begun.append("shutdown"))
    with keep_ray_open():
        assert begun == []
        for _ in range(2):
            with ray_session("auto", 1):
                pass
        with keep_ray_open(), ray_session("auto", 1):
            pass
        assert begun == ["connect"]
    assert begun == ["connect", "shutdown"]
    with ray_session("auto", 1):
        pass
    assert begun[2:] == ["connect", "shutdown"]


def test_a_session_that_is_open_is_left_open(cluster):
    import ray

    with ray_session("auto", 1):
        pass
    assert ray.cluster_resources()["CPU"] == 4


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_addresses_where_nothing_answers_are_refused_at_once(monkeypatch):
    for address in (f"127.0.0.1:{free_port()}", "nowhere", "host:no-port", "host:99999999"):
        with pytest.raises(SourceError, match=f"no Ray cluster at '{address}'"):
            extract(ToySource(), ["good"], engine=Engine(ray=address, cache=False))
    monkeypatch.setenv("RAY_ADDRESS", "nowhere:1")
    with pytest.raises(SourceError, match="no Ray cluster at 'nowhere:1'"):
        moments_of(ToySource(), ["good"], [[1.0]], engine=on_ray())


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(session_module, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"headstart\[ray\]"):
        extract(ToySource(), ["good"], engine=on_ray())


def test_targets_that_do_not_fit_are_refused():
    with pytest.raises(ParameterError, match="one row of 'y' for each row"):
        moments_of(ToySource(), ["good", "bad"], [[1.0]], engine=on_ray())
    with pytest.raises(DataError, match="no items"):
        moments_of(ToySource(), [], np.ones((0, 1)))


def test_moments_of_chunks_are_those_of_all_rows():
    source, items, y = sources()["wave"](), texts(3000), targets(3000)
    found = moments_of(source, items, y, engine=HERE)
    whole = extract(source, items, engine=HERE)
    assert found.failures == whole.failures
    assert found.moments.n == len(whole.rows)
    assert np.allclose(found.moments.mean, whole.rows.mean(axis=0, dtype=np.float64), rtol=0, atol=1e-12)
    centred = whole.rows - whole.rows.mean(axis=0, dtype=np.float64)
    assert np.allclose(found.moments.scatter, centred.T @ centred, rtol=1e-10, atol=1e-9)
    assert np.allclose(found.moments.cross, centred.T @ y[whole.index], rtol=1e-9, atol=1e-9)
