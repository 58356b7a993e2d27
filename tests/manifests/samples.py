"""Rows for tests: a small dataset, made by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

Row = dict[str, Any]


def player(player_id: str = "P0001", **changes: Any) -> Row:
    row = {"player_id": player_id, "gender": "f", "country": "ESP", "birth_year": 1998, "opt_out": False}
    return row | changes


def video(video_id: str = "v1", player_id: str = "P0001", **changes: Any) -> Row:
    row = {
        "video_id": video_id,
        "player_id": player_id,
        "source_url": f"https://example.org/{video_id}.mp4",
        "platform": "generic",
        "platform_id": video_id,
        "title": "Ana Ruiz after the final",
        "upload_date": date(2024, 5, 1),
        "event": None,
        "round": None,
        "outcome": "unknown",
        "duration_s": 20.0,
        "fps": 25.0,
        "variable_fps": False,
        "width": 640,
        "height": 360,
        "licence": None,
        "path": f"videos/{video_id}.mp4",
        "bytes": 1000,
        "sha256": sha256(video_id.encode()).hexdigest(),
        "found_by": ["ytsearch: Ana Ruiz press conference"],
        "checked_at": datetime(2026, 1, 1, tzinfo=UTC),
        "availability": "available",
        "made_by": "mgcollect 0",
    }
    return row | changes


def clip(clip_id: str = "c1", video_id: str = "v1", player_id: str = "P0001", **changes: Any) -> Row:
    row = {
        "clip_id": clip_id,
        "video_id": video_id,
        "player_id": player_id,
        "start_pts": 0,
        "end_pts": 360000,
        "time_base": "1/90000",
        "start_s": 0.0,
        "end_s": 4.0,
        "shot": 0,
        "fps_num": 25,
        "fps_den": 1,
        "n_frames": 100,
        "width": 640,
        "height": 360,
        "path": f"clips/{video_id}/{clip_id}.mp4",
        "sha256": sha256(clip_id.encode()).hexdigest(),
        "player_box": [100.0, 50.0, 300.0, 350.0],
        "player_confidence": 0.9,
        "player_doubt": None,
        "player_share": 1.0,
        "people": 1.0,
        "camera_speed": 0.0,
        "kept": True,
        "reason": None,
        "made_by": "mgcollect 0",
    }
    return row | changes


def gesture(gesture_id: str = "g1", clip_id: str = "c1", player_id: str = "P0001", **changes: Any) -> Row:
    row = {
        "gesture_id": gesture_id,
        "clip_id": clip_id,
        "video_id": "v1",
        "player_id": player_id,
        "start": 10,
        "end": 40,
        "label": "touching_neck",
        "description": None,
        "n_annotators": 2,
        "agreement": 1.0,
        "adjudicated": False,
        "made_by": "mgcollect 0",
    }
    return row | changes


def proposal(proposal_id: str = "p1", clip_id: str = "c1", **changes: Any) -> Row:
    row = {
        "proposal_id": proposal_id,
        "clip_id": clip_id,
        "start": 8,
        "end": 40,
        "label": "touching_neck",
        "score": 0.7,
        "top_labels": ["touching_neck"],
        "top_scores": [0.7],
        "model_version": "test-1",
        "made_by": "mgcollect 0",
    }
    return row | changes


def annotation(annotation_id: str = "a1", clip_id: str = "c1", **changes: Any) -> Row:
    row = {
        "annotation_id": annotation_id,
        "submission_id": "s1",
        "clip_id": clip_id,
        "window_start": None,
        "window_end": None,
        "annotator_id": "A01",
        "verdict": "gesture",
        "start": 10,
        "end": 40,
        "label": "touching_neck",
        "certainty": "sure",
        "description": None,
        "task_id": "1",
        "lead_time_s": 12.5,
        "from_proposal": None,
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "made_by": "mgcollect 0",
    }
    return row | changes
