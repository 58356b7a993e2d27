"""Ids that come out the same on every machine: UUID5 of what the thing is, never of when it was seen."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

__all__ = ["annotation_id", "clip_id", "digest", "file_sha256", "gesture_id", "proposal_id", "video_id"]

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "mgcollect")


def _uuid(*parts: object) -> str:
    # JSON, so that ("a", "bc") and ("ab", "c") differ.
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))


def video_id(source_url: str) -> str:
    """Id of a source recording, from the address it is fetched from."""
    return _uuid("video", source_url)


def clip_id(video: str, start_pts: int, end_pts: int, time_base: str) -> str:
    """Id of a stretch `[start_pts, end_pts)` of a video, in units of `time_base` seconds (such as "1/90000")."""
    return _uuid("clip", video, start_pts, end_pts, time_base)


def proposal_id(clip: str, start: int, end: int, label: str, model_version: str) -> str:
    """Id of a candidate gesture: frames `[start, end)` of a clip, as one model labels them."""
    return _uuid("proposal", clip, start, end, label, model_version)


def annotation_id(server: str, submission: str, region: str) -> str:
    """Id of one region that one annotator submitted on one Label Studio server."""
    return _uuid("annotation", server, submission, region)


def gesture_id(clip: str, start: int, end: int, label: str) -> str:
    """Id of an agreed gesture: frames `[start, end)` of a clip with one label."""
    return _uuid("gesture", clip, start, end, label)


def digest(*parts: Any) -> str:
    """A short hexadecimal digest of JSON-able parts, to tell whether an input or a setting changed."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path | str) -> str:
    """Hexadecimal sha256 of a file, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
