"""Figures: well-formed pictures, whose CSV holds numbers worked out here; and stick figures that move."""

from __future__ import annotations

import csv
import io
from itertools import combinations, pairwise
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


def _linear(colour):
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _luminance(colour):
    return float(np.dot(_linear(colour), [0.2126, 0.7152, 0.0722]))


# What linear RGB looks like to those who lack one kind of cone: Machado, Oliveira and Fernandes, TVCG 2009, severity 1.
SEEN_BY = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "nobody else": np.eye(3),
}


def _lab(linear):
    """CIE 1976 L*a*b* of linear sRGB, white D65: a distance of about 2 is just seen."""
    to_xyz = np.array(
        [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    )
    shares = to_xyz @ np.clip(linear, 0, 1) / to_xyz.sum(axis=1)
    x, y, z = np.where(shares > (6 / 29) ** 3, np.cbrt(shares), shares / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _apart(one, other, matrix):
    return float(np.linalg.norm(_lab(np.array(matrix) @ _linear(one)) - _lab(np.array(matrix) @ _linear(other))))


def test_lightness_by_hand():
    assert _lab(np.ones(3)) == pytest.approx([100, 0, 0], abs=0.01)
    assert _lab(np.full(3, 0.18))[0] == pytest.approx(49.5, abs=0.1)  # a photographer's grey card


@pytest.mark.parametrize("eyes", SEEN_BY)
def test_colours_stay_apart_for_the_colour_blind(eyes):
    pairs = [(_apart(a, b, SEEN_BY[eyes]), a, b) for a, b in combinations(COLOURS, 2)]
    assert min(pairs)[0] > 10, min(pairs)
    assert min(_apart(colour, "#FFFFFF", SEEN_BY[eyes]) for colour in COLOURS) > 20  # on white paper


def test_the_red_and_green_that_plots_often_have_would_not():
    assert _apart("#D62728", "#2CA02C", SEEN_BY["deuteranopia"]) < 10
    assert _apart("#D62728", "#2CA02C", SEEN_BY["nobody else"]) > 40


def test_the_first_colours_differ_in_lightness_too():
    lightness = sorted(_luminance(colour) for colour in COLOURS[:2] + COLOURS[-2:])
    assert min(np.diff(lightness)) > 0.1  # told apart even without any colour
