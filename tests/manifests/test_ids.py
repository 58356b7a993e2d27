"""Ids are the same on every machine, and differ where what they name differs."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from manifests import ids


def test_a_video_id_is_the_uuid5_of_its_address():
    namespace = uuid.uuid5(uuid.NAMESPACE_DNS, "mgcollect")
    expected = uuid.uuid5(namespace, '["video", "https://example.org/a.mp4"]')
    assert ids.video_id("https://example.org/a.mp4") == str(expected)


def test_parts_do_not_run_together():
    assert ids.proposal_id("c", 1, 12, "x", "m") != ids.proposal_id("c", 11, 2, "x", "m")
    assert ids.annotation_id("a", "b", "c") != ids.annotation_id("ab", "", "c")


def test_file_sha256_is_the_standard_one(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert ids.file_sha256(path) == hashlib.sha256(b"abc").hexdigest()


def test_digest_ignores_the_order_of_keys_but_not_values():
    assert ids.digest({"a": 1, "b": 2}) == ids.digest({"b": 2, "a": 1})
    assert ids.digest({"a": 1}) != ids.digest({"a": 2})
