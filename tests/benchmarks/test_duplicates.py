"""The same movement on both sides of a split is found and told; other movements are not taken for it."""

from __future__ import annotations

import numpy as np

from benchmarks.corpus import Corpus
from benchmarks.duplicates import near_duplicates, split_notes
from benchmarks.simulated import Size, simulated_release
from benchmarks.suite import benchmark
from manifests.poses import read_poses, write_poses
from manifests.release import open_release


def _copied(make_release, tmp_path, shift, noise):
    """A release in which P0001's recording is P0000's, moved in the picture, enlarged, and estimated anew."""
    make_release(3, name="plain")
    source = read_poses(tmp_path / "plain-poses" / "P0000-v0-clip.parquet")
    keypoints = source.keypoints.copy()
    keypoints[..., :2] = keypoints[..., :2] * 1.2 + shift + np.random.default_rng(0).normal(0, noise, (1, 1, 2))
    keypoints[..., :2] += np.random.default_rng(1).normal(0, noise, keypoints[..., :2].shape)
    copy = tmp_path / "copy.parquet"
    write_poses(type(source)("P0001-v0-clip", source.skeleton, keypoints, source.boxes), copy)
    return copy


def test_a_recording_under_two_names_is_told(make_release, tmp_path, monkeypatch):
    import tests.benchmarks.conftest as fixtures

    copy = read_poses(_copied(make_release, tmp_path, shift=40.0, noise=0.5))
    write = fixtures.write_poses
    monkeypatch.setattr(
        fixtures, "write_poses", lambda poses, path: write(copy if poses.clip_id == copy.clip_id else poses, path)
    )
    corpus = Corpus(make_release(3, name="doubled"))
    pairs = near_duplicates(corpus, corpus.protocol())
    named = {tuple(sorted(corpus.gestures[i]["gesture_id"] for i in pair)) for pair in pairs}
    assert named >= {(f"P0000-v0-clip-{i}", f"P0001-v0-clip-{i}") for i in range(6)}
    assert all("P0002" not in name for pair in named for name in pair)
    report = benchmark(corpus.release.path, tmp_path / "out", methods=["majority"], tasks=["supervised"], quiet=True)
    assert any("probably one recording under two names" in note for note in report.notes)


def test_different_people_doing_the_same_are_no_duplicates(tmp_path):
    corpus = Corpus(open_release(simulated_release(tmp_path, Size(people=6, videos=6, minutes=2.0), quiet=True)))
    assert len(corpus.gestures) > 40
    assert len(near_duplicates(corpus, corpus.protocol())) == 0


def test_classes_that_nobody_can_have_learned_are_named(make_release):
    def rename(rows):
        return [row | {"label": "arms_akimbo"} if row["player_id"] == "P0011" else row for row in rows]

    def split(_):
        return [
            {"protocol": "cross_subject", "draw": 0, "unit": "gesture", "item_id": f"P{p:04d}-v0-clip-{i}"}
            | {"player_id": f"P{p:04d}", "part": "test" if p > 8 else "train", "labelled": []}
            for p in range(12)
            for i in range(2)
        ]

    corpus = Corpus(make_release(12, each=1, change={"gestures": rename, "splits": split}))
    notes = split_notes(corpus, corpus.protocol())
    assert any("never found: arms_akimbo" in note for note in notes)
