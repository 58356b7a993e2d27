"""Tasks of somebody who is forgotten leave a real Label Studio, and a run that was cut off is finished by the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from annotate.crowd_design import CrowdDesign
from annotate.project import open_project, tasks_of
from annotate.pull import pull
from annotate.push import push
from annotate.server import Server, connect
from annotate.withdraw import withdraw
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace
from mgcollect.demo.annotators import annotate_by_script
from mgcollect.rights import forget_in
from tests.annotate.datasets import dataset, proposal
from tests.manifests import samples

pytestmark = pytest.mark.slow

# Keyframes stand at every tenth of 50 frames, so windows of 0.8 s that share 0.2 s are [0, 20), [10, 40) and [30, 50).
WINDOWS, PARTS = CrowdDesign(window_s=0.8, overlap_s=0.2), 3
VIDEOS = {"withdrawn-a": "withdrawn-video-1", "withdrawn-b": "withdrawn-video-1", "withdrawn-c": "withdrawn-video-2"}


@pytest.fixture
def server(label_studio) -> Iterator[Server]:
    with connect(label_studio.address()) as server:
        yield server


@pytest.fixture
def pushed(label_studio, server, request) -> Iterator[Workspace]:
    """Two people, three clips in the folders of their videos, pushed and annotated once each."""
    folder: Path = label_studio.document_root / request.node.name
    with dataset(folder, list(VIDEOS), [proposal("withdrawn-a", 0, 20, "touching_face")]) as workspace:
        rows = [row for row in workspace.read("clips").to_pylist() if row["kept"]]
        for row in rows:
            video = VIDEOS[row["clip_id"]]
            path = f"clips/{video}/{row['clip_id']}.mp4"
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / row["path"]).rename(folder / path)
            row |= {"video_id": video, "player_id": f"P000{video[-1]}", "path": path}
        people = [samples.player("P0001"), samples.player("P0002")]
        videos = [samples.video(f"withdrawn-video-{i}", f"P000{i}") for i in (1, 2)]
        for name, some in (("clips", rows), ("players", people), ("videos", videos)):
            workspace.write(name, from_rows(TABLES[name], some))
        push(workspace, project=request.node.name[:50], server=server, design=WINDOWS, quiet=True)
        with connect(label_studio.address("annotator-1")) as annotator:
            assert annotate_by_script(annotator, "annotator-1", project=request.node.name[:50]).done_now == 3 * PARTS
        yield workspace


def test_tasks_of_the_forgotten_go(pushed, server, label_studio, request):
    away = replace(label_studio.address(), url="http://127.0.0.1:9")
    report = forget_in(pushed, player="P0001", address=away)
    assert (report.tasks, report.exit_code) == (None, 1)
    assert any(line.startswith("Label Studio could not be asked") for line in report.left)
    assert "withdrawn-a" not in pushed.read("clips", everything=True)["clip_id"].to_pylist()

    # Its clips are forgotten here by now; the tombstone still names the video, and so the tasks that are meant.
    again = forget_in(pushed, player="P0001", address=label_studio.address())
    assert (again.tasks, again.exit_code) == (2 * PARTS, 0)
    project = open_project(server, request.node.name[:50]).id
    assert [task.clip_id for task in tasks_of(server, project)] == ["withdrawn-c"] * PARTS
    pulled = pull(pushed, project=request.node.name[:50], server=server, quiet=True)
    assert pulled.submissions == PARTS, "what was annotated on them is gone too"
    assert forget_in(pushed, player="P0001", address=label_studio.address()).tasks == 0


@pytest.mark.usefixtures("pushed")
def test_one_clip_alone(server, request):
    done = withdraw(server, {"withdrawn-b"}, set())
    assert (done.tasks, done.projects) == (PARTS, (request.node.name[:50],))
    tasks = tasks_of(server, open_project(server, request.node.name[:50]).id)
    assert sorted(task.clip_id for task in tasks) == ["withdrawn-a"] * PARTS + ["withdrawn-c"] * PARTS
