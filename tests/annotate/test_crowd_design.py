"""How tasks are laid out over a crowd."""

from __future__ import annotations

import pytest

from annotate.agree import agree
from annotate.crowd_design import CrowdDesign, read_design, write_design
from annotate.shown import note_shown, shown_proposals
from manifests.errors import BadInput
from tests.annotate.datasets import dataset, proposal, table
from tests.manifests.samples import annotation


def test_the_share_without_proposals_is_kept_and_stays_as_clips_come():
    design = CrowdDesign(without_proposals=0.2, seed=3)
    without = {clip for clip in (f"c{i}" for i in range(2000)) if not design.shows_proposals(clip)}
    assert 350 < len(without) < 450  # 400 expected, of standard deviation 18
    more = CrowdDesign(without_proposals=0.3, seed=3)
    assert not any(more.shows_proposals(clip) for clip in without)  # a larger share holds the smaller one
    assert all(CrowdDesign().shows_proposals(clip) for clip in without)


def test_what_was_shown_and_how_agreement_differs_without(tmp_path):
    clips = [f"c{i}" for i in range(8)]
    design = CrowdDesign(without_proposals=0.5)
    bare = [clip for clip in clips if not design.shows_proposals(clip)]
    assert 0 < len(bare) < 8
    rows = []
    for clip in clips:
        # Led by a proposal they agree; without one they see different things.
        second = "head_up" if clip not in bare else "biting_nails"
        of_clip = {"start": 5, "end": 25}
        rows += [
            annotation(f"{clip}-1", clip, submission_id=f"{clip}-1", label="head_up", **of_clip),
            annotation(f"{clip}-2", clip, submission_id=f"{clip}-2", annotator_id="A02", label=second, **of_clip),
        ]
    with dataset(tmp_path / "d", clips, [proposal(clip, 5, 25, "head_up") for clip in clips]) as workspace:
        workspace.write("annotations", table("annotations", rows))
        assert agree(workspace).without_proposals is None
        write_design(workspace, design)
        assert read_design(workspace) == design
        assert sorted(shown_proposals(workspace)) == sorted(set(clips) - set(bare))
        found = agree(workspace)
    assert (found.with_proposals.f1_labelled, found.with_proposals.clips) == (1, 8 - len(bare))
    assert (found.without_proposals.f1_labelled, found.without_proposals.clips) == (0, len(bare))


def test_of_several_models_the_one_taken_up_was_shown(tmp_path):
    first, second = proposal("c1", 0, 9, "head_up"), proposal("c1", 5, 25, "head_up") | {"model_version": "by-hand-0"}

    def shown(workspace):
        return [row["proposal_id"] for row in shown_proposals(workspace)["c1"]]

    with dataset(tmp_path / "d", ["c1"], [first, second]) as workspace:
        assert shown(workspace) == [first["proposal_id"]]  # the later name, where nobody took any up
        workspace.write("annotations", table("annotations", [annotation("a", from_proposal=second["proposal_id"])]))
        assert shown(workspace) == [second["proposal_id"]]


def test_what_was_shown_stays_when_something_else_is_proposed(tmp_path):
    def noted(clip, proposal_id=None, **columns):
        empty = dict.fromkeys(("start", "end", "label", "model_version"))
        return {**empty, **columns, "stretch": clip, "clip_id": clip, "proposal_id": proposal_id}

    later = [proposal(clip, 5, 25, "head_up") | {"model_version": "later"} for clip in ("c1", "c2", "c3")]
    with dataset(tmp_path / "d", ["c1", "c2", "c3"], later) as workspace:
        first = noted("c1", "was-there", start=0, end=9, label="touching_neck", model_version="first")
        note_shown(workspace, [first, noted("c2")])
        shown = shown_proposals(workspace)
        assert [row["proposal_id"] for row in shown["c1"]] == ["was-there"]
        assert shown["c2"] == [], "they saw none"
        assert [row["model_version"] for row in shown["c3"]] == ["later"], "nothing is noted of it"
        written = workspace.table_path("shown").stat()
        note_shown(workspace, [first])
        assert workspace.table_path("shown").stat() == written, "nothing is written twice"
        note_shown(workspace, [noted("c1")])
        assert shown_proposals(workspace)["c1"] == []


@pytest.mark.parametrize("options", [{"per_task": 0}, {"without_proposals": 1.0}, {"without_proposals": -0.1}])
def test_wrong_options(options):
    with pytest.raises(BadInput):
        CrowdDesign(**options)


def test_a_damaged_design(tmp_path):
    with dataset(tmp_path / "d", [], []) as workspace:
        (workspace.root / "crowd.json").write_text('{"per_tusk": 2}')
        with pytest.raises(BadInput, match=r"crowd\.json is damaged"):
            read_design(workspace)
