"""The crowd's report: its figures, and a page that asks nobody for anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from annotate.crowd_design import CrowdDesign, write_design
from annotate.report_page import report
from benchmarks.simulator.crowd import CROWDS, simulate_crowd
from manifests.errors import BadInput
from manifests.tables import Row
from manifests.workspace import Workspace, open_workspace
from tests.annotate.datasets import table
from tests.manifests import samples


def crowd_dataset(folder: Path, workspace: Workspace, *, clips: int = 60, extra: int = 20) -> None:
    """A simulated crowd's annotations, ten submissions an hour, of 60 s each; `extra` clips that nobody has seen yet."""
    crowd = simulate_crowd(CROWDS["mixed"], clips=clips, per_clip=3, seed=0)
    rows: list[Row] = []
    when = datetime(2026, 3, 1, tzinfo=UTC)
    none = {"start": None, "end": None, "label": None, "certainty": None}
    for task, (clip, opinions) in enumerate(crowd.opinions.items(), start=1):
        for opinion in opinions:
            when += timedelta(minutes=6)
            of_one = {
                "submission_id": f"{clip}-{opinion.annotator_id}",
                "annotator_id": opinion.annotator_id,
                "lead_time_s": 60.0,
                "created_at": when,
                "task_id": str(task),
            }
            marks = [
                {"start": s.start, "end": s.end, "label": s.label, "from_proposal": s.from_proposal}
                for s in opinion.segments
            ] or [{**none, "verdict": "nothing"}]
            rows += [
                samples.annotation(f"{clip}-{opinion.annotator_id}-{i}", clip, **of_one, **mark)
                for i, mark in enumerate(marks)
            ]
    names = [*crowd.opinions, *(f"new{i}" for i in range(extra))]
    proposals = [samples.proposal(**row) for of_clip in crowd.proposals.values() for row in of_clip]
    gold = [f"{c},{s.start},{s.end},{s.label}" for c in list(crowd.truth)[:10] for s in crowd.truth[c] or ()]
    workspace.write("clips", table("clips", [samples.clip(name, n_frames=500) for name in names]))
    workspace.write("annotations", table("annotations", rows))
    workspace.write("proposals", table("proposals", proposals))
    (folder / "gold.csv").write_text("\n".join(["clip_id,start,end,label", *gold]) + "\n")
    write_design(workspace, CrowdDesign(per_task=3, page="http://127.0.0.1:8080/projects/7"))


class Links(HTMLParser):
    """Every address that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.found += [(tag, value) for name, value in attrs if name in ("href", "src", "action", "data")]


def test_the_page_of_a_simulated_crowd(tmp_path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        with pytest.raises(BadInput, match="no annotations yet"):
            report(workspace)
        crowd_dataset(tmp_path / "d", workspace)
        found = report(workspace)
    # 60 clips by three each; 20 more wait for three each, a minute a submission: one hour. The 180 were sent within 17.9
    # hours, which counts as a day: 60 more take a third of one.
    assert (found.submissions, found.wanted) == (180, 240)
    assert found.hours_left == pytest.approx(1.0)
    assert found.days_left == pytest.approx(1 / 3)
    assert [count for _, count in found.finished] == list(range(1, 181))
    assert [period.clips for period in found.periods] == [8, 7, 8, 7, 8, 7, 8, 7]
    assert len(found.disputes) == 10
    certainties = [one.candidate.certainty for one in found.disputes]
    assert certainties == sorted(certainties)
    page = found.path.read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.found == [("a", one.page) for one in found.disputes]
    assert all(re.fullmatch(r"http://127\.0\.0\.1:8080/projects/7/data\?task=\d+", one.page) for one in found.disputes)
    assert "<script" not in page
    assert "180 of 240" in page


def test_one_submission_is_enough_for_a_page(tmp_path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        workspace.write("clips", table("clips", [samples.clip("<b>&", n_frames=50)]))
        workspace.write("annotations", table("annotations", [samples.annotation("a", "<b>&", start=0, end=9)]))
        found = report(workspace)
    page = found.path.read_text(encoding="utf-8")
    assert (found.submissions, found.wanted, found.agreement.f1) == (1, 2, None)
    assert "<b>&" not in page
