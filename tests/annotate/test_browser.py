"""What an annotator does at the labelling page, in a real browser, is what a pull brings."""

from __future__ import annotations

import pytest

from annotate.project import tasks_of
from annotate.pull import pull
from annotate.push import push
from annotate.server import connect
from tests.annotate.browser import labelling_page
from tests.annotate.datasets import dataset, proposal

pytestmark = pytest.mark.slow

# Frames [5, 20) and [25, 40) of 50; the page counts from 1 and includes the last.
FACE, HEAD = "c0-5-20-touching_face", "c0-25-40-head_up"
PROPOSALS = [proposal("c0", 5, 20, "touching_face", 0.8), proposal("c0", 25, 40, "head_up", 0.6)]


def test_an_annotator_moves_a_proposal_and_submits(label_studio, tmp_path):
    folder = label_studio.document_root / "browser"
    with connect(label_studio.address()) as admin, dataset(folder, ["c0"], PROPOSALS) as workspace:
        report = push(workspace, project="browser", server=admin, quiet=True)
        (task,) = tasks_of(admin, report.project_id)
        user = label_studio.users["annotator-1"]
        with labelling_page(label_studio.url, user, tmp_path / "profile") as page:
            page.open(f"{report.url}/data?task={task.task_id}", regions=2)
            assert page.regions() == {FACE: (6, 20), HEAD: (26, 40)}
            assert (page.film("playbackRate"), page.film("duration")) == (0.5, 2.0)
            page.play(0.2)
            page.drag_end(FACE, +4)
            assert page.regions() == {FACE: (6, 24), HEAD: (26, 40)}
            page.driver.save_screenshot(str(tmp_path / "labelling.png"))
            page.submit()
        pulled = pull(workspace, project="browser", server=admin, quiet=True)
        assert (pulled.submissions, pulled.taken, list(pulled.annotators.values())) == (1, 1, [1])
        columns = ["start", "end", "label", "from_proposal"]
        rows = workspace.read("annotations").select(columns).to_pylist()
        assert sorted(tuple(row.values()) for row in rows) == [
            (5, 24, "touching_face", FACE),
            (25, 40, "head_up", HEAD),
        ]
