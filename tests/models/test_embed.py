import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from manifests.errors import BadInput
from models.checkpoints import MODEL, Card, save_weights
from models.embed import embed, read_embeddings
from models.features import features
from models.mgfm import MGFM, NetworkSettings
from models.pretrain import PretrainSettings
from models.settings import to_mapping


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    network = NetworkSettings(width=32, depth=2, heads=2)
    encoder = MGFM(network).eval()
    folder = tmp_path_factory.mktemp("checkpoint")
    card = Card("mgfm", to_mapping(PretrainSettings(network=network)), step=7)
    save_weights(folder / MODEL, dict(encoder.state_dict()), card)
    return folder, encoder


def test_every_item_has_its_embedding(checkpoint, store, tmp_path):
    folder, encoder = checkpoint
    report = embed(store, folder, tmp_path / "e.parquet", quiet=True)
    assert (report.items, report.frames, report.width) == (48, 48 * 48, 32)
    names, values = read_embeddings(tmp_path / "e.parquet")
    assert names == store.names.tolist()
    np.testing.assert_allclose(values, features(encoder, store, np.arange(48)), atol=1e-6)
    table = pq.read_table(tmp_path / "e.parquet")
    assert table["label"].to_pylist()[:5] == ["one", "one", "one", "one", "three"]
    assert b"mgfm step 7 sha256:" in table.schema.metadata[b"made_by"]


@pytest.mark.parametrize("pooling", ["moments", "parts", "grid"])
def test_tokens_are_pooled_as_asked(checkpoint, store, tmp_path, pooling):
    folder, encoder = checkpoint
    expected = features(encoder, store, np.arange(48), pooling=pooling)
    report = embed(store, folder, tmp_path / "e.parquet", pooling=pooling, quiet=True)
    assert report.width == expected.shape[1] > 32
    np.testing.assert_allclose(read_embeddings(tmp_path / "e.parquet")[1], expected, atol=1e-6)
    assert pq.read_schema(tmp_path / "e.parquet").metadata[b"pooling"] == pooling.encode()


def test_another_file_is_told(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="no file of embeddings"):
        read_embeddings(tmp_path / "x.parquet")


def test_without_a_checkpoint(store, tmp_path):
    with pytest.raises(BadInput, match="there is no checkpoint"):
        embed(store, tmp_path, tmp_path / "e.parquet", quiet=True)
    assert not (tmp_path / "e.parquet").exists()
