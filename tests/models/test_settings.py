from dataclasses import dataclass, field
from typing import Literal

import pytest

from manifests.errors import BadInput
from models.pretrain import PretrainSettings
from models.recognise import RecogniseSettings
from models.settings import from_mapping, load_settings, to_mapping
from models.trainer import Training


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    count: int = 3
    name: str = "x"
    flag: bool = False
    most: float | None = None
    inner: Inner = field(default_factory=Inner)
    weights: dict[str, float] = field(default_factory=dict)


def test_file_then_overrides(tmp_path):
    (tmp_path / "s.yaml").write_text("count: 5\ninner:\n  rate: 2\nweights: {hand: 3}\n")
    found = load_settings(Outer, tmp_path / "s.yaml", ["inner.kind=b", "inner.rate=3e-4", "most=7", "flag=true"])
    assert found == Outer(count=5, flag=True, most=7.0, inner=Inner(3e-4, "b"), weights={"hand": 3.0})


def test_round_trip_of_every_pretraining_setting():
    settings = load_settings(PretrainSettings, None, ["training.minutes=10", "network.width=64", "objective.view=none"])
    assert from_mapping(PretrainSettings, to_mapping(settings)) == settings


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("counts=1", "unknown setting counts. Known are count, name"),
        ("inner.rat=1", r"inner: unknown setting rat"),
        ("count=1.5", "count: 1.5 is not a whole number"),
        ("count=true", "not a whole number"),
        ("flag=1", "1 is not true or false"),
        ("inner.kind=c", "'c' is not one of a, b"),
        ("inner.rate=fast", "'fast' is not a number"),
        ("inner=3", "a group of settings is expected, not 3"),
        ("count", "Write name=value"),
        ("count.x=1", "unknown|not a whole"),
        ("weights.hand=big", r"weights.hand: 'big' is not a number"),
    ],
)
def test_errors_name_the_setting(override, message):
    with pytest.raises(BadInput, match=message):
        load_settings(Outer, None, [override])


def test_damaged_yaml(tmp_path):
    (tmp_path / "s.yaml").write_text("a: [1")
    with pytest.raises(BadInput, match=r"s\.yaml: not readable as YAML"):
        load_settings(Outer, tmp_path / "s.yaml")
    (tmp_path / "s.yaml").write_text("- 1\n")
    with pytest.raises(BadInput, match="not list"):
        load_settings(Outer, tmp_path / "s.yaml")


def test_a_part_of_a_group_leaves_the_rest_as_the_outer_one_has_it():
    @dataclass(frozen=True)
    class Outer:
        inner: Training = field(default_factory=lambda: Training(steps=7, lr=0.5))

    found = load_settings(Outer, None, ["inner.precision=bf16-mixed"])
    assert (found.inner.steps, found.inner.lr, found.inner.precision) == (7, 0.5, "bf16-mixed")
    assert load_settings(RecogniseSettings, None, ["training.seed=3"]).training.lr == RecogniseSettings().training.lr
