"""Weights are taken only by their sha256; nothing is loaded that nobody vouched for."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from collector.weights import DEFAULT, KNOWN, cache_dir, find_weights
from collector.yolo import load_pose_model
from manifests.errors import BadInput, BadWeights, Unavailable
from manifests.ids import file_sha256


class Trap:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_unknown_weights_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / DEFAULT  # its name helps nothing
    path.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(BadWeights, match=f"its sha256 is {file_sha256(path)}, which is none that mgcollect knows"):
        find_weights(path)
    assert not (tmp_path / "sprung").exists()


def test_the_user_may_vouch(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    sha256 = file_sha256(path)
    found = find_weights(path, sha256.upper())
    assert (found.name, found.sha256) == ("mine.pt", sha256)
    with pytest.raises(BadWeights, match="as you said"):
        find_weights(path, "0" * 64)


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="no such file"):
        find_weights(tmp_path / "none.pt")
    with pytest.raises(BadWeights, match="--weights-sha256"):
        find_weights("yolo99z-pose.pt")


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request goes to a port where nobody listens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert cache_dir() == tmp_path / "cache"
    with pytest.raises(Unavailable, match=f"place it at {tmp_path}/cache/{DEFAULT}"):
        find_weights()
    assert not list((tmp_path / "cache").glob("*.pt"))


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "own"
    monkeypatch.delenv("MGCOLLECT_CACHE")
    assert cache_dir() == tmp_path / "xdg" / "mgcollect"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "mgcollect"


@pytest.mark.slow
def test_known_weights_find_people(weights: Path) -> None:
    """The demo's weights are known, and find nobody in a plain picture; in half-empty batches too."""
    found = find_weights(weights)
    assert found.sha256 == KNOWN[DEFAULT]
    model = load_pose_model(found.path, "cpu", 1)
    assert load_pose_model(found.path, "cpu", 1) is model
    people = model.find([np.full((360, 640, 3), 90, np.uint8)] * 3)
    assert [len(one) for one in people] == [0, 0, 0]
    assert people[0].keypoints.shape == (0, 17, 3)


def test_no_such_device(weights: Path) -> None:
    with pytest.raises(Unavailable, match="--device cuda:7"):
        load_pose_model(str(weights), "cuda:7", 1)
