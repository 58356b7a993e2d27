"""SMG's files, written here by hand as the data set has them; everything in them is simulated."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import BadInput
from manifests.importers.recording import Reading, Recording, Span
from manifests.importers.smg import SMG_LABELS, SMG_PEOPLE, read_smg, write_smg
from manifests.taxonomy import LABELS
from tests.manifests.importers.simulated import assert_same, outgoing, recording, spans


def _sample(
    root: Path, number: int, n_frames: int = 6, labels: str = "1,0,3\n17,3,6\n", data: str | None = None
) -> Path:
    """Joint j of frame f stands at (j, f, 2) metres; frame 0 is all zeros."""
    name = f"Sample{number:04d}"
    folder = root / name
    folder.mkdir(parents=True)
    rows = [",".join(["0"] * 275)]
    for frame in range(1, n_frames):
        rows.append(",".join(f"{joint}.25,{frame},2.0,0.1,0.2,0.3,0.4,640,360,256,212" for joint in range(25)))
    (folder / f"{name}_skeleton.csv").write_text("\n".join(rows) + "\n")
    (folder / f"{name}_data.csv").write_text(f"{n_frames},28,8000\n" if data is None else data)
    (folder / f"{name}_finelabels.csv").write_text(labels)
    return folder


def _read(path: Path) -> list[Recording]:
    return list(read_smg(path, Reading()).recordings)


def test_a_sample(tmp_path: Path):
    _sample(tmp_path / "smg_skeleton_train", 36)
    (found,) = _read(tmp_path)
    assert (found.name, found.person, found.fps, found.n_frames) == ("Sample0036", "P0036", Fraction(28), 6)
    assert found.gestures == (Span(0, 3, "turtle_neck"), Span(3, 6, "illustrative"))
    assert found.poses is not None
    assert (found.poses.skeleton, found.poses.unit, found.poses.dims) == ("kinect25", "metre", 3)
    np.testing.assert_array_equal(found.poses.keypoints[4, 7], np.float32([7.25, 4, 2, 1]))
    assert found.poses.seen.tolist() == [False] + [True] * 5


def test_its_classes_and_people():
    assert len(SMG_LABELS) == len(set(SMG_LABELS)) == 17
    assert [label for label in SMG_LABELS if not label.startswith("smg_") and label not in LABELS] == []
    assert sum(label.startswith("smg_") for label in SMG_LABELS) == 7
    assert {number for number in range(1, 41) if SMG_PEOPLE[f"P{number:04d}"] == "test"} == {36, 37, 38, 39, 40}


@pytest.mark.parametrize(
    ("labels", "data", "message"),
    [
        ("18,0,3\n", None, r"Sample0001_finelabels\.csv, row 1, column class: 18 is none of SMG's classes 1 to 17"),
        ("1,0,3\n2,3,7\n", None, r"finelabels\.csv, row 2: .* outside the recording, which has 6 frames"),
        ("1,3,3\n", None, r"row 1: .* empty or reversed"),
        ("1,0,3\n", "7,28,8000\n", r"skeleton\.csv: 6 rows, but Sample0001_data\.csv says 7 frames"),
        ("1,0,3\n", "6,0,8000\n", r"data\.csv, row 1: 6 frames at 0 fps"),
        ("1,0,3\n", "6,28\n", r"data\.csv, row 1: 2 columns where 3 are expected \(numFrames, fps, maxDepth\)"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, labels: str, data: str | None, message: str):
    _sample(tmp_path, 1, labels=labels, data=data)
    with pytest.raises(BadInput, match=message):
        _read(tmp_path)


def test_a_damaged_skeleton_is_named(tmp_path: Path):
    path = _sample(tmp_path, 1) / "Sample0001_skeleton.csv"
    path.write_text(path.read_text().replace("3.25,2,", "3.25,two,"))
    with pytest.raises(BadInput, match=r"Sample0001_skeleton\.csv, row 3, column 35: 'two' where a number"):
        _read(tmp_path)


@settings(max_examples=15, deadline=None)
@given(data=st.data(), person=st.integers(1, 9999), fps=st.integers(1, 120))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, person: int, fps: int):
    out = tmp_path_factory.mktemp("smg")
    n_frames = data.draw(st.integers(3, 12))
    sent = recording(f"Sample{person:04d}", "kinect25", 25, n_frames, data.draw(st.integers(0, 99)))
    labels = data.draw(spans(n_frames, SMG_LABELS))
    sent = replace(sent, gestures=labels, person=f"P{person:04d}", fps=Fraction(fps), width=0, height=0)
    write_smg(outgoing(sent), out)
    (back,) = _read(out)
    assert_same(sent, back)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gestures": (Span(0, 3, "touching_hat"),)}, "SMG has no class touching_hat"),
        ({"person": "anna"}, "no P and a number"),
        ({"fps": Fraction(30000, 1001)}, "whole frame rates"),
    ],
)
def test_what_smg_has_no_place_for(tmp_path: Path, changes: dict[str, object], message: str):
    with pytest.raises(BadInput, match=message):
        write_smg(outgoing(replace(recording("x", "kinect25", 25, gestures=()), **changes)), tmp_path)  # type: ignore[arg-type]


def test_pixels_and_a_second_recording_are_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="kinect25"):
        write_smg(outgoing(recording("x", "coco17", 17, gestures=())), tmp_path)
    sent = recording("x", "kinect25", 25, gestures=(), person="P0002")
    with pytest.raises(BadInput, match="one recording a person, and P0002 has more"):
        write_smg(outgoing(sent, sent), tmp_path)
