"""Disputes before an adjudicator in a real Label Studio, and their decisions in the gestures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from annotate.adjudicate import adjudicate, competing, title_of
from annotate.candidates import Mark
from annotate.consensus import consensus
from annotate.label_studio import Answer, Region, from_result, to_result
from annotate.opinions import Segment
from annotate.project import open_project, tasks_of
from annotate.server import DOCUMENT_ROOT, KEY, URL, connect
from annotate.weigh import WeighedCandidate
from collector.windows import cut_windows
from manifests.errors import BadInput
from manifests.tables import rows_of
from tests.annotate.datasets import dataset, table
from tests.end_to_end.commands import mgcollect
from tests.manifests import samples

AGREED = [f"agreed{i}" for i in range(4)]
CLIPS = ["disputed", "unclear", *AGREED]


def said(clip: str, who: str, start: int | None, end: int | None, label: str | None, **changes: object) -> dict:
    row = samples.annotation(f"{clip}-{who}-{start}", clip, submission_id=f"{clip}-{who}", annotator_id=who)
    return row | {"start": start, "end": end, "label": label} | changes


def annotations() -> list[dict]:
    """Two who agree on four clips, and call the same movement by two names in one, and mark it twice over in another."""
    rows = [said(clip, who, 5, 25, "touching_neck") for clip in AGREED for who in ("A01", "A02")]
    rows += [said("disputed", "A01", 10, 30, "touching_face"), said("disputed", "A02", 12, 32, "touching_jaw")]
    return [*rows, said("unclear", "A01", 0, 10, "head_up"), said("unclear", "A02", 20, 40, "touching_ears")]


def test_what_competes():
    disputed = WeighedCandidate(
        10,
        31,
        (
            Mark("A01", Segment(10, 30, "touching_face")),
            Mark("A02", Segment(12, 32, "touching_jaw")),
            Mark("A03", Segment(10, 30, "touching_face")),
        ),
        3,
        (("touching_face", 0.6), ("touching_jaw", 0.3)),
        0.1,
        0.6,
    )
    agreed = WeighedCandidate(40, 50, (Mark("A01", Segment(40, 50, "head_up")),), 3, (("head_up", 0.9),), 0.1, 0.9)
    nothing = WeighedCandidate(1, 4, (Mark("A02", Segment(1, 4, "head_up")),), 3, (("head_up", 0.05),), 0.95, 0.95)
    shown = competing([disputed, agreed, nothing])
    assert shown["score"] == 0.6
    answer = from_result(shown["result"], 60)
    assert [(r.start, r.end, r.label) for r in answer.regions] == [
        (10, 30, "touching_face"),
        (12, 32, "touching_jaw"),
        (40, 50, "head_up"),
    ]
    assert [item["meta"]["text"] for item in shown["result"]] == [["A01, A03"], ["A02"], ["agreed"]]


@pytest.mark.slow
def test_a_dispute_is_decided(label_studio, request):
    project = request.node.name[:30]
    folder = label_studio.document_root / request.node.name
    environment = {
        URL: label_studio.url,
        KEY: label_studio.address().token,
        DOCUMENT_ROOT: str(label_studio.document_root),
    }
    with dataset(folder, CLIPS, []) as workspace, connect(label_studio.address()) as server:
        with pytest.raises(BadInput, match="no annotations yet"):
            adjudicate(workspace, project=project, server=server, quiet=True)
        cut_windows(workspace, quiet=True)
        workspace.write("annotations", table("annotations", annotations()[:8]))
        calm = adjudicate(workspace, project=project, server=server, quiet=True)
        assert (calm.pushed, calm.disputes, calm.exit_code) == (None, 0, 0), "no project is made for nothing"
        workspace.write("annotations", table("annotations", annotations()))
        before = consensus(workspace, rule="majority")
        assert {one["clip_id"] for one in before.disputes} == {"disputed", "unclear"}

        first = adjudicate(workspace, project=project, server=server, quiet=True)
        assert (first.pulled, first.disputes, first.pushed.tasks_added, first.decided) == (None, 3, 2, 0)
        number = open_project(server, title_of(project)).id
        tasks = {task.clip_id: task for task in tasks_of(server, number)}
        assert set(tasks) == {"disputed", "unclear"}
        regions = tasks["disputed"].predictions["in dispute"][1]
        assert regions == {"A01-10-30-touching_face", "A02-12-32-touching_jaw"}
        done = mgcollect("annotate", "adjudicate", "--dataset", folder, "--project", project, **environment)
        assert (done.returncode, "3 disputes wait in 2 tasks" in done.stdout) == (0, True), done.stderr
        assert len(tasks_of(server, number)) == 2, "nothing is doubled"

        # The adjudicator takes the first, a frame later, and says why.
        ruling = Region("A01-10-30-touching_face", 11, 30, "touching_face", "sure", "the cheek, not the jaw")
        with connect(label_studio.address("annotator-1")) as adjudicator:
            adjudicator.client.annotations.create(
                id=tasks["disputed"].task_id, result=to_result(Answer("gesture", (ruling,)))
            )
        second = adjudicate(workspace, project=project, server=server, quiet=True)
        assert second.pulled is not None
        assert (second.pulled.taken, second.decided, second.disputes, second.pushed.tasks) == (1, 1, 2, 1)
        after = consensus(workspace, rule="majority")
        assert {one["clip_id"] for one in after.disputes} == {"unclear"}
        # Both marked a gesture there, so the majority had one already, with a label that was tied.
        assert (before.gestures, before.adjudicated, after.gestures, after.adjudicated) == (5, 0, 5, 1)
        (row,) = [row for row in rows_of(workspace.read("gestures")) if row["clip_id"] == "disputed"]
        assert (row["start"], row["end"], row["label"], row["adjudicated"]) == (11, 30, "touching_face", True)
        assert (row["n_annotators"], row["agreement"]) == (2, 0.5)
        assert row["description"].startswith("the cheek, not the jaw (A")
        assert "adjudicated by A" in row["made_by"]

        # An annotator's change of mind removes what nobody has begun; what was decided stands.
        rows = [row for row in annotations() if row["clip_id"] != "unclear"]
        workspace.write("annotations", table("annotations", rows))
        third = adjudicate(workspace, project=project, server=server, quiet=True)
        assert (third.decided, third.disputes, third.pushed.outdated_removed) == (1, 0, 1)
        assert [task.clip_id for task in tasks_of(server, number)] == ["disputed"]


def test_a_ruling_overrules_and_the_last_one_counts(tmp_path):
    with dataset(tmp_path / "d", CLIPS, []) as workspace:
        workspace.write("annotations", table("annotations", annotations()))
        rulings = [
            said("disputed", "A07", 0, 9, "head_up", created_at=datetime(2026, 1, 3, tzinfo=UTC)),
            said("disputed", "A08", 40, 45, "head_up", created_at=datetime(2026, 1, 4, tzinfo=UTC)),
            said("agreed0", "A07", None, None, None, verdict="nothing"),
            said("unclear", "A07", None, None, None, verdict="unusable"),
        ]
        workspace.write("adjudications", table("adjudications", rulings))
        report = consensus(workspace, rule="majority")
        found = {(row["clip_id"], row["start"], row["end"]) for row in rows_of(workspace.read("gestures"))}
        assert found == {("disputed", 40, 45)} | {(clip, 5, 25) for clip in AGREED[1:]}
        assert (report.adjudicated, report.unusable, report.disputes) == (1, 1, [])
