"""Whole releases from other formats and back; what is in them is simulated."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from manifests.checks import verify
from manifests.errors import BadInput, CannotWrite
from manifests.importers.convert import FORMATS, export_release, import_release, recordings_of
from manifests.importers.elan import write_elan
from manifests.importers.imigue import write_imigue
from manifests.importers.pyskl import load_pyskl, write_pyskl
from manifests.importers.recording import Opinion, Outgoing, Reading, Recording, Span
from manifests.importers.rows import UNKNOWN_PERSON
from manifests.importers.smg import write_smg
from manifests.poses import write_poses
from manifests.release import open_release
from manifests.release_build import build
from manifests.splits import CROSS_SUBJECT, LABEL_DRAWS, RETRIEVAL, SPOTTING
from manifests.tables import TABLES, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from tests.manifests import samples
from tests.manifests.importers.simulated import assert_same, outgoing, poses, recording

SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A release of ours: three people with a clip each, poses of 17 joints, gestures and two annotators."""
    rows: dict[str, list[samples.Row]] = {
        name: [] for name in ("players", "videos", "clips", "gestures", "annotations")
    }
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        for i in (1, 2, 3):
            person, clip = f"P000{i}", f"c{i}"
            rows["players"].append(samples.player(person))
            rows["videos"].append(samples.video(f"v{i}", person))
            rows["clips"].append(samples.clip(clip, f"v{i}", person, n_frames=100))
            for k, (start, label) in enumerate([(10, "touching_neck"), (50, "illustrative"), (60, "head_up")]):
                row = {"video_id": f"v{i}", "start": start, "end": start + 30, "label": label}
                rows["gestures"].append(samples.gesture(f"g{i}{k}", clip, person, **row))
            rows["annotations"] += [samples.annotation(f"a{i}{who}", clip, annotator_id=who) for who in ("A01", "A02")]
            write_poses(poses(clip, "coco17", 17, 100, i), workspace.table_path("poses", clip))
        for name, some in rows.items():
            workspace.write(name, from_rows(TABLES[name], some))
        return build(workspace, "1.0.0", quiet=True).path


def _recordings(release: Path, format: str = "") -> list[Recording]:
    return sorted(recordings_of(open_release(release), format), key=lambda r: r.name)


def test_a_release_goes_to_pyskl_and_comes_back_equal(built: Path, tmp_path: Path):
    report = export_release("pyskl", built, tmp_path / "x.pkl", quiet=True)
    assert (report.recordings, report.notes) == (3, ())
    back = import_release(
        "pyskl", tmp_path / "x.pkl", tmp_path / "back", reading=Reading(fps=Fraction(25)), quiet=True
    ).path
    assert verify(back).findings == ()
    pieces = {r.name: r for r in _recordings(back, "pyskl")}
    assert len(pieces) == 9
    for clip in _recordings(built):
        assert clip.poses is not None
        for span in clip.gestures:
            piece = pieces[span.gesture_id]
            assert (piece.person, piece.fps, piece.width) == (clip.person, clip.fps, clip.width)
            assert piece.gestures == (Span(0, span.end - span.start, span.label),)
            assert piece.poses is not None
            np.testing.assert_array_equal(piece.poses.keypoints, clip.poses.keypoints[span.start : span.end])
    there, here = (
        [row for row in open_release(path).table("splits").to_pylist() if row["protocol"] == CROSS_SUBJECT]
        for path in (built, back)
    )
    assert {row["player_id"]: row["part"] for row in there} == {row["player_id"]: row["part"] for row in here}
    assert len(here) == 9 * LABEL_DRAWS
    assert open_release(back).labels == LABELS


def test_a_second_round_changes_nothing(built: Path, tmp_path: Path):
    for n, release in ((1, built), (2, tmp_path / "r1")):
        export_release("pyskl", release, tmp_path / f"{n}.pkl", quiet=True)
        import_release(
            "pyskl", tmp_path / f"{n}.pkl", tmp_path / f"r{n}", reading=Reading(fps=Fraction(25)), quiet=True
        )
    assert open_release(tmp_path / "r1").digest == open_release(tmp_path / "r2").digest


@pytest.mark.parametrize(
    ("format", "file", "keeps_poses", "keeps_labels"),
    [("elan", "x", False, True), ("mmpose", "x", True, False), ("coco_wholebody", "x.json", True, False)],
)
def test_a_release_goes_to_other_formats_and_comes_back(
    built: Path, tmp_path: Path, format: str, file: str, keeps_poses: bool, keeps_labels: bool
):
    export_release(format, built, tmp_path / file, quiet=True)
    reading = Reading(fps=Fraction(25), width=640, height=360)
    back = import_release(format, tmp_path / file, tmp_path / "back", reading=reading, quiet=True).path
    assert [f for f in verify(back).findings if f.check != "people apart"] == []
    for clip, again in zip(_recordings(built), _recordings(back, format), strict=True):
        changes: dict[str, object] = {} if keeps_poses else {"poses": None}
        if not keeps_labels:
            changes |= {"gestures": (), "opinions": (), "person": ""}
        kept = recording(**{field: getattr(clip, field) for field in Recording.__dataclass_fields__} | changes)  # type: ignore[arg-type]
        assert_same(kept, again)


