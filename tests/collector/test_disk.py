"""The bounds of a dataset, by files whose sizes are known."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from collector.disk import Room, used_bytes
from manifests.errors import CannotWrite


def test_room(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "b").write_bytes(bytes(234))
    (tmp_path / "link").symlink_to("/")
    assert used_bytes(tmp_path) == 1234 + len("/")  # what a link points at is not ours
    (tmp_path / "link").unlink()
    assert Room(tmp_path, 0, 2000).left() == 2000 - 1234
    Room(tmp_path, 0, 1235).require()
    with pytest.raises(CannotWrite, match=r"quota of 1\.149e-06 GiB is used up\. Raise it \(--quota-gb\)"):
        Room(tmp_path, 0, 1234).require()
    free = shutil.disk_usage(tmp_path).free
    assert Room(tmp_path, 2 * free).left() < 0
    with pytest.raises(CannotWrite, match="--keep-free-gb"):
        Room(tmp_path, 2 * free, 5000).require()
