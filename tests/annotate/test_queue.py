"""The order of the queue, worked out by hand, and a real Label Studio that hands tasks out in it."""

from __future__ import annotations

import csv

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.label_studio import Answer, to_result
from annotate.project import open_project
from annotate.push import push
from annotate.queue import QUEUE, TAB, Worth, in_order, queue
from annotate.server import connect
from collector.windows import cut_windows
from manifests.errors import BadInput
from tests.annotate.datasets import dataset, proposal, table
from tests.annotate.test_adjudicate import said
from tests.manifests import samples


def keys(order) -> list[str]:
    return [one.key for one in order]


def test_of_one_person_one_comes_early():
    worth = {"a1": Worth(0.9, 0, 0), "a2": Worth(0.8, 0, 0), "b": Worth(0.5, 0, 0), "c": Worth(0, 0, 0)}
    people = {"a1": "A", "a2": "A", "b": "B", "c": "C"}
    # a1 1.9; then a2 is worth 0.8 + 1/2, b 0.5 + 1, c 1.
    order = in_order(worth, people, {})
    assert keys(order) == ["a1", "b", "a2", "c"]
    assert [one.priority for one in order] == pytest.approx([1.9, 1.5, 1.3, 1.0])
    # Three of A were judged already: a1 is worth 0.9 + 1/4, a2 then 0.8 + 1/5.
    assert keys(in_order(worth, people, {"A": 3})) == ["b", "a1", "a2", "c"]


@given(
    st.dictionaries(
        st.text("abcdef", min_size=1, max_size=3),
        st.tuples(st.sampled_from("PQR"), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
        max_size=12,
    )
)
def test_each_choice_is_the_best_there_is(drawn):
    worth = {key: Worth(*numbers) for key, (_, *numbers) in drawn.items()}
    people = {key: person for key, (person, *_) in drawn.items()}
    order = in_order(worth, people, {})
    assert sorted(keys(order)) == sorted(worth)
    chosen: dict[str, int] = {}
    left = set(worth)
    for one in order:
        best = max(worth[key].total + 1 / (1 + chosen.get(people[key], 0)) for key in left)
        assert one.priority == pytest.approx(best)
        left.remove(one.key)
        chosen[one.player_id] = chosen.get(one.player_id, 0) + 1


def test_reasons_by_hand(tmp_path):
    proposals = [
        proposal("sure", 0, 10, "head_up", 1.0),
        proposal("torn", 0, 10, "head_up", 0.5),
        proposal("rare", 0, 10, "touching_ears", 0.75),
    ]
    with dataset(tmp_path / "d", ["sure", "torn", "rare", "empty", "done", "fought"], proposals) as workspace:
        with pytest.raises(BadInput, match="nothing was pushed yet"):
            queue(workspace, project=None, quiet=True)
        cut_windows(workspace, quiet=True)
        both = [said("done", who, 5, 25, "touching_neck") for who in ("A01", "A02")]
        apart = [said("fought", "A01", 5, 25, "touching_face"), said("fought", "A02", 5, 25, "touching_jaw")]
        workspace.write("annotations", table("annotations", [*both, *apart]))
        # Four head_up were agreed on and one touching_ears, which is therefore 3/4 rare.
        agreed = [samples.gesture(f"g{i}", "done", label="head_up") for i in range(4)]
        workspace.write("gestures", table("gestures", [*agreed, samples.gesture("g9", "done", label="touching_ears")]))
        report = queue(workspace, project=None, quiet=True)
        found = {one.key: one.worth for one in report.queue}
        assert set(found) == {"sure", "torn", "rare", "empty", "fought"}
        assert report.done == 1
        assert (found["sure"].uncertain, found["torn"].uncertain) == (0, 1)
        assert found["rare"].uncertain == pytest.approx(0.811278, abs=1e-6)  # of 3/4, in bits
        assert (found["torn"].rare, found["rare"].rare) == (0, pytest.approx(0.75 * 0.75))
        assert found["empty"].total == 0
        assert found["fought"].disputed > 0.2
        with (tmp_path / "d" / QUEUE).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["clip_id"] for row in rows] == keys(report.queue)
        assert [int(row["place"]) for row in rows] == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_label_studio_follows(label_studio, request):
    title, address = request.node.name[:50], label_studio.address()
    proposals = [proposal("c1", 0, 10, "head_up", 0.99), proposal("c3", 0, 10, "head_up", 0.5)]
    folder = label_studio.document_root / request.node.name
    with dataset(folder, ["c1", "c2", "c3"], proposals) as workspace, connect(address) as server:
        push(workspace, project=title, server=server, quiet=True)
        report = queue(workspace, project=title, server=server, quiet=True)
        # c3 is torn; c1 may be of a rare class, as everything may before anything was agreed on; c2 has nothing.
        assert (keys(report.queue), report.moved) == (["c3", "c1", "c2"], 3)
        assert queue(workspace, project=title, server=server, quiet=True).moved == 0
        number = open_project(server, title).id
        (view,) = [one for one in server.client.views.list(project=number) if one.data["title"] == TAB]
        assert report.url.endswith(f"tab={view.id}")
        # Somebody sorts the tab in another way; the next run puts it right.
        server.client.views.update(id=str(view.id), data={**view.data, "ordering": ["-tasks:id"]}, project=number)
        queue(workspace, project=title, server=server, quiet=True)
        (view,) = [one for one in server.client.views.list(project=number) if one.data["title"] == TAB]
        assert view.data["ordering"] == ["tasks:data.queue"]

        def handed_out(role: str) -> tuple[str, int]:
            answer = httpx.post(
                f"{address.url}/api/dm/actions?id=next_task&tabID={view.id}&project={number}",
                headers={"Authorization": f"Token {label_studio.address(role).token}"},
                json={"ordering": view.data["ordering"], "project": number},
                trust_env=False,
                timeout=60,
            )
            assert answer.is_success, answer.text
            return answer.json()["data"]["clip_id"], answer.json()["id"]

        got = []
        with connect(label_studio.address("annotator-1")) as annotator:
            for _ in range(3):
                clip, task = handed_out("annotator-1")
                got.append(clip)
                nothing = to_result(Answer("nothing"))
                annotator.client.annotations.create(id=task, result=nothing)
        assert got == ["c3", "c1", "c2"]
        assert push(workspace, project=title, server=server, quiet=True).tasks_added == 0, "places are no news to push"