def test_imigue_becomes_a_release_with_its_official_people(tmp_path: Path):
    # Subject 1 tests, 2 and 4 learn; the challenge's validation video is of a person who is in train, and all won.
    folder = tmp_path / "imigue"
    people = [
        ("0001", "P0001", "test"),
        ("0002", "P0002", "train"),
        ("0003", "P0004", "train"),
        ("0004", "P0002", "validate"),
    ]
    folder.mkdir()
    write_imigue(
        outgoing(*(recording(name, "openpose35", 35, person=who, outcome="win") for name, who, _ in people)), folder
    )
    for name, _, part in people:
        (folder / f"imigue_skeleton_{part}").mkdir(exist_ok=True)
        shutil.move(folder / name, folder / f"imigue_skeleton_{part}" / name)
    out = import_release("imigue", folder, tmp_path / "release", quiet=True).path
    release = open_release(out)
    splits = release.table("splits").to_pandas()
    official = splits[splits["protocol"] == CROSS_SUBJECT]
    assert dict(zip(official["player_id"], official["part"], strict=True)) == {
        "P0001": "test",
        "P0002": "train",
        "P0004": "train",
    }
    assert official["labelled"].map(len).sum() > 0
    assert set(splits["protocol"]) == {CROSS_SUBJECT, RETRIEVAL, SPOTTING, "miga", "miga_emotion"}, (
        "all won: no emotion"
    )
    found = [f for f in verify(out).findings if f.check == "people apart"]
    assert {f.rows for f in found} == {("P0002",)}, "the challenge's own split has a person in train and in validation"
    assert len(found) == 2
    (first, *_) = _recordings(out, "imigue")
    assert_same(recording("0001", "openpose35", 35, outcome="win"), first)
    assert "picture size are not in the files" in release.info["note"]
    assert set(release.table("videos")["outcome"].to_pylist()) == {"win"}


def test_smg_becomes_a_release_of_its_17_classes(tmp_path: Path):
    (tmp_path / "smg").mkdir()
    sent = [
        recording(
            f"Sample{n:04d}",
            "kinect25",
            25,
            seed=n,
            person=f"P{n:04d}",
            gestures=(Span(1, 9, "smg_moving_legs"),),
            width=0,
            height=0,
        )
        for n in (1, 35, 36)
    ]
    write_smg(outgoing(*sent), tmp_path / "smg")
    out = import_release("smg", tmp_path / "smg", tmp_path / "release", quiet=True).path
    assert verify(out).findings == ()
    assert len(open_release(out).labels) == 17
    parts = {row["player_id"]: row["part"] for row in open_release(out).table("splits").to_pylist()}
    assert parts == {"P0001": "train", "P0035": "train", "P0036": "test"}
    for one, back in zip(sent, _recordings(out, "smg"), strict=True):
        assert_same(one, back)


def test_people_that_nobody_knows_are_one_and_no_split_is_drawn(tmp_path: Path):
    clips = [
        recording(
            f"c{i}",
            "coco17",
            17,
            seed=seed,
            person="",
            clip_id=f"c{i}",
            gestures=(Span(0, 9, "x", gesture_id=f"g{i}"),),
        )
        for seed, i in enumerate("ab")
    ]
    write_pyskl(Outgoing(clips, ("x",), {"given": {"ga": "train", "gb": "test"}}), tmp_path / "x.pkl")
    out = import_release("pyskl", tmp_path / "x.pkl", tmp_path / "release", quiet=True).path
    assert open_release(out).table("players")["player_id"].to_pylist() == [UNKNOWN_PERSON]
    assert set(open_release(out).table("splits")["protocol"].to_pylist()) == {"given"}
    assert [f.rows for f in verify(out).findings] == [(UNKNOWN_PERSON,)], "nothing shows that the parts' people differ"


def test_annotators_and_labels_listed_twice(tmp_path: Path):
    (tmp_path / "elan").mkdir()
    opinions = (Opinion("A01", 0, 9, "head_up"), Opinion("A01", 0, 9, "head_up"), Opinion("A02", 2, 9, "head_up"))
    write_elan(outgoing(recording(poses=None, opinions=opinions)), tmp_path / "elan")
    out = import_release("elan", tmp_path / "elan", tmp_path / "release", quiet=True).path
    release = open_release(out)
    assert sorted(release.table("annotations")["annotator_id"].to_pylist()) == ["A01", "A02"]
    assert "1 labels were listed twice and stand once." in release.info["note"]
    assert set(release.table("gestures")["n_annotators"].to_pylist()) == {2}


