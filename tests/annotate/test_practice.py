"""Newcomers practise in a real Label Studio; who is ready, by hand."""

from __future__ import annotations

import csv

import pytest

from annotate.assign import assign
from annotate.crowd_design import CrowdDesign, read_design
from annotate.label_studio import Answer, Region, to_result
from annotate.practice import practice, title_of
from annotate.project import open_project, tasks_of
from annotate.push import push
from annotate.server import DOCUMENT_ROOT, KEY, URL, connect
from manifests.errors import BadInput
from tests.annotate.datasets import dataset, proposal
from tests.annotate.test_assign import label_studio_user
from tests.end_to_end.commands import mgcollect

GOLD = """clip_id,start,end,label
c0,10,30,touching_face
c1,,,
c2,0,10,head_up
c2,20,40,touching_neck
"""


def submit(label_studio, role: str, task: int, *regions: tuple[int, int, str]) -> None:
    marked = tuple(Region(f"r{i}", *one) for i, one in enumerate(regions))
    with connect(label_studio.address(role)) as server:
        answer = Answer("gesture" if marked else "nothing", marked)
        server.client.annotations.create(id=task, result=to_result(answer))


@pytest.mark.slow
def test_newcomers(label_studio, request, monkeypatch):
    title, address = request.node.name[:40], label_studio.address()
    for name, value in {URL: address.url, KEY: address.token, DOCUMENT_ROOT: str(address.document_root)}.items():
        monkeypatch.setenv(name, value)
    folder = label_studio.document_root / request.node.name
    clips = [f"c{i}" for i in range(5)]
    with dataset(folder, clips, [proposal("c0", 0, 10, "head_up", 0.5)]) as workspace, connect(address) as server:
        with pytest.raises(BadInput, match="knows 0 of the kept clips; 10 are to be"):
            practice(workspace, project=title, server=server, quiet=True)
        (folder / "gold.csv").write_text(GOLD)
        with pytest.raises(BadInput, match="knows 3 of the kept clips; 4 are to be"):
            practice(workspace, project=title, clips=4, server=server, quiet=True)
        push(workspace, project=title, design=CrowdDesign(per_task=1), server=server, quiet=True)
        report = practice(workspace, project=title, clips=3, server=server, quiet=True)
        assert (report.pushed.tasks, report.newcomers, read_design(workspace).practice) == (3, (), 3)
        tasks = {task.clip_id: task for task in tasks_of(server, open_project(server, title_of(title)).id)}
        assert sorted(tasks) == ["c0", "c1", "c2"]
        assert not any(task.predictions for task in tasks.values()), "nobody is led"
        # They have left the crowd's own project.
        again = push(workspace, project=title, server=server, quiet=True)
        assert (again.outdated_removed, again.tasks) == (3, 2)

        one, two = "annotator-1", "annotator-2"
        for role in (one, two):
            submit(label_studio, role, tasks["c1"].task_id)
        submit(label_studio, one, tasks["c0"].task_id, (12, 30, "touching_face"))
        submit(label_studio, one, tasks["c2"].task_id, (0, 10, "head_up"), (20, 40, "touching_face"))
        submit(label_studio, two, tasks["c0"].task_id, (40, 50, "touching_face"))
        report = practice(workspace, project=title, server=server, quiet=True)
        first, second = report.newcomers
        # The first: two of three known ones found with their label, of three marked: F1 = 2 · 2 / (3 + 3).
        assert first.annotator_id == f"A{label_studio_user(label_studio, one):02d}"
        assert (first.done, first.ready) == (3, True)
        assert first.score.value == pytest.approx(2 / 3)
        assert (second.done, second.ready, second.score.value) == (2, False, 0.0)
        with report.path.open() as file:
            found = [(row["annotator_id"], row["clip_id"], row["verdict"]) for row in csv.DictReader(file)]
        assert sorted(found) == sorted(
            [
                (first.annotator_id, "c0", "found"),
                (first.annotator_id, "c2", "found"),
                (first.annotator_id, "c2", "other label"),
                (second.annotator_id, "c0", "missed"),
                (second.annotator_id, "c0", "not known"),
            ]
        )
        assert workspace.read("annotations").num_rows == 0, "practice makes no gesture"
        # Only who is ready gets tasks.
        given = assign(workspace, project=title, server=server, quiet=True)
        assert [one.annotator_id for one in given.loads] == [first.annotator_id]
        assert given.waiting[second.annotator_id] == "has practised 2 of 3"
        # The second does the last one, as badly.
        submit(label_studio, two, tasks["c2"].task_id)
    answer = mgcollect("annotate", "practice", "--dataset", folder, "--project", title)
    assert answer.returncode == 0, answer.stderr
    assert f"{second.annotator_id}" in answer.stdout
    assert "not yet" in answer.stdout
    answer = mgcollect(
        "annotate", "assign", "--dataset", folder, "--project", title, "--annotator", second.annotator_id
    )
    assert answer.returncode == 2
    assert "has practised with an F1 of 0.00, and 0.6 is asked" in answer.stderr.replace("\n", " ")
