import json

import pytest
import torch
from safetensors.torch import save_file

from manifests.errors import BadInput, SchemaMismatch
from models.checkpoints import MODEL, Card, load_weights, read_card, save_weights

CARD = Card("mgfm", {"network": {"width": 8}}, ("coco17",), {"s": "abc"}, ("x", "y"), {"loss": 0.5}, 12)


def test_round_trip(tmp_path):
    tensors = {"a": torch.randn(3, 4), "b": torch.arange(5), "c": torch.randn(4, 3).T}
    save_weights(tmp_path / MODEL, tensors, CARD)
    card, found = load_weights(tmp_path)
    assert card == CARD
    assert read_card(tmp_path / MODEL) == CARD
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert [path.name for path in tmp_path.iterdir()] == [MODEL]


def test_what_is_no_checkpoint(tmp_path):
    with pytest.raises(BadInput, match="there is no checkpoint"):
        load_weights(tmp_path)
    (tmp_path / MODEL).write_bytes(b"x" * 100)
    with pytest.raises(BadInput, match="not a readable safetensors file"):
        load_weights(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / MODEL)
    with pytest.raises(BadInput, match="not mgcollect's"):
        load_weights(tmp_path)
    save_file({"a": torch.zeros(1)}, tmp_path / MODEL, metadata={"mgcollect": json.dumps({"format": 1})})
    with pytest.raises(BadInput, match="card is damaged"):
        load_weights(tmp_path)


def test_another_format_version(tmp_path):
    header = {"format": 9, "made_by": "mgcollect 9", **vars(CARD)}
    save_file({"a": torch.zeros(1)}, tmp_path / MODEL, metadata={"mgcollect": json.dumps(header)})
    with pytest.raises(SchemaMismatch, match="format 9; this mgcollect reads format 1"):
        load_weights(tmp_path)
