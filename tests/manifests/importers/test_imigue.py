"""iMiGUE's files, written here by hand as the data set has them; everything in them is simulated."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.errors import BadInput
from manifests.importers.imigue import IMIGUE_PEOPLE, read_imigue, write_imigue
from manifests.importers.recording import Reading, Recording, Span
from tests.manifests.importers.simulated import assert_same, outgoing, recording, spans

TABLE = """video_id,subject_id,class,start_frame,end_frame,start_time,end_time,win_or_lose
1,2,12,0,9,0.0,0.36,Win
1,2,99,10,19,0.4,0.76,Win
2,1,31,5,5,0.2,0.2,Lose
"""


def _video(root: Path, name: str, labels: str, rows: list[list[float]], kind: str = "light") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / f"{name}_label.csv").write_text(labels)
    if kind == "light":
        lines = [",".join(map(str, [i, *row])) for i, row in enumerate(rows)]
        (folder / f"{name}_light_hand.csv").write_text("\n".join(lines) + "\n" if lines else "")
    elif kind == "excel":
        book = openpyxl.Workbook()
        for row in rows:
            book.worksheets[0].append(row)
        book.save(folder / f"{name}_openpose.xlsx")
    else:
        (folder / f"{name}_openpose.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    return folder


def _row(joints: int, frame: int) -> list[float]:
    """Joint j of frame f stands at (100 + j, 200 + f) with confidence 0.5."""
    return [value for joint in range(joints) for value in (100 + joint, 200 + frame, 0.5)]


def _read(path: Path, **reading: object) -> list[Recording]:
    return list(read_imigue(path, Reading(**reading)).recordings)  # type: ignore[arg-type]


def test_a_light_video(tmp_path: Path):
    # Class 1 is turtle neck, 99 is illustrative; both frames are in the stretch, so ours end one later.
    rows = [[0.0] * 105, *(_row(35, frame) for frame in range(1, 20))]
    _video(tmp_path, "0007", "1,2,5\n99,6,19\n", rows)
    (found,) = _read(tmp_path)
    assert (found.name, found.n_frames, found.fps, found.person) == ("0007", 20, Fraction(25), "")
    assert found.gestures == (Span(2, 6, "turtle_neck"), Span(6, 20, "illustrative"))
    assert found.poses is not None
    assert found.poses.skeleton == "openpose35"
    np.testing.assert_array_equal(found.poses.keypoints[7, 25], np.float32([125, 207, 0.5]))
    assert not found.poses.seen[0], "a frame of zeros is nobody, not a pose in the corner"
    assert found.poses.confidence[0].sum() == 0
    assert found.poses.seen[1:].all()


@pytest.mark.parametrize("kind", ["excel", "csv"])
def test_the_137_points(tmp_path: Path, kind: str):
    _video(tmp_path, "0001", "12,0,1\n", [_row(137, frame) for frame in range(3)], kind)
    (found,) = _read(tmp_path)
    assert found.poses is not None
    assert found.poses.skeleton == "openpose137"
    assert found.poses.keypoints.shape == (3, 137, 3)
    np.testing.assert_array_equal(found.poses.keypoints[2, 136], np.float32([236, 202, 0.5]))
    assert found.gestures == (Span(0, 2, "touching_neck"),)


def test_one_skeleton_for_all_and_the_full_files_of_the_release(tmp_path: Path):
    _video(tmp_path, "0001", "1,0,1\n", [_row(35, 0)] * 3)
    both = _video(tmp_path, "0002", "1,0,1\n", [_row(35, 0)] * 3)
    book = openpyxl.Workbook()
    book.worksheets[0].append(_row(137, 0))
    book.save(both / "0002_2.xlsx")
    assert {r.poses.skeleton for r in _read(tmp_path) if r.poses} == {"openpose35"}, "0001 has no full skeleton"
    assert [r.poses.skeleton for r in _read(tmp_path, skeleton="openpose137") if r.poses] == ["openpose137"]


def test_pandas_headers_are_no_frames(tmp_path: Path):
    folder = _video(tmp_path, "0001", "1,0,1\n", [])
    lines = ["," + ",".join(map(str, range(105)))]
    lines += [f"{frame}," + ",".join(map(str, _row(35, frame))) for frame in range(2)]
    (folder / "0001_light_hand.csv").write_text("\n".join(lines))
    (found,) = _read(tmp_path)
    assert found.n_frames == 2


def test_an_empty_skeleton_file_leaves_the_labels(tmp_path: Path):
    _video(tmp_path, "0347", "5,3,8\n", [])
    (found,) = _read(tmp_path)
    assert found.poses is None
    assert (found.n_frames, found.gestures) == (9, (Span(3, 9, "touching_forehead"),))


def test_the_full_release(tmp_path: Path):
    (tmp_path / "Label").mkdir()
    (tmp_path / "Label" / "labels_20200831.csv").write_text(TABLE)
    (tmp_path / "Label" / "classes.csv").write_text("index,type\n1,Turtle neck\n99,Illustrative\n")
    _video(tmp_path / "mg_skeleton_only", "0001", "12,0,9\n99,10,19\n", [_row(35, f) for f in range(20)])
    (tmp_path / "mg_skeleton_only" / "0001" / "0001_label.csv").unlink()
    one, two = _read(tmp_path)
    assert (one.person, one.outcome) == ("P0002", "win")
    assert one.gestures == (Span(0, 10, "touching_neck"), Span(10, 20, "illustrative"))
    assert (two.person, two.outcome, two.poses) == ("P0001", "lose", None)
    assert two.gestures == (Span(5, 6, "shaking_shoulders"),)
    assert list(_read(tmp_path / "Label" / "labels_20200831.csv"))[1].gestures == two.gestures


def test_the_official_people():
    # From the protocol: 37 and 35 people, 1 tests, 2 learns, 72 tests.
    parts = list(IMIGUE_PEOPLE.values())
    assert (len(parts), parts.count("train"), parts.count("test")) == (72, 37, 35)
    assert (IMIGUE_PEOPLE["P0001"], IMIGUE_PEOPLE["P0002"], IMIGUE_PEOPLE["P0072"]) == ("test", "train", "test")


def test_the_challenges_parts(tmp_path: Path):
    for part, name in (("imigue_skeleton_train", "0001"), ("imigue_skeleton_validate", "0002"), ("x_test", "0003")):
        _video(tmp_path / part, name, "1,0,1\n", [_row(35, 0)] * 2)
    found = {protocol.name: protocol for protocol in read_imigue(tmp_path, Reading()).protocols}
    assert found["miga"].parts == {"0001": "train", "0002": "val", "0003": "test"}
    assert found["miga_emotion"].unit == "video"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("1,0,5\nx,6,8\n", r"0001_label\.csv, row 2, column class: 'x' is not a whole number"),
        ("1,0,5\n32,6,8\n", r"row 2, column class: 32 is none of iMiGUE's classes"),
        ("1,0\n", r"row 1: 2 columns where 3 are expected \(class, start, end\)"),
        ("1,5,2\n", r"row 1: .* empty or reversed"),
        ("1,0,500\n", r"row 1: .* outside the recording, which has 20 frames"),
        ("1,0,2.5\n", r"row 1, column end: '2.5' is not a whole number"),
        ("1,,2\n", r"row 1, column start: an empty cell"),
    ],
)
def test_wrong_labels_are_named(tmp_path: Path, labels: str, message: str):
    _video(tmp_path, "0001", labels, [_row(35, f) for f in range(20)])
    with pytest.raises(BadInput, match=message):
        _read(tmp_path)


def test_a_label_that_passes_the_last_skeleton_by_a_little(tmp_path: Path):
    _video(tmp_path, "0001", "1,15,22\n", [_row(35, f) for f in range(20)])
    (found,) = _read(tmp_path)
    assert found.n_frames == 23
    assert found.poses is not None
    assert found.poses.seen.tolist() == [True] * 20 + [False] * 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n2,", "\n2,oops,", r"light_hand\.csv, row 3: 107 columns where 106 are expected"),
        ("125", "1z5", r"light_hand\.csv, row 1, column 77: '1z5' where a number"),
        (",0.5", ",", r"light_hand\.csv, row 1, column 4: an empty cell"),
        ("0,100,", "100,", r"light_hand\.csv, row 2: 106 columns where 105 are expected"),
        ("0,100,200,", "", r"light_hand\.csv, row 1: 103 columns where 105 or 106 are expected"),
    ],
)
def test_a_damaged_skeleton_is_named(tmp_path: Path, old: str, new: str, message: str):
    path = _video(tmp_path, "0001", "1,0,2\n", [_row(35, f) for f in range(5)]) / "0001_light_hand.csv"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=message):
        _read(tmp_path)


def test_a_damaged_excel_file_and_binary_csv(tmp_path: Path):
    folder = _video(tmp_path, "0001", "1,0,2\n", [_row(137, f) for f in range(5)], "excel")
    path = folder / "0001_openpose.xlsx"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BadInput, match=r"0001_openpose\.xlsx: not a readable Excel file"):
        _read(tmp_path)
    path.unlink()
    (folder / "0001_light_hand.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadInput, match="not a CSV file in UTF-8"):
        _read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("subject_id,class", "subject_id,klass", r"labels_x\.csv, row 1: no column class"),
        ("1,2,99", "1,3,99", r"row 3, column subject_id: the video's rows above have P0002, this one P0003"),
        ("0.76,Win", "0.76,Lose", r"row 3, column win_or_lose: .* above have win, this one lose"),
        ("0.76,Win", "0.76,Draw", r"row 3, column win_or_lose: 'draw' is neither"),
        ("2,1,31", "two,1,31", r"row 4, column video_id: 'two' is not a whole number"),
        ("0.2,Lose", "0.2,Lose,more", r"row 4: 9 columns where the first row names 8"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, old: str, new: str, message: str):
    (tmp_path / "labels_x.csv").write_text(TABLE.replace(old, new))
    with pytest.raises(BadInput, match=message):
        _read(tmp_path)


def test_classes_of_another_numbering_are_refused(tmp_path: Path):
    (tmp_path / "labels_x.csv").write_text(TABLE)
    (tmp_path / "classes.csv").write_text("index,type\n0,Turtle neck\n")
    with pytest.raises(BadInput, match=r"classes\.csv, row 2, column index: 0 is none"):
        _read(tmp_path)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), light=st.booleans(), outcome=st.sampled_from(["win", "lose"]), person=st.integers(1, 72))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, light: bool, outcome, person: int):
    out = tmp_path_factory.mktemp("imigue")
    n_frames = data.draw(st.integers(3, 12))
    skeleton, joints = ("openpose35", 35) if light else ("openpose137", 137)
    labels = data.draw(spans(n_frames).filter(bool))
    sent = recording("0012", skeleton, joints, n_frames, data.draw(st.integers(0, 99)))
    sent = replace(sent, gestures=labels, outcome=outcome, person=f"P{person:04d}")
    without = replace(sent, name="0500", poses=None, n_frames=max(span.end for span in labels))
    write_imigue(outgoing(sent, without), out)
    back = _read(out)
    assert_same(sent, back[0])
    assert_same(without, back[1])


def test_what_imigue_has_no_place_for(tmp_path: Path):
    sent = outgoing(recording("c1", "coco17", 17), recording("c2", "openpose35", 35, person="anna"))
    write_imigue(sent, tmp_path)
    assert sent.notes == ["Clip c1 has no poses there: iMiGUE has no place for coco17."]
    assert [(r.name, r.person) for r in _read(tmp_path)] == [("0001", "P0001"), ("0002", "P0002")]
    with pytest.raises(BadInput, match="iMiGUE has no class winking"):
        write_imigue(outgoing(recording("0009", gestures=(Span(0, 1, "winking"),))), tmp_path)
