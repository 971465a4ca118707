"""Hostile files of weights: what they hold is compared before it is read, and links out of the file are refused."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from headstart.errors import SourceError
from headstart.sources.keras_bodies.graph import GraphNode
from headstart.sources.keras_bodies.network import KerasNetwork, fill
from headstart.sources.keras_bodies.weights import archive_config, archive_weights, layer_weights

h5py = pytest.importorskip("h5py")

KERNEL, BIAS = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([7, 8], np.float32)
MOST = 64 * 2**20  # bytes; the arrays below have 4 GiB or more


def network():
    """A Dense layer of two units on the three channels of a picture."""
    pooled = GraphNode("pool", "GlobalAveragePooling2D", {}, ("in",))
    dense = GraphNode("d", "Dense", {"units": 2}, ("pool",), "layers/dense", "d")
    return KerasNetwork([GraphNode("in", "InputLayer", {}, ()), pooled, dense], 8, "a model")


def by_layer(file, kernel):
    """An HDF5 file that names its weights by layer; ``kernel`` writes the kernel into the layer's group."""
    with h5py.File(file, "w") as out:
        out.attrs["layer_names"] = ["d"]
        group = out.create_group("d")
        group.attrs["weight_names"] = ["kernel", "bias"]
        group["bias"] = BIAS
        kernel(group)
    return file


def archive(file, kernel, **member):
    """A .keras file with the same layer; ``member`` says how it is compressed."""
    with io.BytesIO() as raw:
        with h5py.File(raw, "w") as out:
            group = out.create_group("layers/dense/vars")
            group["1"] = BIAS
            kernel(group)
        with zipfile.ZipFile(file, "w", **member) as out:
            out.writestr("model.weights.h5", raw.getvalue())
    return file


def plain(name):
    return lambda group: group.create_dataset(name, data=KERNEL)


def gzipped(name, shape, **options):
    """Fill values and gzip take no room in the file."""
    return lambda group: group.create_dataset(name, shape, "f8", compression="gzip", **options)


def refused(opened, file, words):
    """Filling a network is one sentence, and takes little memory."""
    module = network()
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=words) as caught, opened(file) as stored:
            fill(module, stored, f"'{file.name}'")
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("opened", "write", "name"), [(layer_weights, by_layer, "kernel"), (archive_weights, archive, "0")]
)
def test_both_kinds_of_file_fill_a_layer(tmp_path, opened, write, name):
    module = network()
    with opened(write(tmp_path / "w", plain(name))) as stored:
        fill(module, stored, "a model")
    np.testing.assert_array_equal(module.layers["d_"].core.weight.detach().numpy(), KERNEL.T)
    np.testing.assert_array_equal(module.layers["d_"].core.bias.detach().numpy(), BIAS)


@pytest.mark.parametrize("shape", [(2**29, 2), (2**32, 2**31), (2**32, 2**32), (3, 3)])
@pytest.mark.parametrize(
    ("opened", "write", "name"), [(layer_weights, by_layer, "kernel"), (archive_weights, archive, "0")]
)
def test_an_array_of_another_size_is_not_read(tmp_path, opened, write, name, shape):
    """Kind: a small file whose array is huge; 2^64 numbers overflow the size that h5py states."""
    chunks = tuple(min(side, 64) for side in shape)
    file = write(tmp_path / "w", gzipped(name, shape, chunks=chunks))
    assert file.stat().st_size < 2**20
    refused(opened, file, "does not fit the Dense layer 'd': .* not 6 numbers; give the weights of this architecture")


def test_a_chunk_that_is_larger_than_its_array_is_not_read(tmp_path):
    """Kind: the array has the right size, what is inflated to read it has not."""
    file = by_layer(tmp_path / "w", gzipped("kernel", (3, 2), chunks=(2**14, 2**12), maxshape=(None, None)))
    refused(layer_weights, file, "chunks larger than itself")


def test_an_array_without_numbers_is_refused(tmp_path):
    file = by_layer(tmp_path / "w", lambda group: group.create_dataset("kernel", data=h5py.Empty("f4")))
    refused(layer_weights, file, "has no numbers, not 6 numbers")


@pytest.mark.parametrize("link", ["soft", "external"])
@pytest.mark.parametrize("place", ["array", "group"])
def test_links_are_refused(tmp_path, link, place):
    """Kind: a link, at each place of the path, to the same file or to another one."""
    other = by_layer(tmp_path / "other.h5", plain("kernel"))
    file = tmp_path / "w.h5"
    with h5py.File(file, "w") as out:
        out.attrs["layer_names"] = ["d"]
        target = "d/kernel" if place == "array" else "d"
        if place == "array":
            group = out.create_group("d")
            group.attrs["weight_names"] = ["kernel", "bias"]
            group["bias"] = BIAS
        with h5py.File(other) as source:
            source.copy("d", out, "elsewhere")
        found = target.replace("d", "elsewhere", 1)
        out[target] = h5py.SoftLink(f"/{found}") if link == "soft" else h5py.ExternalLink(str(other), f"/{target}")
    refused(layer_weights, file, "is missing or a link")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_inflates_to_far_more_than_its_size_is_not_read(tmp_path, method):
    """Kind: deflate is bounded by the archive's size; other methods, which zipfile does not bound, are refused."""
    file = tmp_path / "w.keras"
    with zipfile.ZipFile(file, "w", method) as out:
        out.writestr("config.json", b"{}")
        out.writestr("model.weights.h5", bytes(17 * 2**20))
    assert file.stat().st_size < 2**20
    words = "its archive allows 16,777,216" if method == zipfile.ZIP_DEFLATED else "neither 'stored' nor"
    refused(archive_weights, file, words)
    if method == zipfile.ZIP_DEFLATED:
        assert archive_config(file) == {}
    else:
        with pytest.raises(SourceError, match=words):
            archive_config(file)


def test_an_archive_that_was_compressed_again_is_read(tmp_path):
    module = network()
    with archive_weights(archive(tmp_path / "w", plain("0"), compression=zipfile.ZIP_DEFLATED)) as stored:
        fill(module, stored, "a model")
    np.testing.assert_array_equal(module.layers["d_"].core.weight.detach().numpy(), KERNEL.T)
