"""Who annotates what: seats by hand and by property, and a real Label Studio that hands them out."""

from __future__ import annotations

from itertools import combinations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.assign import assign, gold_tasks, seats_of
from annotate.crowd_design import CrowdDesign, read_design
from annotate.label_studio import Answer, to_result
from annotate.project import Task, open_project, tasks_of
from annotate.push import push
from annotate.queue import queue
from annotate.server import DOCUMENT_ROOT, KEY, URL, connect
from manifests.errors import BadInput
from tests.annotate.datasets import dataset, proposal
from tests.end_to_end.commands import mgcollect


def test_seats_by_hand():
    # Four people, two seats: AB, then CD who have nothing; all have one, A is first and has shared none with C: AC, BD; AD, BC.
    seats = seats_of([f"t{i}" for i in range(6)], {f"t{i}": {} for i in range(6)}, ["A", "B", "C", "D"], 2)
    assert ["".join(sorted(who)) for who in seats.values()] == ["AB", "CD", "AC", "BD", "AD", "BC"]


def test_who_has_begun_keeps_the_seat():
    seen_by = {"t0": {"D": False}, "t1": {"A": True}, "gold": {"B": False}}
    seats = seats_of(["t0", "t1", "gold"], seen_by, ["A", "B", "C"], 2, {"gold"})
    assert "D" in seats["t0"], "somebody who left, and did it"
    assert len(seats["t0"]) == 2
    assert seats["t1"] == {"B", "C"}, "A skipped it"
    assert seats["gold"] == {"A", "B", "C"}


@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 60))
def test_seats_are_even(n, per_task, tasks):
    people = [f"A{i:02d}" for i in range(n)]
    order = [f"t{i}" for i in range(tasks)]
    seats = seats_of(order, {key: {} for key in order}, people, per_task)
    assert all(len(who) == min(per_task, n) for who in seats.values())
    loads = [sum(who in sitting for sitting in seats.values()) for who in people]
    assert max(loads) - min(loads) <= 1


def test_twenty_people_share_evenly():
    people = [f"A{i:02d}" for i in range(20)]
    order = [f"t{i}" for i in range(3400)]
    seats = seats_of(order, {key: {} for key in order}, people, 3)
    shared = [sum({a, b} <= who for who in seats.values()) for a, b in combinations(people, 2)]
    # 3,400 tasks of three pairs each, over 190 pairs: 53.7 on average.
    assert sum(shared) == 3400 * 3
    assert min(shared) >= 48
    assert max(shared) <= 59


def test_gold_share_by_hand():
    tasks = {f"c{i:02d}": Task(i, f"c{i:02d}", f"c{i:02d}", False) for i in range(50)}
    known = {f"c{i:02d}" for i in range(10)}
    # Five people, two seats. With g gold tasks each does g + (50 - g) · 2/5; g = 5 makes 5 of 23 (0.217), g = 4 4 of 22.4 (0.179).
    drawn = gold_tasks(sorted(tasks), tasks, known, CrowdDesign(gold=0.2), 5)
    assert len(drawn) == 5
    assert drawn <= known
    assert drawn < gold_tasks(sorted(tasks), tasks, known, CrowdDesign(gold=0.3), 5), "what was drawn stays drawn"
    assert gold_tasks(sorted(tasks), tasks, known, CrowdDesign(gold=0.5), 5) == known, "all that there are"
    assert gold_tasks(sorted(tasks), tasks, known, CrowdDesign(), 5) == set()


@pytest.mark.slow
def test_label_studio_hands_out_seats(label_studio, request, monkeypatch):
    title, address = request.node.name[:50], label_studio.address()
    for name, value in {URL: address.url, KEY: address.token, DOCUMENT_ROOT: str(address.document_root)}.items():
        monkeypatch.setenv(name, value)
    folder = label_studio.document_root / request.node.name
    clips = [f"c{i}" for i in range(6)]
    with dataset(folder, clips, [proposal("c3", 0, 10, "head_up", 0.5)]) as workspace, connect(address) as server:
        with pytest.raises(BadInput, match=r"gold\.csv knows no clip"):
            assign(workspace, project=title, gold=0.2, server=server, quiet=True)
        (folder / "gold.csv").write_text("clip_id,start,end,label\nc5,0,10,head_up\n")
        push(workspace, project=title, design=CrowdDesign(per_task=1), server=server, quiet=True)
        with pytest.raises(BadInput, match="knows no A99"):
            assign(workspace, project=title, people=["A99"], server=server, quiet=True)
        report = assign(workspace, project=title, gold=0.2, server=server, quiet=True)
        who = [one.annotator_id for one in report.loads]
        assert who == sorted(who)
        assert address.token not in repr(report)
        assert "A01" not in who, "the owner of the token runs the crowd"
        assert (report.gold, report.moved) == (1, 6)
        assert sum(one.tasks for one in report.loads) == 5 + len(who)
        assert assign(workspace, project=title, server=server, quiet=True).moved == 0
        assert read_design(workspace).gold == 0.2
        queue(workspace, project=title, server=server, quiet=True)

        first, second = who[0], who[1]
        role = {f"A{label_studio_user(label_studio, r):02d}": r for r in ("annotator-1", "annotator-2")}
        done = {first: labelled(label_studio, report, first, role, title), second: []}
        # The gold task has a seat for everybody, and is not closed by the first of them.
        done[second] = labelled(label_studio, report, second, role, title)
        assert set(done[first]) & set(done[second]) == {"c5"}
        assert len(done[first]) == report.loads[0].tasks
        marks = {task.clip_id: task.data["seats"] for task in tasks_of(server, open_project(server, title).id)}
        assert marks["c5"].count("A") == len(who)
        assert push(workspace, project=title, server=server, quiet=True).tasks_added == 0
        assert assign(workspace, project=title, server=server, quiet=True).moved == 0
    # By the command line; somebody leaves, and keeps what is done.
    answer = mgcollect("annotate", "assign", "--dataset", folder, "--project", title, "--annotator", second)
    assert answer.returncode == 0, answer.stderr
    assert "gold tasks" in answer.stdout


def label_studio_user(label_studio, role: str) -> int:
    with connect(label_studio.address(role)) as server:
        return server.user_id


def labelled(label_studio, report, who: str, role: dict[str, str], title: str) -> list[str]:
    """What an annotator is handed out from their tab, one after the other, to the end."""
    address = label_studio.address(role[who])
    tab = next(one.url for one in report.loads if one.annotator_id == who).rpartition("tab=")[2]
    got = []
    with connect(address) as server:
        number = open_project(server, title).id
        view = server.client.views.get(id=tab)
        while True:
            answer = httpx.post(
                f"{address.url}/api/dm/actions?id=next_task&tabID={tab}&project={number}",
                headers={"Authorization": f"Token {address.token}"},
                json={"ordering": view.data["ordering"], "filters": view.data["filters"], "project": number},
                trust_env=False,
                timeout=60,
            )
            if answer.status_code == httpx.codes.NOT_FOUND:
                return got
            assert answer.is_success, answer.text
            got.append(answer.json()["data"]["clip_id"])
            server.client.annotations.create(id=answer.json()["id"], result=to_result(Answer("nothing")))
