"""Quality of real clips: a blurred copy is blurrier, a still one doesn't move, and limits choose and let go."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from collector.poses import EstimatePoses, pose
from collector.quality import MeasureClips, quality
from collector.quality_limits import LIMITS_FILE
from collector.quality_page import PAGE
from manifests.errors import BadInput, ItemFailed
from manifests.ids import file_sha256
from manifests.poses import read_poses, write_poses
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace, open_workspace
from mgcollect.rights import forget_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured(segmented: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A copy of the segmented dataset, measured without a limit."""
    root = tmp_path_factory.mktemp("quality") / "dataset"
    shutil.copytree(segmented.root, root)
    with open_workspace(root) as workspace:
        report = quality(workspace, quiet=True)
        assert (report.stage.failed, report.stage.ok) == (0, report.page.cut)
        assert report.page.kept == report.page.cut > 0
        yield workspace


def _item(workspace: Workspace) -> Row:
    """The first kept clip, as the stage takes it."""
    clip = min((row for row in rows_of(workspace.read("clips")) if row["path"]), key=lambda row: row["start_s"])
    return clip | {"posed": "", "poses": str(workspace.table_path("poses", clip["clip_id"]))}


def _kept(workspace: Workspace) -> set[str]:
    return {row["clip_id"] for row in rows_of(workspace.read("clips")) if row["kept"]}


def test_measures_of_real_people(measured: Workspace) -> None:
    """Two men at a lectern, in four shots of 320x240 and less that were scaled up: faces in view, every number plausible."""
    clips = {row["clip_id"]: row for row in rows_of(measured.read("clips"))}
    for row in rows_of(measured.read("quality")):
        clip = clips[row["clip_id"]]
        assert (row["people"], row["camera_speed"]) == (clip["people"], clip["camera_speed"])
        assert row["pose_confidence"] > 0.4
        assert row["face_share"] > 0.9
        # Eyes are 0.063 m apart and shoulder joints 0.36, of a man whose box is 0.5 m wide or more.
        assert 0.02 < row["face_size"] / (clip["player_box"][2] - clip["player_box"][0]) < 0.2
        assert 0.2 < row["face_blur"] < 0.8
        assert row["face_motion"] is None or 0 < row["face_motion"] < 1


def test_a_blurred_copy_is_blurrier_and_nothing_else(measured: Workspace) -> None:
    item = _item(measured)
    stage = MeasureClips(str(measured.root))
    [sharp] = stage.process(item)
    blurred = []
    for sigma in (1, 3):
        path = measured.path_of(item["path"]).with_name(f"blurred{sigma}.mp4")
        command = [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            measured.path_of(item["path"]),
            "-vf",
            f"gblur={sigma}",
            "-crf",
            "10",
            path,
        ]
        subprocess.run(command, check=True)
        [row] = stage.process(item | {"path": path.relative_to(measured.root).as_posix()})
        path.unlink()
        blurred.append(row)
    assert sharp["face_blur"] + 0.05 < blurred[0]["face_blur"]
    assert blurred[0]["face_blur"] + 0.1 < blurred[1]["face_blur"]
    same = [name for name in sharp if not name.endswith("_blur")]
    assert [[row[name] for name in same] for row in blurred] == [[sharp[name] for name in same]] * 2


def test_a_still_copy_does_not_move(measured: Workspace, tmp_path: Path) -> None:
    item = _item(measured)
    poses = read_poses(item["poses"])
    still = replace(poses, keypoints=np.repeat(poses.keypoints[:1], len(poses.keypoints), axis=0))
    write_poses(still, tmp_path / "still.parquet")
    [row] = MeasureClips(str(measured.root)).process(item | {"poses": str(tmp_path / "still.parquet")})
    assert row["face_motion"] in (None, 0.0)
    assert row["hand_motion"] in (None, 0.0)


def test_limits_choose_and_let_go_without_measuring_again(measured: Workspace, weights: Path) -> None:
    everything = _kept(measured)
    size = {row["clip_id"]: row["face_size"] for row in rows_of(measured.read("quality"))}
    middle = float(np.median(list(size.values())))
    report = quality(measured, limits={"face_size": {"min": middle}}, quiet=True)
    assert report.stage.done_now == 0
    assert _kept(measured) == {clip for clip, value in size.items() if value >= middle} != everything
    [beyond] = report.page.beyond
    assert beyond.clips == beyond.alone == len(everything) - len(_kept(measured))
    # Remembered, and another one beside it; poses of what is not kept stay, and pose has nothing to do.
    report = quality(measured, limits={"people": {"max": 99.0}}, quiet=True)
    assert [one.what for one in report.page.beyond] == [
        f"face size at least {middle:g} pixels",
        "people in view at most 99 people",
    ]
    done = pose(measured, weights=weights, quiet=True)
    assert (done.total, done.done_now) == (len(everything), 0)
    assert {path.stem for path in measured.root.glob("tables/poses/*")} == everything
    quality(measured, lift=["face_size"], quiet=True)
    assert _kept(measured) == everything
    assert "people" in (measured.root / LIMITS_FILE).read_text()
    quality(measured, lift=["all"], quiet=True)
    with pytest.raises(BadInput, match=r"--lift sharpness: this is not measured. Known are pose_confidence"):
        quality(measured, lift=["sharpness"], quiet=True)


def test_the_page_needs_nothing_and_shows_what_it_says(measured: Workspace) -> None:
    report = quality(measured, limits={"face_blur": {"max": 0.01}}, quiet=True)
    try:
        assert _kept(measured) == set()
        html = report.page.path.read_text()
        assert html.count("<section>") == 12
        assert f'<td class="n">{report.page.cut:,}</td>' in html
        assert "max 0.01" in html
        pictures = re.findall(r'src="data:image/jpeg;base64,([^"]{400,})"', html)
        assert len(pictures) >= 12 * min(3, report.page.cut)
        assert not re.search(r'(src|href)="(?!data:image/jpeg|\.\./clips/)', html)
        for linked in set(re.findall(r'href="\.\./(clips/[^"]+)"', html)):
            assert measured.path_of(linked).is_file()
    finally:
        quality(measured, lift=["all"], quiet=True)


def test_a_clip_that_is_not_what_its_row_says(measured: Workspace) -> None:
    item, stage = _item(measured), MeasureClips(str(measured.root))
    for change, kind in (
        ({"path": "clips/none.mp4"}, "missing"),
        ({"poses": "none.parquet"}, "missing"),
        ({"n_frames": 3}, "pose_length"),
    ):
        with pytest.raises(ItemFailed) as raised:
            list(stage.process(item | change))
        assert raised.value.kind == kind


def test_what_counts_for_doing_it_again(measured: Workspace) -> None:
    item, stage = _item(measured), MeasureClips(str(measured.root))
    assert stage.fingerprint(item | {"sha256": "x"}) != stage.fingerprint(item)
    assert stage.fingerprint(item | {"posed": "x"}) != stage.fingerprint(item)
    assert stage.fingerprint(item | {"path": "elsewhere", "kept": False, "reason": "x"}) == stage.fingerprint(item)
    assert EstimatePoses.name in measured.ledger.stages()


def test_the_page_goes_with_who_is_forgotten(measured: Workspace, tmp_path: Path) -> None:
    shutil.copytree(measured.root, tmp_path / "dataset")
    with open_workspace(tmp_path / "dataset") as workspace:
        assert (workspace.root / PAGE).is_file()
        forget_in(workspace, player="P0000")
        assert not (workspace.root / PAGE).exists()
    assert file_sha256(measured.root / PAGE)
