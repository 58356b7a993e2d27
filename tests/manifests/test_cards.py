"""What a release says of itself: numbers worked out by hand, plots, and other people's loaders."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from manifests.facts import facts_of
from manifests.ledger import Outcome
from manifests.poses import Poses, write_poses
from manifests.release import RELEASED, open_release
from manifests.release_build import build
from manifests.tables import TABLES, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from tests.manifests import samples


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, two videos of 20 s, two clips of 100 frames at 25 a second, three gestures of two classes."""
    with open_workspace(tmp_path_factory.mktemp("cards") / "dataset", create=True) as workspace:
        people = [samples.player("P0001"), samples.player("P0002", gender="m", country=None, birth_year=1990)]
        workspace.write("players", from_rows(TABLES["players"], people))
        videos = [samples.video("v1"), samples.video("v2", "P0002", outcome="win", availability="gone")]
        workspace.write("videos", from_rows(TABLES["videos"], videos))
        clips = [samples.clip("c1"), samples.clip("c2", "v2", "P0002")]
        workspace.write("clips", from_rows(TABLES["clips"], clips))
        gestures = [
            samples.gesture("g1"),  # 30 frames at 25 a second are 1.2 s
            samples.gesture("g2", start=50, end=60, agreement=0.5),
            samples.gesture("g3", "c2", "P0002", video_id="v2", label="head_up", start=0, end=50, adjudicated=True),
        ]
        workspace.write("gestures", from_rows(TABLES["gestures"], gestures))
        marks = [samples.annotation("a1"), samples.annotation("a2", annotator_id="A02")]
        nothing = {"verdict": "nothing", "start": None, "end": None, "label": None}
        workspace.write("annotations", from_rows(TABLES["annotations"], [*marks, samples.annotation("a3", **nothing)]))
        for clip in ("c1", "c2"):
            poses = Poses(clip, "coco17", np.ones((100, 17, 3), np.float32), np.zeros((100, 4), np.float32))
            write_poses(poses, workspace.table_path("poses", clip))
        workspace.ledger.plan("segment", {"v1": "x", "v2": "x", "v3": "x"})
        workspace.ledger.record("segment", Outcome("v1", "ok"))
        workspace.ledger.record("segment", Outcome("v2", "ok"))
        workspace.ledger.record("segment", Outcome("v3", "failed", "truncated", "cut short"))
        return build(workspace, "1.0.0", note="Made by hand for a test.", seed=3, quiet=True).path


def test_the_numbers_by_hand(release: Path):
    opened = open_release(release)
    facts = facts_of({name: opened.table(name) for name in RELEASED if name != "poses"}, LABELS)
    assert facts.genders == {"f": 1, "m": 1}
    assert facts.countries == {"ESP": 1, "not known": 1}
    assert facts.birth_years == (1990, 1998)
    assert (facts.videos, facts.clips, facts.frames, facts.n_gestures, facts.classes) == (2, 2, 200, 3, 2)
    assert facts.video_hours == pytest.approx(40 / 3600)
    assert facts.clip_hours == pytest.approx(8 / 3600)
    assert sorted(facts.seconds) == pytest.approx([0.4, 1.2, 2.0])
    assert facts.per_person.tolist() == [2, 1]
    assert facts.agreements.mean() == pytest.approx(2.5 / 3)
    assert (facts.annotators, facts.annotations, facts.adjudicated) == (2, 2, 1)
    assert facts.availability == {"available": 1, "gone": 1}
    assert facts.checked == (date(2026, 1, 1), date(2026, 1, 1))
    # A class is one person's here, so either would do; P0002's third is nearer to the 0.4 that are wished in test. The query's
    # class has no answer, and nobody lost.
    assert facts.splits == {
        **{("cross_subject", "test"): (1, 1), ("cross_subject", "train"): (2, 1)},
        **{("spotting", "test"): (1, 1), ("spotting", "train"): (1, 1)},
    }


def test_the_cards_say_them(release: Path):
    readme, sheet = (release / "README.md").read_text(), (release / "DATASHEET.md").read_text()
    for text in (readme, sheet):
        assert "2 people, 2 videos" in text
        assert "83% of the annotators" in text
        assert "Made by hand for a test." in text
    assert "touching neck 2" in sheet
    assert "available 1, gone 1" in sheet
    assert "| segment | 3 | 2 | 1 | 0 |" in sheet


def test_the_history_names_tool_configuration_and_counts(release: Path):
    history = open_release(release).info["history"]
    assert history["configuration"]["seed"] == 3
    segment = {"in": 3, "ok": 2, "failed": 1, "skipped": 0, "pending": 0, "kinds_of_failure": {"truncated": 1}}
    assert history["stages"] == {"segment": segment}
    assert history["made_by"]["gestures"] == {"mgcollect 0": 3}
    assert history["made_by"]["poses"] == {"": 4}


def test_the_plots_are_pictures(release: Path):
    for name in ("classes", "gestures", "people"):
        content = (release / "plots" / f"{name}.png").read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", content[16:24])
        assert width > 600
        assert height > 150
        assert ElementTree.parse(release / "plots" / f"{name}.svg").getroot().tag.endswith("svg")  # noqa: S314
        assert f"plots/{name}.png" in (release / "README.md").read_text()
    svg = (release / "plots" / "classes.svg").read_text()
    assert "3 gestures in 2 of 32 classes" in svg
    assert "touching neck" in svg


def _elsewhere(code: str, release: Path, cache: Path) -> object:
    """What other people's packages say, in a process of their own: their warnings are not ours."""
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(cache),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "XDG_CACHE_HOME": str(cache),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(release)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_mlcroissant_accepts_it_and_loads_every_table(release: Path, tmp_path: Path):
    pytest.importorskip("mlcroissant", reason="other people's loader; it comes with the extra `test`")
    code = """
import json, sys
import mlcroissant
dataset = mlcroissant.Dataset(jsonld=f"{sys.argv[1]}/croissant.json")
issues = dataset.metadata.ctx.issues
rows = {record_set.id: list(dataset.records(record_set.id)) for record_set in dataset.metadata.record_sets}
first = sorted(row["gestures/gesture_id"].decode() for row in rows["gestures"])
print(json.dumps([sorted(issues.errors), sorted(issues.warnings), {name: len(some) for name, some in rows.items()}, first]))
"""
    errors, warnings, counts, gestures = _elsewhere(code, release, tmp_path)
    assert errors == []
    assert all("recommended" in warning for warning in warnings), warnings  # citation, publisher, date: the publisher's
    assert counts == open_release(release).info["counts"]
    assert gestures == ["g1", "g2", "g3"]


def test_the_datasets_package_loads_every_table_that_has_a_row(release: Path, tmp_path: Path):
    pytest.importorskip("datasets", reason="other people's loader; it comes with the extra `test`")
    code = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
names = get_dataset_config_names(sys.argv[1])
tables = {name: load_dataset(sys.argv[1], name)["train"] for name in names}
keypoints = len(tables["poses"][0]["keypoints"])
print(json.dumps([{name: len(table) for name, table in tables.items()}, keypoints, tables["gestures"]["label"][:]]))
"""
    counts, keypoints, labels = _elsewhere(code, release, tmp_path)
    assert counts == {name: count for name, count in open_release(release).info["counts"].items() if count}
    assert set(counts) == set(RELEASED) - {"proposals"}  # of which there are none here
    assert keypoints == 64 * 17 * 3 * 4
    assert labels == ["touching_neck", "touching_neck", "head_up"]