def test_importing_again_does_nothing_and_other_content_needs_another_folder(built: Path, tmp_path: Path):
    export_release("pyskl", built, tmp_path / "x.pkl", quiet=True)
    assert import_release("pyskl", tmp_path / "x.pkl", tmp_path / "r", quiet=True).built
    assert not import_release("pyskl", tmp_path / "x.pkl", tmp_path / "r", quiet=True).built
    with pytest.raises(BadInput, match="never changes"):
        import_release("pyskl", tmp_path / "x.pkl", tmp_path / "r", reading=Reading(fps=Fraction(12)), quiet=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dataset", "r", "x.classes.txt", "x.pkl"], (
        "nothing is left over"
    )


def test_normalised_coordinates_are_no_pixels(tmp_path: Path):
    instance = {"keypoints": [[0.5, 0.25]] * 17, "keypoint_scores": [1.0] * 17}
    (tmp_path / "v.json").write_text(json.dumps([{"frame_id": 0, "instances": [instance]}]))
    with pytest.raises(BadInput, match="all coordinates lie between -1 and 1"):
        import_release("mmpose", tmp_path / "v.json", tmp_path / "r", quiet=True)
    out = import_release(
        "mmpose", tmp_path / "v.json", tmp_path / "r", reading=Reading(unit="arbitrary"), quiet=True
    ).path
    (back,) = _recordings(out, "mmpose")
    assert back.poses is not None
    assert back.poses.unit == "arbitrary"
    np.testing.assert_array_equal(back.poses.positions, np.float32([[[0.5, 0.25]] * 17]))


def test_wrong_calls_say_what_to_do(built: Path, tmp_path: Path):
    with pytest.raises(BadInput, match=r"'bvh' is no format that is known\. Known are imigue"):
        import_release("bvh", tmp_path, tmp_path / "r")
    with pytest.raises(BadInput, match="no such file or folder"):
        import_release("pyskl", tmp_path / "none.pkl", tmp_path / "r")
    with pytest.raises(BadInput, match=r"pyskl is one file\. Name one that ends in \.pkl"):
        export_release("pyskl", built, tmp_path / "folder")
    with pytest.raises(BadInput, match="stands there already"):
        export_release("elan", built, built)
    with pytest.raises(BadInput, match="no release here"):
        export_release("elan", tmp_path / "none", tmp_path / "x")
    (tmp_path / "empty").mkdir()
    for format in FORMATS:
        if format not in ("pyskl", "coco_wholebody"):
            with pytest.raises(BadInput, match=f"Nothing in it is a recording of the format {format}"):
                import_release(format, tmp_path / "empty", tmp_path / "r", quiet=True)
    assert not (tmp_path / "r").exists()


def test_a_failed_export_leaves_nothing(built: Path, tmp_path: Path):
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadInput, match="OpenPose has no skeleton coco17"):
        export_release("openpose", built, tmp_path / "x", quiet=True)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(built: Path, tmp_path: Path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(CannotWrite):
        export_release("elan", built, tmp_path / "locked" / "x", quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reading", "apart"),
    [
        ("msr_action3d", Reading(skeleton="msr20", fps=Fraction(15)), True),
        ("utkinect", Reading(skeleton="kinect20", fps=Fraction(15)), True),
        ("natops", Reading(skeleton="natops8", fps=Fraction(20), unit="arbitrary"), False),  # its people are not known
    ],
)
def test_real_data_comes_and_goes_unchanged(tmp_path: Path, name: str, reading: Reading, apart: bool):
    source = SHARED / f"{name}.pkl"
    if not source.exists():
        pytest.skip(f"{source} is not here; it is a data set that the project may not hold")
    out = import_release("pyskl", source, tmp_path / "release", reading=reading, quiet=True).path
    assert {f.check for f in verify(out).findings} == (set() if apart else {"people apart"})
    export_release("pyskl", out, tmp_path / "x.pkl", quiet=True)
    before, after = load_pyskl(source), load_pyskl(tmp_path / "x.pkl")
    assert before.classes == after.classes
    others = {clip.name: clip for clip in after.clips}
    assert len(others) == len(before.clips)
    for clip in before.clips:
        other = others[clip.name]
        assert (clip.label, clip.person) == (other.label, other.person)
        np.testing.assert_array_equal(clip.positions, other.positions)
        np.testing.assert_array_equal(clip.confidence, other.confidence)
    for part, names in before.split.items():
        assert sorted(after.split[part]) == sorted(names)
