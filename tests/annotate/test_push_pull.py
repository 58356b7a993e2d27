"""Clips and proposals into a real Label Studio and annotations out of it again, frame by frame."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import httpx
import pytest

from annotate import sending as sending_module
from annotate.agree import agree
from annotate.consensus import consensus
from annotate.crowd_design import CrowdDesign
from annotate.label_studio import Answer, Region, from_result, to_result
from annotate.project import open_project, tasks_of
from annotate.pull import pull
from annotate.push import push
from annotate.server import DOCUMENT_ROOT, KEY, URL, Address, ServerAway, connect
from annotate.shown import shown_proposals
from manifests.errors import BadInput, Unavailable
from mgcollect.demo.annotators import annotate_by_script
from tests.annotate.datasets import N_FRAMES, dataset, proposal, table
from tests.annotate.test_local_server import copy_of

pytestmark = pytest.mark.slow

CLIPS = [f"c{i}" for i in range(6)]
MOVED = "c0-0-20-touching_face"  # the id of the first proposal
PROPOSALS = [
    proposal("c0", 0, 20, "touching_face"),
    proposal("c0", 10, N_FRAMES, "head_up", 0.9),
    proposal("c1", 5, 6, "illustrative"),
    proposal("c2", 0, N_FRAMES, "moving_torso", 1.0),
    proposal("c3", 20, 40, "touching_jaw"),
]


@pytest.fixture
def admin(label_studio):
    with connect(label_studio.address()) as server:
        yield server


@pytest.fixture
def folder(label_studio, request) -> Path:
    return label_studio.document_root / request.node.name


def fetched(address: Address, path: str) -> httpx.Response:
    headers = {"Authorization": f"Token {address.token}", "Range": "bytes=0-99"}
    return httpx.get(address.url + path, headers=headers, trust_env=False, timeout=60)


def test_the_whole_loop(label_studio, admin, folder):
    with dataset(folder, CLIPS, PROPOSALS) as workspace:
        # Push: one task a clip, each proposal where it was, and the clip can be played.
        report = push(workspace, project="whole loop", server=admin, quiet=True)
        assert (report.clips, report.tasks, report.tasks_added) == (6, 6, 6)
        assert (report.predictions_added, report.proposals, report.project_made) == (4, 5, True)
        project = open_project(admin, "whole loop")
        assert project.maximum_annotations == 2
        tasks = {t.data["clip_id"]: t for t in admin.client.tasks.list(project=project.id, fields="all")}
        assert sorted(tasks) == CLIPS
        assert tasks["c0"].data["fps"] == 25.0
        (shown,) = tasks["c0"].model_dump()["predictions"]
        assert [(i["value"]["ranges"], i["value"]["timelinelabels"]) for i in shown["result"]] == [
            ([{"start": 1, "end": 20}], ["touching_face"]),
            ([{"start": 11, "end": 50}], ["head_up"]),
        ]
        video = fetched(label_studio.address("annotator-1"), tasks["c0"].data["video"])
        assert (video.status_code, video.headers["Content-Type"], len(video.content)) == (206, "video/mp4", 100)

        # Again: nothing new.
        again = push(workspace, project="whole loop", server=admin, quiet=True)
        assert (again.tasks_added, again.predictions_added, again.predictions_replaced) == (0, 0, 0)
        assert (again.tasks, again.proposals, again.project_made) == (6, 5, False)

        # Two scripted annotators, each through its own door; what they did once they don't do again.
        for name in ("annotator-1", "annotator-2"):
            with connect(label_studio.address(name)) as server:
                assert annotate_by_script(server, name, project="whole loop").done_now == 6
                assert annotate_by_script(server, name, project="whole loop").done_before == 6

        # Annotated tasks are left alone, and what is new comes in.
        workspace.write("proposals", table("proposals", [*PROPOSALS, proposal("c4", 1, 9, "biting_nails")]))
        later = push(workspace, project="whole loop", server=admin, quiet=True)
        assert (later.touched, later.predictions_added, later.proposals) == (6, 0, 5)

        # Pull: everything that was submitted, once.
        pulled = pull(workspace, project="whole loop", server=admin, quiet=True)
        assert (pulled.submissions, pulled.taken, pulled.failed, pulled.skipped) == (12, 12, 0, 0)
        assert list(pulled.annotators.values()) == [6, 6]
        annotations = workspace.read("annotations")
        pulled_again = pull(workspace, project="whole loop", server=admin, quiet=True)
        assert (pulled_again.new, pulled_again.taken, pulled_again.gestures) == (0, 12, pulled.gestures)
        assert workspace.read("annotations").equals(annotations)
        rows = annotations.to_pylist()
        assert not any("@" in str(value) for row in rows for value in row.values())
        known = {p["proposal_id"] for p in PROPOSALS}
        assert {row["from_proposal"] for row in rows} - {None} <= known
        assert any(row["from_proposal"] for row in rows)
        # What they were shown is noted, though something else is proposed by now.
        shown = shown_proposals(workspace)
        assert {clip: {row["proposal_id"] for row in of_clip} for clip, of_clip in shown.items()} == {
            clip: {p["proposal_id"] for p in PROPOSALS if p["clip_id"] == clip} for clip in CLIPS
        }
        assert [(row["start"], row["end"]) for row in shown["c1"]] == [(5, 6)]

        assert agree(workspace).comparisons == 6
        agreed = consensus(workspace)
        assert agreed.gestures == workspace.read("gestures").num_rows > 0


def test_what_was_submitted_comes_back_exactly(label_studio, admin, folder):
    said = {
        "c0": Answer(
            "gesture",
            (
                Region(MOVED, 3, 17, "touching_jaw", "unsure", "left hand, twice"),
                Region("mine", 49, 50, "pressing_lips"),
            ),
        ),
        "c1": Answer("nothing"),
        "c2": Answer("unusable"),
    }
    with dataset(folder, CLIPS, PROPOSALS) as workspace:
        push(workspace, project="exactly", server=admin, quiet=True)
        project = open_project(admin, "exactly")
        tasks = {task.clip_id: task.task_id for task in tasks_of(admin, project.id)}
        for clip, answer in said.items():
            admin.client.annotations.create(id=tasks[clip], result=to_result(answer), lead_time=12.5)
        outside = to_result(Answer("gesture", (Region("late", 40, N_FRAMES + 1, "head_up"),)))
        wrong = admin.client.annotations.create(id=tasks["c3"], result=outside)
        admin.client.annotations.create(id=tasks["c4"], result=[], was_cancelled=True)
        key = f"Token {label_studio.address().token}"
        begun = {"result": to_result(said["c1"]), "lead_time": 1}
        url = f"{admin.url}/api/tasks/{tasks['c5']}/drafts"
        assert httpx.post(url, headers={"Authorization": key}, json=begun, trust_env=False).status_code == 201

        report = pull(workspace, project="exactly", server=admin, quiet=True)
        assert (report.submissions, report.taken, report.failed, report.skipped) == (6, 3, 1, 2)
        assert (report.gestures, report.nothing, report.unusable) == (2, 1, 1)
        assert report.exit_code == 1
        ((_, kind, message),) = report.failures
        assert kind == "outside_clip"
        assert f"data?task={tasks['c3']}" in message
        assert "frames 41 to 51 of a clip with frames 1 to 50" in message
        columns = ["clip_id", "verdict", "start", "end", "label", "certainty", "description", "from_proposal"]
        rows = workspace.read("annotations").select([*columns, "lead_time_s", "annotator_id"]).to_pylist()
        assert sorted((list(row.values()) for row in rows), key=str) == sorted(
            [
                ["c0", "gesture", 3, 17, "touching_jaw", "unsure", "left hand, twice", MOVED, 12.5, "A01"],
                ["c0", "gesture", 49, 50, "pressing_lips", None, None, None, 12.5, "A01"],
                ["c1", "nothing", None, None, None, None, None, None, 12.5, "A01"],
                ["c2", "unusable", None, None, None, None, None, None, 12.5, "A01"],
            ],
            key=str,
        )

        # Corrected there, it is taken; deleted there, it goes.
        inside = to_result(Answer("gesture", (Region("late", 40, N_FRAMES, "head_up"),)))
        admin.client.annotations.update(id=wrong.id, result=inside)
        (first, *_) = admin.client.annotations.list(id=tasks["c0"])
        admin.client.annotations.delete(id=first.id)
        mended = pull(workspace, project="exactly", server=admin, quiet=True)
        assert (mended.submissions, mended.taken, mended.failed, mended.gestures, mended.new) == (5, 3, 0, 1, 1)
        assert {row["clip_id"] for row in workspace.read("annotations").to_pylist()} == {"c1", "c2", "c3"}


def test_a_long_clip_is_shown_in_windows_and_comes_back_whole(admin, folder):
    # 50 frames at 25 a second, of which every tenth is a keyframe.
    design = CrowdDesign(per_task=1, window_s=0.6, overlap_s=0.2)
    across = proposal("c0", 32, 38, "head_up")
    with dataset(folder, ["c0"], [across]) as workspace:
        assert push(workspace, project="windows", server=admin, quiet=True).tasks == 1  # whole, at first
        report = push(workspace, project="windows", design=design, server=admin, quiet=True)
        windows = [(row["start"], row["end"]) for row in workspace.read("windows").to_pylist()]
        assert windows == [(0, 30), (10, 40), (20, 50)]
        assert (report.clips, report.wanted, report.tasks, report.outdated_removed) == (1, 3, 3, 1)
        tasks = {task.shows: task for task in tasks_of(admin, report.project_id)}
        assert list(tasks) == ["c0@0-30", "c0@10-40", "c0@20-50"]
        assert [bool(task.predictions) for task in tasks.values()] == [False, True, True]

        shown = {key: pull_region(admin, task.task_id) for key, task in tasks.items() if task.predictions}
        assert shown == {"c0@10-40": (22, 28), "c0@20-50": (12, 18)}
        for key, (start, end) in shown.items():
            answer = Answer("gesture", (Region(across["proposal_id"], start, end, "head_up", "sure"),))
            admin.client.annotations.create(id=tasks[key].task_id, result=to_result(answer))
        late = to_result(Answer("gesture", (Region("late", 29, 31, "head_up"),)))
        admin.client.annotations.create(id=tasks["c0@0-30"].task_id, result=late)
        pulled = pull(workspace, project="windows", server=admin, quiet=True)
        assert (pulled.taken, [kind for _, kind, _ in pulled.failures]) == (2, ["outside_clip"])
        columns = ["window_start", "window_end", "start", "end", "from_proposal"]
        assert sorted(tuple(row.values()) for row in workspace.read("annotations").select(columns).to_pylist()) == [
            (10, 40, 32, 38, across["proposal_id"]),
            (20, 50, 32, 38, across["proposal_id"]),
        ]
        assert consensus(workspace).gestures == 1
        (gesture,) = workspace.read("gestures").to_pylist()
        assert (gesture["start"], gesture["end"], gesture["label"]) == (32, 38, "head_up")


def pull_region(admin, task: int) -> tuple[int, int]:
    (shown,) = admin.client.predictions.list(task=task)
    (region,) = from_result(shown.result, N_FRAMES).regions
    return region.start, region.end


def test_changed_proposals_replace_those_nobody_has_begun(admin, folder):
    with dataset(folder, CLIPS[:3], PROPOSALS[:3]) as workspace:
        push(workspace, project="changed", server=admin, quiet=True)
        foreign = {task.clip_id: task.task_id for task in tasks_of(admin, open_project(admin, "changed").id)}
        admin.client.predictions.create(task=foreign["c0"], result=[], model_version="somebody-else")
        new = [proposal("c0", 0, 21, "touching_face"), proposal("c2", 7, 9, "head_up")]
        workspace.write("proposals", table("proposals", new))
        report = push(workspace, project="changed", server=admin, quiet=True)
        # c0 is replaced, c1's goes, c2 gets one.
        assert (report.predictions_replaced, report.predictions_added, report.proposals) == (2, 1, 2)
        tasks = {t.clip_id: t.predictions for t in tasks_of(admin, open_project(admin, "changed").id)}
        assert {clip: {v: set(ids) for v, (_, ids) in found.items()} for clip, found in tasks.items()} == {
            "c0": {"by-hand-1": {"c0-0-21-touching_face"}, "somebody-else": set()},
            "c1": {},
            "c2": {"by-hand-1": {"c2-7-9-head_up"}},
        }


def test_some_clips_are_shown_without_proposals(admin, folder):
    design = CrowdDesign(per_task=3, without_proposals=0.5)
    proposals = [proposal(clip, 5, 25, "head_up") for clip in CLIPS]
    bare = {clip for clip in CLIPS if not design.shows_proposals(clip)}
    with dataset(folder, CLIPS, proposals) as workspace:
        push(workspace, project="some without", server=admin, quiet=True)
        push(workspace, project="some without", design=design, server=admin, quiet=True)
        report = push(workspace, project="some without", server=admin, quiet=True)  # the design stays
        project = open_project(admin, "some without")
        shown = {task.clip_id for task in tasks_of(admin, project.id) if task.predictions}
    assert 0 < len(bare) < len(CLIPS)
    assert (report.without_proposals, report.proposals) == (len(bare), len(CLIPS) - len(bare))
    assert (shown, project.maximum_annotations) == (set(CLIPS) - bare, 3)


def test_a_doubled_task_goes_unless_it_was_begun(admin, folder):
    with dataset(folder, CLIPS[:2], []) as workspace:
        push(workspace, project="doubled", server=admin, quiet=True)
        project = open_project(admin, "doubled")
        for clip in CLIPS[:2]:
            task = next(t for t in admin.client.tasks.list(project=project.id) if t.data["clip_id"] == clip)
            admin.client.projects.import_tasks(id=project.id, request=[{"data": task.data}])
        second = max(task.task_id for task in tasks_of(admin, project.id))
        admin.client.annotations.create(id=second, result=to_result(Answer("nothing")))
        assert push(workspace, project="doubled", server=admin, quiet=True).doubled_removed == 2
        left = tasks_of(admin, project.id)
        assert [task.clip_id for task in left] == CLIPS[:2]
        assert second in {task.task_id for task in left}


def test_what_a_push_refuses(admin, folder, tmp_path):
    with dataset(tmp_path / "elsewhere", CLIPS[:1], []) as workspace:
        with pytest.raises(BadInput, match="does not lie inside"):
            push(workspace, project="refused", server=admin, quiet=True)
        workspace.write("clips", table("clips", []))
        with pytest.raises(BadInput, match="no kept clip yet"):
            push(workspace, project="refused", server=admin, quiet=True)
    with dataset(folder, CLIPS[:1], [proposal("c0", 0, N_FRAMES + 1, "head_up")]) as workspace:
        with pytest.raises(BadInput, match="don't lie in a clip of 50"):
            push(workspace, project="refused", server=admin, quiet=True)
        workspace.write("proposals", table("proposals", []))
        with pytest.raises(BadInput, match="3 to 50 letters"):
            push(workspace, project="no", server=admin, quiet=True)
        for _ in range(2):
            admin.client.projects.create(title="twins")
        with pytest.raises(BadInput, match="2 projects called 'twins'"):
            push(workspace, project="twins", server=admin, quiet=True)
        with pytest.raises(BadInput, match="no project called 'never pushed'"):
            pull(workspace, project="never pushed", server=admin, quiet=True)


def test_where_and_who_come_from_the_environment(label_studio, folder, monkeypatch):
    address = label_studio.address()
    monkeypatch.setenv(URL, address.url)
    monkeypatch.setenv(DOCUMENT_ROOT, str(address.document_root))
    with dataset(folder, CLIPS[:1], []) as workspace:
        monkeypatch.setenv(KEY, "0" * 40)
        with pytest.raises(Unavailable, match="refuses the token"):
            push(workspace, project="environment", quiet=True)
        monkeypatch.setenv(KEY, address.token)
        assert push(workspace, project="environment", quiet=True).tasks_added == 1


def _count_tasks(database: Path) -> int:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM task").fetchone()
    db.close()
    return int(count)


def _wait_for_tasks(database: Path, more_than: int) -> None:
    deadline = time.monotonic() + 60
    while _count_tasks(database) <= more_than:
        assert time.monotonic() < deadline, "no task came in"
        time.sleep(0.01)


def test_killed_on_either_side_nothing_is_doubled(label_studio, folder, tmp_path, monkeypatch):
    clips = [f"k{i:03d}" for i in range(40)]
    proposals = [proposal(clip, 5, 25, "head_up") for clip in clips]
    monkeypatch.setattr(sending_module, "_BATCH", 1)
    copied = copy_of(label_studio, tmp_path / "copy")
    database = copied.folder / "data" / "label_studio.sqlite3"
    before = _count_tasks(database)
    with dataset(folder, clips, proposals) as workspace:
        # The server dies in the middle of a push.
        copied.start()
        with connect(copied.address(), retries=0) as server:
            killer = threading.Thread(
                target=lambda: (_wait_for_tasks(database, before + 3), os.kill(copied.process.pid, signal.SIGKILL))
            )
            killer.start()
            with pytest.raises(ServerAway):
                push(workspace, project="killed", server=server, quiet=True)
            killer.join()
        copied.stop()
        after_the_server = _count_tasks(database) - before
        assert 3 < after_the_server < len(clips)

        # The push dies in the middle.
        copied.start()
        address = copied.address()
        script = f"""
            from annotate import push, sending
            from manifests.workspace import open_workspace
            sending._BATCH = 1
            with open_workspace({str(folder)!r}) as workspace:
                push.push(workspace, project="killed", quiet=True)
        """
        environment = {URL: address.url, KEY: address.token, DOCUMENT_ROOT: str(address.document_root)}
        pusher = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)],
            env={**os.environ, **environment},
            cwd=Path(__file__).parents[2],
        )
        with pusher:
            _wait_for_tasks(database, before + after_the_server + 3)
            pusher.kill()
        assert _count_tasks(database) - before < len(clips)

        # The third one finishes what is missing.
        with connect(address) as server:
            report = push(workspace, project="killed", server=server, quiet=True)
            tasks = tasks_of(server, report.project_id)
        copied.stop()
    assert sorted(task.clip_id for task in tasks) == clips
    assert report.tasks_added < len(clips) - 6
    assert report.proposals == len(clips)
    assert all(len(task.predictions) == 1 for task in tasks)
