"""Copies of real recordings are found and linked, other takes of the same person in the same room are not."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import pytest

from collector.duplicates import Link, choose, duplicates, kept_instead
from collector.frames import Frame, read_frames, read_timeline
from collector.segment import segment
from collector.shared import Run
from manifests.errors import BadInput
from manifests.ledger import Outcome
from manifests.opt_out import OPT_OUT_FILE
from manifests.tables import TABLES, Row, rows_of
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.footage import PressConference
from tests.collector.conftest import video_row
from tests.collector.pictures import write_video
from tests.manifests import samples

GRID = Path(__file__).parents[2] / "../shared/data/videos"


def _copy(source: Path, out: Path, *options: str) -> Path:
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-an"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", source, *options, *encoder, out], check=True)
    return out


def _to_and_fro(frames: Sequence[Frame], seconds: int, out: Path) -> Path:
    """A longer take made of a short one: played forward and backward in turn, 25 frames a second."""
    images = [frame.image for frame in frames]
    turns = cycle([*images, *images[-2:0:-1]])
    return write_video(out, islice(turns, 25 * seconds), Fraction(25))


def _add(workspace: Workspace, path: Path, **changes: object) -> str:
    """Put a file that lies in the dataset into its videos table; return its id."""
    row = video_row(path, workspace.root) | changes
    workspace.ledger.plan("fetch", {row["video_id"]: ""})
    workspace.ledger.record("fetch", Outcome(row["video_id"], "ok", rows={"videos": [row]}))
    return str(row["video_id"])


def _links(workspace: Workspace) -> dict[tuple[str, str], list[Row]]:
    names = {row["video_id"]: Path(row["path"]).stem for row in rows_of(workspace.read("videos"))}
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(workspace.read("duplicates")):
        found.setdefault((names[row["video_id"]], names[row["other_video_id"]]), []).append(row)
    return found


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory, conferences: list[PressConference]) -> Iterator[Workspace]:
    """A press conference with two copies and an excerpt, two takes of its player in one room, and another conference."""
    source, other = (next(c for c in conferences if c.slug == slug) for slug in ("elin-sorby", "dara-quillan"))
    with open_workspace(tmp_path_factory.mktemp("duplicates") / "dataset", create=True) as workspace:
        videos = workspace.root / "videos"
        videos.mkdir()
        _copy(source.path, videos / "original.mp4")
        banner = "drawbox=x=0:y=ih*.85:w=iw:h=ih*.12:color=blue:t=fill,drawbox=x=iw*.8:y=0:w=iw*.2:h=ih*.15:t=fill"
        # The largest picture of all, but with bars, a crop, a banner and a logo, in other light, at another rate.
        spoilt = (
            f"crop=iw*.9:ih*.9,{banner},eq=contrast=1.2:brightness=.05,fps=30,scale=960:-2,pad=iw:ih*1.3:0:(oh-ih)/2"
        )
        _copy(source.path, videos / "reupload.mp4", "-vf", spoilt, "-crf", "30")
        _copy(source.path, videos / "small.mp4", "-vf", "scale=-2:120,fps=15", "-crf", "33")
        _copy(source.path, videos / "excerpt.mp4", "-ss", "5.37", "-t", "16.2", "-vf", "scale=1280:-2")
        timeline = read_timeline(source.path)
        for name, shot in (("take1", source.shots[1]), ("take2", source.shots[5])):  # in front of the same wall
            start, end = (timeline.start_pts + timeline.units(float(s)) for s in (shot.start_s, shot.end_s))
            _to_and_fro(list(read_frames(source.path, timeline, start, end, width=320)), 24, videos / f"{name}.mp4")
        _copy(other.path, videos / "other.mp4")
        for path in sorted(videos.iterdir()):
            _add(workspace, path)
        report = duplicates(workspace, quiet=True)
        assert (report.stage.ok, report.stage.failed) == (7, 0)
        assert report.links == {"copy": 3, "excerpt": 3}
        assert report.give_way == 3
        yield workspace


@pytest.mark.slow
def test_copies_and_excerpts_give_way_to_the_largest_picture(linked: Workspace) -> None:
    links = _links(linked)
    assert set(links) == {
        ("original", "reupload"),
        ("small", "reupload"),
        ("small", "original"),
        ("excerpt", "reupload"),
        ("excerpt", "original"),
        ("excerpt", "small"),
    }
    names = {row["video_id"]: Path(row["path"]).stem for row in rows_of(linked.read("videos"))}
    kept = {names[one]: names[other] for one, other in kept_instead(linked).items()}
    assert kept == dict.fromkeys(("original", "small", "excerpt"), "reupload")


@pytest.mark.slow
def test_the_place_of_an_excerpt_is_told(linked: Workspace) -> None:
    [row] = _links(linked)["excerpt", "original"]
    assert row["other_start_s"] - row["start_s"] == pytest.approx(5.37, abs=0.25)
    assert row["kind"] == "excerpt"
    assert row["share"] > 0.9
    assert row["other_share"] == pytest.approx(16.2 / 25, abs=0.1)


@pytest.mark.slow
def test_another_run_decodes_nothing_and_finds_the_same(linked: Workspace) -> None:
    before = linked.read("duplicates")
    report = duplicates(linked, quiet=True)
    assert report.stage.done_now == 0
    assert linked.read("duplicates").equals(before)
    lost = next((linked.root / "movement").glob("*.npy"))
    lost.unlink()
    assert duplicates(linked, quiet=True).stage.done_now == 1
    lost.write_bytes(b"\x93NUMPY")
    with pytest.raises(BadInput, match=r"is damaged .* Delete it"):
        duplicates(linked, quiet=True)
    lost.unlink()


@pytest.mark.slow
def test_what_opted_out_takes_its_copies_along(linked: Workspace) -> None:
    [original] = [row["video_id"] for row in rows_of(linked.read("videos")) if row["path"] == "videos/original.mp4"]
    try:
        (linked.root / OPT_OUT_FILE).write_text(f"video_id\n{original}\n")
        for _ in range(2):  # also when links are drawn anew without it
            paths = {Path(row["path"]).stem for row in rows_of(linked.read("videos"))}
            assert paths == {"take1", "take2", "other"}
            duplicates(linked, quiet=True)
    finally:
        (linked.root / OPT_OUT_FILE).unlink()
    assert duplicates(linked, quiet=True).links == {"copy": 3, "excerpt": 3}


@pytest.mark.slow
def test_talkers_before_one_backdrop_are_not_linked(tmp_path: Path) -> None:
    """Three people of the GRID corpus, whose pictures an ordinary perceptual hash can hardly tell apart."""
    talks = sorted(GRID.glob("grid_*.mpg"))
    if not talks:
        pytest.skip("needs GRID videos in ../shared/data, which only the developers have")
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        (workspace.root / "videos").mkdir()
        for talk in talks:
            film = _to_and_fro(
                list(read_frames(talk, read_timeline(talk))), 20, workspace.root / f"videos/{talk.stem}.mp4"
            )
            _add(workspace, film)
        _add(workspace, _copy(film, film.with_name("copy.mp4"), "-vf", "scale=320:-2"))
        assert duplicates(workspace, quiet=True).links == {"copy": 1}


@pytest.mark.slow
def test_a_copy_gives_no_clips_but_loses_none_either(
    tmp_path: Path, conferences: list[PressConference], weights: Path
) -> None:
    source = next(conference for conference in conferences if conference.slug == "dara-quillan").path
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        (workspace.root / "videos").mkdir()
        first = _add(workspace, _copy(source, workspace.root / "videos/first.mp4", "-t", "14"))
        assert segment(workspace, weights=weights, quiet=True).ok == 1
        clips = [row for row in rows_of(workspace.read("clips")) if row["kept"]]
        assert clips
        better = _add(workspace, _copy(source, workspace.root / "videos/better.mp4", "-t", "14", "-vf", "scale=960:-2"))
        worse = _add(workspace, _copy(source, workspace.root / "videos/worse.mp4", "-t", "14", "-vf", "scale=240:-2"))
        report = duplicates(workspace, quiet=True)
        assert (report.links, report.give_way, report.clips) == ({"copy": 3}, 2, len(clips))
        assert kept_instead(workspace) == {first: better, worse: better}
        for row in rows_of(workspace.read("clips")):  # cut before it was known
            assert not row["kept"]
            assert (
                row["reason"] == f"another recording that is kept shows it too (video {better})" or row["path"] is None
            )
        assert all(workspace.path_of(clip["path"]).exists() for clip in clips)
        report = segment(workspace, weights=weights, quiet=True)
        assert (report.ok, report.skipped, report.done_now) == (2, 1, 2)
        assert {row["video_id"] for row in rows_of(workspace.read("clips")) if row["kept"]} == {better}
        # The better one is gone: its copies come back, one of them.
        workspace.ledger.retire("fetch", [better])
        report = duplicates(workspace, quiet=True)
        assert kept_instead(workspace) == {worse: first}
        again = {row["clip_id"] for row in rows_of(workspace.read("clips")) if row["video_id"] == first and row["kept"]}
        assert again == {clip["clip_id"] for clip in clips}


def _videos(**changes: Row) -> dict[str, Row]:
    return {name: samples.video(name, **change) for name, change in changes.items()}


def _link(one: str, other: str, share: float = 1.0, other_share: float = 1.0) -> Link:
    return Link(one, other, (Run(0, 80, 40, 0.9),), share, other_share)


def test_of_copies_the_largest_then_longest_then_earliest_then_first_is_kept() -> None:
    links = [_link("a", "b"), _link("b", "c")]  # a and c are linked by way of b
    large = {"width": 1920, "height": 1080}
    assert choose(_videos(a={}, b=large, c={"duration_s": 99.0}), links) == {"a": "b", "c": "b"}
    assert choose(_videos(a={}, b={}, c={"duration_s": 21.0}), links) == {"a": "c", "b": "c"}
    early = {"upload_date": date(2023, 1, 1)}
    assert choose(_videos(a={"upload_date": None}, b=early, c={}), links) == {"a": "b", "c": "b"}
    assert choose(_videos(a={}, b={}, c={}), links) == {"b": "a", "c": "a"}
    assert choose(_videos(a={}, b={}, c={}), []) == {}


def test_an_excerpt_gives_way_to_the_longer_whatever_its_size() -> None:
    whole, large = {"duration_s": 400.0}, {"width": 1920, "height": 1080}
    excerpt = _link("a", "b", 1.0, 0.05)
    assert choose(_videos(a=large, b=whole), [excerpt]) == {"a": "b"}
    # b has a copy c with a larger picture; a gives way to that one, though nobody linked the two.
    assert choose(_videos(a=large, b=whole, c=whole | large), [excerpt, _link("b", "c")]) == {"a": "c", "b": "c"}
    # An excerpt of an excerpt.
    videos = _videos(a={}, b={"duration_s": 40.0}, c=whole)
    assert choose(videos, [excerpt, _link("b", "c", 1.0, 0.1)]) == {"a": "c", "b": "c"}


def test_an_excerpt_of_two_recordings_leaves_both() -> None:
    """A stretch that two compilations have in common does not make them one."""
    videos = _videos(a={"duration_s": 60.0}, b={"duration_s": 400.0}, c={"duration_s": 300.0})
    links = [_link("a", "b", 1.0, 0.15), _link("a", "c", 1.0, 0.2), _link("b", "c", 0.15, 0.2)]
    assert [link.kind for link in links] == ["excerpt", "excerpt", "overlap"]
    assert choose(videos, links) == {"a": "b"}


def test_a_link_can_be_told_from_both_sides() -> None:
    link = replace(_link("a", "b", 0.8, 0.2), runs=(Run(8, 80, -3, 0.9), Run(100, 180, 40, 0.7)))
    turned = link.turned()
    assert (turned.one, turned.share, turned.other_share) == ("b", 0.2, 0.8)
    assert turned.runs == (Run(5, 77, 3, 0.9), Run(140, 220, -40, 0.7))
    assert turned.turned() == link
    assert TABLES["duplicates"].key == ("video_id", "other_video_id", "start_s")
