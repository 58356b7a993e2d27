"""The ML backend: asked by a real Label Studio over HTTP, and refused without the secret."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from annotate.backend import Backend
from annotate.crowd_design import CrowdDesign, write_design
from annotate.label_studio import from_result
from annotate.project import open_project, task_data, tasks_of
from annotate.propose import Propose, Weights, propose
from annotate.push import push
from annotate.serve import SECRET, Desk, attach, secret_from_env
from annotate.server import KEY, URL, connect
from annotate.stretches import Stretch
from manifests.errors import BadInput, Unavailable
from manifests.ids import file_sha256
from manifests.poses import write_poses
from manifests.tables import TABLES
from manifests.workspace import open_workspace
from mgcollect.demo.annotators import annotate_by_script
from models.checkpoints import MODEL
from tests.annotate.datasets import N_FRAMES, dataset, proposal, table
from tests.annotate.test_kinematic import hand_at, poses, simulated
from tests.annotate.untaught import untaught_spotter
from tests.end_to_end.commands import ROOT, mgcollect

SHARED = "a secret of the tests 0123"
VERSION = Propose().version


def task_of(clip: str, start: int = 0, end: int = N_FRAMES) -> dict[str, object]:
    return {"id": 1, "data": task_data(Stretch.of(clip, start, end, N_FRAMES), "/data/x.mp4", 25.0)}


def frames_of(predictions: list[dict], n_frames: int = N_FRAMES) -> list[tuple[int, int, str]]:
    return [(r.start, r.end, r.label) for one in predictions for r in from_result(one["result"], n_frames).regions]


@pytest.fixture
def workspace(tmp_path):
    """c1 has stored proposals, written by hand as of the kinematic spotter; c2 has some of another model, c3 none."""
    stored = [
        proposal("c1", 5, 20, "touching_face") | {"model_version": VERSION},
        proposal("c1", 30, 45, "touching_jaw") | {"model_version": VERSION},
        proposal("c2", 5, 20, "touching_face"),
    ]
    with dataset(tmp_path / "d", ["c1", "c2", "c3"], stored) as workspace:
        yield workspace


def test_stored_proposals(workspace):
    one, two, three = Backend(workspace, Propose()).predict([task_of(clip) for clip in ("c1", "c2", "c3")])
    assert frames_of(one) == [(5, 20, "touching_face"), (30, 45, "touching_jaw")]
    assert [prediction["model_version"] for prediction in one] == [VERSION]
    assert (two, three) == ([], []), "another model's proposals, and no poses to propose from"


def test_missing_ones_are_computed_once(tmp_path):
    def touching(clip: str, start: int, end: int) -> None:
        moved = poses(hand_at(simulated(50), (200, 100), start, end), "coco17")
        write_poses(replace(moved, clip_id=clip), workspace.table_path("poses", clip))

    with dataset(tmp_path / "d", ["c1", "c2"], []) as workspace:
        touching("c1", 5, 25)
        propose(workspace, workers=0, quiet=True)
        before = workspace.read("proposals").to_pylist()
        touching("c2", 15, 35)
        backend = Backend(workspace, Propose())
        found = backend.predict([task_of("c1"), task_of("c2")])
        for predictions, start in zip(found, (5, 15), strict=True):
            (face,) = [one for one in frames_of(predictions) if one[2] == "touching_face"]
            assert abs(face[0] - start) <= 2
            assert abs(face[1] - start - 20) <= 2
        after = workspace.read("proposals").to_pylist()
        assert [row for row in after if row["clip_id"] == "c1"] == before
        assert {row["clip_id"] for row in after} == {"c1", "c2"}
        assert backend.predict([task_of("c1"), task_of("c2")]) == found
        assert propose(workspace, workers=0, quiet=True).done_now == 0


def test_a_window_gets_what_lies_in_it(workspace):
    found = Backend(workspace, Propose()).predict([task_of("c1", 0, 25), task_of("c1", 20, 50)])
    assert [frames_of(one, 30) for one in found] == [[(5, 20, "touching_face")], [(10, 25, "touching_jaw")]]


def test_what_the_design_hides_stays_hidden(workspace):
    write_design(workspace, CrowdDesign(without_proposals=0.99))
    assert Backend(workspace, Propose()).predict([task_of("c1"), task_of("c2")]) == [[], []]


def test_tasks_that_are_not_ours(workspace):
    backend = Backend(workspace, Propose())
    assert backend.predict([{"id": 7, "data": {"video": "x.mp4"}}, {"id": 8}, task_of("unknown")]) == [[], [], []]
    with pytest.raises(BadInput, match="task 9: its data isn't what `annotate push` wrote"):
        backend.predict([{"id": 9, "data": {"clip_id": "c1", "n_frames": "many"}}])


def test_a_secret_is_needed(monkeypatch):
    monkeypatch.delenv(SECRET, raising=False)
    with pytest.raises(Unavailable, match=f"{SECRET} is not set"):
        secret_from_env()
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(Unavailable, match=f"{SECRET} is shorter than 16 letters"):
        secret_from_env()
    monkeypatch.setenv(SECRET, SHARED)
    assert secret_from_env() == SHARED


def test_events_that_are_no_submissions_are_left(tmp_path):
    desk = Desk(tmp_path, Propose)
    assert [desk.note(action) for action in ("ANNOTATION_CREATED", "TASKS_CREATED", "")] == [True, False, False]


def test_a_spotter_trained_meanwhile_answers(tmp_path):
    trained = Propose(Weights("nowhere", "0" * 64))
    rows = [
        proposal("c1", start, start + 9, "touching_face") | {"model_version": version}
        for start, version in ((5, VERSION), (30, trained.version))
    ]
    with dataset(tmp_path / "d", ["c1"], rows):
        pass
    stages = iter([Propose(), trained])
    desk = Desk(tmp_path / "d", lambda: next(stages))
    [first], [second] = (asyncio.run(desk.predict([task_of("c1")])) for _ in range(2))
    desk.close()
    assert frames_of(first) == [(5, 14, "touching_face")]
    assert frames_of(second) == [(30, 39, "touching_face")]
    assert second[0]["model_version"] == trained.version


@contextmanager
def serving(folder: Path, *options: str, **environment: str) -> Iterator[tuple[str, list[str]]]:
    """`annotate serve` in a process of its own; gives its address and the lines that it says."""
    command = [sys.executable, "-m", "mgcollect.main", "annotate", "serve", "--dataset", str(folder), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", SECRET: SHARED, **environment}
    process = subprocess.Popen(
        [*command, *options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")))
    reader.start()
    try:
        until(lambda: any("Serving" in line for line in lines) or process.poll() is not None)
        found = re.search(r"Serving \S+ at (\S+)\. Stop", "".join(lines))
        assert found, "".join(lines)
        yield found[1], lines
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, "".join(lines)
        reader.join()
        process.stdout.close()
        assert "Traceback" not in "".join(lines)
        assert SHARED not in "".join(lines)


def until(holds, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it didn't come about"
        time.sleep(0.1)


def test_without_the_secret_nothing_is_answered(workspace):
    with serving(workspace.root, "--no-attach") as (url, _), httpx.Client(base_url=url, trust_env=False) as http:
        assert http.get("/health").json() == {"status": "UP"}
        for path in ("/setup", "/predict", "/webhook"):
            for auth in (None, ("mgcollect", "wrong"), ("somebody", SHARED)):
                assert http.post(path, json={}, auth=auth).status_code == 401
        ours = ("mgcollect", SHARED)
        assert http.post("/setup", json={"project": "1.2"}, auth=ours).json() == {"model_version": VERSION}
        answer = http.post("/predict", json={"tasks": [task_of("c1")]}, auth=ours).json()
        assert frames_of(answer["results"][0]) == [(5, 20, "touching_face"), (30, 45, "touching_jaw")]
        bad = http.post("/predict", json={"tasks": [{"data": {"clip_id": "c1", "start": "x"}}]}, auth=ours)
        assert (bad.status_code, "annotate push" in bad.json()["detail"]) == (400, True)
        assert http.post("/predict", content=b"\x00", auth=ours).status_code == 422


def test_what_is_trained_while_it_runs_answers_and_what_is_damaged_says_so(workspace):
    with serving(workspace.root, "--no-attach") as (url, _), httpx.Client(base_url=url, trust_env=False) as http:
        ours = ("mgcollect", SHARED)
        version = untaught_spotter(workspace.root / "spotters" / f"v0001-{'a' * 12}")
        asked = [http.post("/setup", json={}, auth=ours).json()["model_version"]]
        (version / "retrain.json").write_text("{}")  # with its record a version is finished
        asked.append(http.post("/setup", json={}, auth=ours).json()["model_version"])
        assert asked == [VERSION, f"spotter-{file_sha256(version / MODEL)[:12]}"]
        (version / MODEL).write_bytes(b"not weights")
        for path, body in (("/predict", {"tasks": [task_of("c1")]}), ("/setup", {})):
            bad = http.post(path, json=body, auth=ours)
            assert (bad.status_code, "not a readable safetensors file" in bad.json()["detail"]) == (400, True)


def test_a_command_that_cannot_serve(workspace):
    done = mgcollect("annotate", "serve", "--dataset", workspace.root, "--no-attach", **{SECRET: ""})
    assert (done.returncode, f"{SECRET} is not set" in done.stderr) == (2, True)
    with serving(workspace.root, "--no-attach") as (url, _):
        port = url.rpartition(":")[2]
        done = mgcollect(
            "annotate", "serve", "--dataset", workspace.root, "--no-attach", "--port", port, **{SECRET: SHARED}
        )
        assert (done.returncode, f"Can't listen on 127.0.0.1:{port}" in done.stderr) == (2, True)


@pytest.mark.slow
def test_label_studio_asks_and_tells(label_studio, request):
    title = request.node.name[:50]
    folder = label_studio.document_root / request.node.name
    address = label_studio.address()
    environment = {URL: address.url, KEY: address.token}
    with dataset(folder, ["c1", "c2"], []) as workspace, connect(address) as server:
        push(workspace, project=title, server=server, quiet=True)
        rows = [proposal("c1", 5, 20, "touching_face") | {"model_version": VERSION}]
        workspace.write("proposals", table("proposals", rows))
        project = open_project(server, title).id
        with serving(folder, "--project", title, "--pull-after", "0.5", **environment) as (url, lines):
            (hook,) = server.client.webhooks.list(project=str(project))
            assert (hook.url, hook.send_payload) == (f"{url}/webhook", False)
            attach(server, title, url, SHARED)  # again: nothing is doubled
            assert len(server.client.webhooks.list(project=str(project))) == 1
            (backend,) = server.client.ml.list(project=project)
            assert (backend.url, str(backend.state)) == (url, "CO")

            everything = {"selectedItems": {"all": True, "excluded": []}, "ordering": [], "project": project}
            answer = httpx.post(
                f"{address.url}/api/dm/actions?id=retrieve_tasks_predictions&project={project}",
                headers={"Authorization": f"Token {address.token}"},
                json=everything,
                trust_env=False,
                timeout=60,
            )
            assert answer.is_success, answer.text
            shown = {task.clip_id: task.predictions for task in tasks_of(server, project)}
            assert {clip: set(found) for clip, found in shown.items()} == {"c1": {VERSION}, "c2": set()}
            (stored,) = server.client.predictions.list(project=project)
            assert frames_of([{"result": stored.result}]) == [(5, 20, "touching_face")]

            with connect(label_studio.address("annotator-1")) as annotator:
                assert annotate_by_script(annotator, "annotator-1", project=title).done_now == 2
            until(lambda: any("Pulled" in line for line in lines))
            until(lambda: {row["clip_id"] for row in annotations_in(folder)} == {"c1", "c2"})


def annotations_in(folder: Path) -> list[dict]:
    with open_workspace(folder) as workspace:
        assert "annotations" in TABLES
        return workspace.read("annotations").to_pylist()


@pytest.mark.slow
def test_a_label_studio_that_cannot_call_back(label_studio, request):
    title = request.node.name[:50]
    with (
        dataset(label_studio.document_root / request.node.name, ["c1"], []) as workspace,
        connect(label_studio.address()) as server,
    ):
        push(workspace, project=title, server=server, quiet=True)
        with pytest.raises(Unavailable, match="ML_BLOCK_LOCAL_IP=false"):
            attach(server, title, "http://127.0.0.1:9", SHARED)
