"""Runs beside each other, and beside what is published."""

from __future__ import annotations

import json

import pytest

from benchmarks.compare import compare
from benchmarks.published import PUBLISHED, beside_published
from benchmarks.suite import benchmark
from manifests.errors import BadInput


def _run(release, out, **options):
    benchmark(release.path, out, quiet=True, tasks=["supervised"], seeds=1, **options)
    return out


def test_the_same_methods_twice_do_not_differ(make_release, tmp_path):
    release = make_release(4)
    one, two = (_run(release, tmp_path / name, methods=["majority", "kinematics-ridge"]) for name in ("one", "two"))
    found = compare(one, two)
    assert set(found.differences) == {"majority", "kinematics-ridge"}
    assert all(d.value == 0 and d.p_corrected == 1 for some in found.differences.values() for d in some)
    assert "majority" in found.text()


def test_a_better_version_of_a_method_shows(make_release, tmp_path):
    release = make_release(4)
    runs = []
    for name, answer in (("before", 0), ("after", 7)):
        file = tmp_path / name / "mine.py"
        file.parent.mkdir()
        file.write_text(
            f"def fit(samples, labels, taxonomy, seed): return {answer}\n"
            "def predict(fitted, samples): return [fitted] * len(samples)\n"
        )
        runs.append(_run(release, tmp_path / f"{name}-run", methods=[str(file)]))
    (differences,) = compare(runs[1], runs[0]).differences.values()
    top1 = next(d for d in differences if d.metric == "top1")
    assert top1.value == 0.5  # class 7 is half of the gestures, class 0 none
    assert top1.low > 0


def test_methods_that_only_one_run_has_are_named(make_release, tmp_path):
    release = make_release(3)
    one, two = _run(release, tmp_path / "one", methods=["majority"]), _run(release, tmp_path / "two", methods=None)
    found = compare(one, two)
    assert (found.only_first, found.only_second) == ([], ["kinematics-ridge"])
    assert "Only in" in found.text()


def test_runs_over_different_releases_cannot_be_paired(make_release, tmp_path):
    one = _run(make_release(3), tmp_path / "one", methods=["majority"])
    two = _run(make_release(4, name="other"), tmp_path / "two", methods=["majority"])
    with pytest.raises(BadInput, match="both must score one release"):
        compare(one, two)


def test_no_run_there(tmp_path):
    with pytest.raises(BadInput, match="no finished run of the benchmark"):
        compare(tmp_path, tmp_path)


def _from(platform):
    return {"videos": lambda rows: [row | {"platform": platform} for row in rows]}


def test_published_figures_stand_beside_a_run_on_that_set_only(make_release, tmp_path):
    own = _run(make_release(3), tmp_path / "own", methods=["majority"])
    with pytest.raises(BadInput, match="scored no release imported from iMiGUE or SMG"):
        beside_published(own)
    smg = _run(make_release(3, change=_from("smg"), name="smg"), tmp_path / "smg", methods=["majority"])
    text = beside_published(smg)
    assert "0.500  majority (this run, mean of 1 seeds)" in text
    assert "0.647  MS-G3D, pose; Chen et al., SMG" in text.replace("0.6475", "0.647").replace("0.648", "0.647")
    assert "This release holds 18 gestures, SMG 3,692: not the same test." in text
    assert "iMiGUE" not in text


def test_published_figures_are_shares_with_a_source():
    figures = [figure for known in PUBLISHED.values() for figure in known.figures]
    assert all(0 < figure.value < 1 and "http" in figure.source for figure in figures)
    # Two read again by hand from the tables of the papers' repositories.
    assert any((f.method, f.metric, f.value) == ("MS-G3D", "top5", 0.8998) for f in PUBLISHED["imigue"].figures)
    assert any((f.method, f.metric, f.value) == ("ST-GCN", "top1", 0.4148) for f in PUBLISHED["smg"].figures)


def test_the_files_keep_the_differences(make_release, tmp_path):
    out = _run(make_release(4), tmp_path / "out", methods=["majority", "kinematics-ridge"])
    differences = json.loads((out / "scores.json").read_text())["differences"]
    assert {d["metric"] for d in differences} >= {"top1", "mean_class_accuracy", "macro_f1"}
    assert all(d["first"] == "kinematics-ridge" and d["p"] <= d["p_corrected"] <= 1 for d in differences)
