"""Figures: well-formed pictures, whose CSV holds numbers worked out here; and stick figures that move."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.animation import animated, stick_figure
from benchmarks.corpus import Corpus
from benchmarks.figures import COLOURS, draw_figures
from benchmarks.suite import benchmark
from models.skeletons import skeleton

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from benchmarks.simulated import Size, simulated_release

    folder = tmp_path_factory.mktemp("figures")
    release = simulated_release(folder / "simulated", Size(people=12, videos=24, minutes=2.0), quiet=True)
    return benchmark(release, folder / "out", methods=["majority", "kinematics-ridge"], seeds=1, quiet=True)


def _rows(figure):
    return list(csv.DictReader(io.StringIO(figure.csv)))


def test_every_figure_is_there_as_svg_and_csv(report):
    figures = {figure.name: figure for figure in draw_figures(report)}
    assert set(figures) >= {"per-class", "label-efficiency", "reliability", "roc", "confusion-majority"}
    assert set(figures) >= {"map-kinematics-ridge", "retrieved-kinematics-ridge", "confusion-kinematics-ridge"}
    for name, figure in figures.items():
        root = ElementTree.fromstring(figure.svg)  # noqa: S314 - made just now, by us
        assert root.tag == f"{SVG}svg"
        assert not [e for e in root.iter() if e.tag == f"{SVG}script"]
        assert (report.out / "figures" / f"{name}.svg").read_text() == figure.svg
        assert (report.out / "figures" / f"{name}.csv").read_text() == figure.csv
        assert len(_rows(figure)) > 0
        assert "Simulated corpus: " in figure.svg


def test_the_same_run_draws_the_same_bytes(report):
    assert [f.svg for f in draw_figures(report)] == [f.svg for f in draw_figures(report)]


def test_per_class_by_hand_from_the_confusion_matrix(report):
    figure = next(f for f in draw_figures(report) if f.name == "per-class")
    counts = np.array(report.confusions["supervised", "kinematics-ridge"].confusion)
    classes = report.confusions["supervised", "kinematics-ridge"].classes
    for row in _rows(figure):
        if row["method"] == "kinematics-ridge":
            k = classes.index(row["class"])
            assert float(row["recall"]) == pytest.approx(counts[k, k] / counts[k].sum(), abs=1e-6)
            assert int(row["tested"]) == counts[k].sum()


def test_the_area_under_the_drawn_roc_is_the_score(report):
    figure = next(f for f in draw_figures(report) if f.name == "roc")
    for method in {row["method"] for row in _rows(figure)}:
        points = [(float(r["false_won"]), float(r["true_won"])) for r in _rows(figure) if r["method"] == method]
        area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in pairwise(points))
        (auc,) = (s.value for s in report.scores if (s.task, s.method, s.metric) == ("emotion", method, "auc"))
        assert area == pytest.approx(auc, abs=1e-4)


def test_reliability_holds_every_tested_gesture_once(report):
    figure = next(f for f in draw_figures(report) if f.name == "reliability")
    rows = _rows(figure)
    tested = np.array(report.confusions["supervised", "kinematics-ridge"].confusion).sum()
    assert sum(int(row["count"]) for row in rows) == tested
    right = sum(float(row["accuracy"]) * int(row["count"]) for row in rows) / tested
    (probe,) = (s.value for s in report.scores if s.metric == "linear_probe")
    assert right == pytest.approx(probe, abs=1e-5)


def test_stick_figures_move_and_stay_in_their_cell(make_release):
    sample = Corpus(make_release(2)).samples[0]
    drawn = stick_figure(sample, "folding_arms")
    limbs = len(skeleton("coco17").limbs)
    assert len(drawn["frames"]) == 12
    assert all(len(frame) == limbs for frame in drawn["frames"])
    strokes = np.array(drawn["frames"])
    assert strokes.min() >= 0
    assert strokes.max() <= 120
    root = ElementTree.fromstring(animated("<Title> & more", [{"items": [drawn, drawn | {"label": "other"}]}]))  # noqa: S314 - made just now, by us
    movements = list(root.iter(f"{SVG}animate"))
    assert len(movements) == 2
    assert all(len(m.attrib["values"].split(";")) == 12 for m in movements)


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_the_first_colours_differ_in_lightness_too():
    lightness = sorted(_luminance(colour) for colour in COLOURS[:2] + COLOURS[-2:])
    assert min(np.diff(lightness)) > 0.1  # told apart even without any colour
