"""What verify finds in splits that leak; each fault is put in by hand, and a release without it has no finding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from manifests.checks import VerifyReport, verify
from manifests.importers.convert import import_release
from manifests.importers.imigue import write_imigue
from manifests.importers.recording import Span
from manifests.poses import Poses, write_poses
from manifests.release import RELEASED
from manifests.release_build import Content, write_release
from manifests.tables import TABLES, from_rows
from tests.manifests import samples
from tests.manifests.importers.simulated import outgoing, recording

Rows = dict[str, list[dict[str, Any]]]


def _rows() -> Rows:
    """Four people with a video, a clip and a gesture each; two in train, two in test; of each two, one won."""
    rows: Rows = {name: [] for name in RELEASED if name != "poses"}
    for i in range(4):
        person, part = f"P{i:04d}", "train" if i < 2 else "test"
        rows["players"].append(samples.player(person))
        rows["videos"].append(samples.video(f"v{i}", person, title=None, path=None, outcome=("win", "lose")[i % 2]))
        rows["clips"].append(samples.clip(f"c{i}", f"v{i}", person, path=None))
        rows["gestures"].append(samples.gesture(f"g{i}", f"c{i}", person, video_id=f"v{i}"))
        for protocol, unit, item in (("subjects", "gesture", f"g{i}"), ("emotion", "video", f"v{i}")):
            place = {"protocol": protocol, "draw": 0, "unit": unit, "item_id": item, "player_id": person}
            rows["splits"].append({**place, "part": part, "labelled": []})
    return rows


def _points(i: int) -> np.ndarray:
    return np.random.default_rng(i).uniform(100, 500, (100, 17, 3)).astype(np.float32) * [1, 1, 0] + [0, 0, 1]


def _verified(folder: Path, rows: Rows, points: dict[int, np.ndarray] | None = None) -> VerifyReport:
    files = {}
    for i in range(4):
        files[f"c{i}"] = folder / f"c{i}.parquet"
        keypoints = np.asarray((points or {}).get(i, _points(i)), np.float32)
        write_poses(Poses(f"c{i}", "coco17", keypoints, np.zeros((100, 4), np.float32)), files[f"c{i}"])
    tables = {name: from_rows(TABLES[name], some) for name, some in rows.items()}
    return verify(write_release(Content(tables, files), folder / "release", "1.0.0", quiet=True).path)


def test_splits_that_are_clean(tmp_path: Path):
    report = _verified(tmp_path, _rows())
    assert (report.findings, report.warnings) == ((), ())


@pytest.mark.parametrize(("table", "ids"), [("videos", ("v0", "v3")), ("clips", ("c0", "c3"))])
def test_the_same_bytes_in_two_parts(tmp_path: Path, table: str, ids: tuple[str, ...]):
    rows = _rows()
    rows[table][3]["sha256"] = rows[table][0]["sha256"]
    found = [f for f in _verified(tmp_path, rows).findings if f.check == "footage apart"]
    assert {f.rows for f in found} == {ids}
    assert len(found) == 2, "one for each protocol"


def test_the_same_bytes_in_one_part_are_no_leak(tmp_path: Path):
    rows = _rows()
    rows["videos"][1]["sha256"] = rows["videos"][0]["sha256"]
    assert _verified(tmp_path, rows).findings == ()


def test_the_same_footage_recut_and_scaled_is_found_by_its_poses(tmp_path: Path):
    # Test's c3 is train's c0, three frames later, at 1.5 times the size and moved, with an estimator's noise of half a pixel.
    rows = _rows()
    rows["gestures"][3] |= {"start": 13, "end": 43}
    noise = np.random.default_rng(9).normal(0, 0.5, (100, 17, 3)) * [1, 1, 0]
    moved = np.roll(_points(0), 3, axis=0) * [1.5, 1.5, 1] + [40, 20, 0] + noise
    found = [f for f in _verified(tmp_path, rows, {3: moved}).findings if f.check == "footage apart"]
    assert [f.rows for f in found] == [("g0", "g3")] * 2


def test_a_part_of_one_outcome(tmp_path: Path):
    rows = _rows()
    rows["videos"][3]["outcome"] = "win"
    (found,) = _verified(tmp_path, rows).findings
    assert (found.check, found.rows) == ("outcomes", ("v2", "v3"))
    assert "part test of emotion (draw 0) has one class, win" in found.message


def test_a_class_that_a_part_lacks_is_a_warning(tmp_path: Path):
    rows = _rows()
    rows["gestures"][0]["label"] = "head_up"
    report = _verified(tmp_path, rows)
    assert report.exit_code == 0
    (warning,) = report.warnings
    assert (warning.message, warning.rows) == ("classes that part test of subjects lacks", ("head_up",))


@pytest.mark.parametrize(
    ("column", "text", "told"),
    [
        ("source_url", "https://example.org/touching-neck/7.mp4", "holds their label touching_neck"),
        ("platform_id", "0007_WIN", "holds their outcome"),
    ],
)
def test_a_name_that_tells_the_label(tmp_path: Path, column: str, text: str, told: str):
    rows = _rows()
    rows["videos"][2][column] = text
    (found,) = _verified(tmp_path, rows).findings
    assert found.rows == ("v2",)
    assert found.message == f"videos whose {column} {told}"


def test_a_name_with_other_words_is_no_leak(tmp_path: Path):
    rows = _rows()
    rows["videos"][2]["source_url"] = "https://example.org/winner-of-the-final.mp4"
    assert _verified(tmp_path, rows).findings == ()


def test_the_official_validation_set_of_imigue(tmp_path: Path):
    # A simulated copy of its faults: its people are in train as well, and all of them won.
    made = [
        recording(f"{i:04d}", "openpose35", 35, 40, i, person=f"P{person:04d}", outcome=outcome,
                  gestures=(Span(3, 30, "touching_neck"),))
        for i, (person, outcome) in enumerate([(1, "win"), (2, "lose"), (1, "win"), (2, "win"), (3, "lose"), (4, "win")])
    ]  # fmt: skip
    (tmp_path / "imigue").mkdir()
    write_imigue(outgoing(*made), tmp_path / "imigue")
    for i, part in enumerate(["train", "train", "validate", "validate", "test", "test"]):
        folder = tmp_path / "imigue" / f"imigue_skeleton_{part}"
        folder.mkdir(exist_ok=True)
        (tmp_path / "imigue" / f"{i:04d}").rename(folder / f"{i:04d}")
    report = verify(import_release("imigue", tmp_path / "imigue", tmp_path / "release", quiet=True).path)
    found = {(f.check, f.message): f.rows for f in report.findings}
    assert found["people apart", "people of miga (draw 0) who are in more than one part"] == ("P0001", "P0002")
    assert len(found["outcomes", "part val of miga_emotion (draw 0) has one class, win"]) == 2
    assert {check for check, _ in found} == {"people apart", "outcomes"}
    assert report.exit_code == 1
