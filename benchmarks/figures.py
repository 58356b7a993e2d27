"""The report's figures: each an SVG, with the numbers that it draws as CSV.

Colours are those of Okabe and Ito, which people with the common colour blindnesses can tell apart; lines and points differ in
dash or shape as well.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from benchmarks.animation import animated
from benchmarks.report import BenchmarkReport
from benchmarks.scores import Result

__all__ = ["COLOURS", "Figure", "draw_figures"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
_DASHES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX*"
_GREY = "#BBBBBB"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: smaller, and can be searched
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}
_Row = Sequence[object]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: of its files.
        task: under which it stands in the report.
        caption: what it shows.
        svg: the picture.
        columns, rows: the numbers in it.
    """

    name: str
    task: str
    caption: str
    svg: str
    columns: tuple[str, ...]
    rows: list[_Row]

    @property
    def csv(self) -> str:
        """The numbers, with a line of names first."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return text.getvalue()


def draw_figures(report: BenchmarkReport) -> list[Figure]:
    """Every figure that the run has data for, in the order of the report."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": report.digest}):
        return [
            *_per_class(report),
            *_confusions(report),
            *_label_efficiency(report),
            *_embedding_maps(report),
            *_reliability(report),
            *_retrieved(report),
            *_roc(report),
        ]


def _svg(canvas: Canvas) -> str:
    text = io.StringIO()
    # Without a date, the same numbers give the same bytes.
    canvas.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _canvas(width: float, height: float, title: str, report: BenchmarkReport) -> tuple[Canvas, Axes]:
    canvas = Canvas(figsize=(width, height), facecolor="white")
    axes = canvas.add_subplot()
    axes.set_title(report.heading(title), loc="left", fontsize=11)
    return canvas, axes


def _matrices(report: BenchmarkReport, task: str) -> list[tuple[str, Result, np.ndarray[Any, np.dtype[np.int64]]]]:
    return [
        (method, result, np.array(result.confusion))
        for (of, method), result in report.confusions.items()
        if of == task and np.array(result.confusion).sum()
    ]


def _per_class(report: BenchmarkReport) -> Iterator[Figure]:
    found = _matrices(report, "supervised")
    if not found:
        return
    classes = found[0][1].classes
    asked = found[0][2].sum(axis=1)
    order = [i for i in np.argsort(asked, kind="stable") if asked[i]]
    canvas, axes = _canvas(7.5, 1.2 + 0.3 * len(order), "share of each class found", report)
    rows: list[_Row] = []
    thick = 0.8 / len(found)
    for k, (method, _, counts) in enumerate(found):
        recall = [counts[i, i] / asked[i] for i in order]
        places = np.arange(len(order)) + (k - (len(found) - 1) / 2) * thick
        axes.barh(places, recall, thick, color=COLOURS[k % len(COLOURS)], label=method)
        rows += [(classes[i], method, int(asked[i]), round(value, 6)) for i, value in zip(order, recall, strict=True)]
    axes.set_yticks(range(len(order)), [f"{classes[i]} ({asked[i]})" for i in order])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share found (recall); in brackets: how many were tested")
    axes.legend(frameon=False, loc="lower right")
    caption = "How much of each class was found, the most frequent first."
    yield Figure(
        "per-class", "supervised", caption, _svg(canvas), ("class", "method", "tested", "recall"), sorted(rows, key=str)
    )


def _confusions(report: BenchmarkReport) -> Iterator[Figure]:
    for method, result, counts in _matrices(report, "supervised"):
        used = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
        share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        side = 2.5 + 0.22 * len(used)
        canvas, axes = _canvas(side + 1, side, f"confusion of {method}", report)
        image = axes.imshow(share[np.ix_(used, used)], cmap="cividis", vmin=0, vmax=1)
        names = [result.classes[i] for i in used]
        axes.set_xticks(range(len(used)), names, rotation=90, fontsize=8)
        axes.set_yticks(range(len(used)), names, fontsize=8)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        canvas.colorbar(image, ax=axes, label="share of the true class", shrink=0.7)
        rows: list[_Row] = [(result.classes[i], result.classes[j], int(counts[i, j])) for i in used for j in used]
        name = f"confusion-{_file(method)}"
        caption = f"What {method} calls the gestures of each class (first seed)."
        yield Figure(name, "supervised", caption, _svg(canvas), ("true", "predicted", "count"), rows)


def _label_efficiency(report: BenchmarkReport) -> Iterator[Figure]:
    lines = [line for line in report.lines("semi-supervised") if line.metric == "top1" and line.fraction is not None]
    if not lines:
        return
    whole = [line for line in report.lines("supervised") if line.metric == "top1"]
    canvas, axes = _canvas(6, 3.6, "accuracy by share of labels", report)
    rows: list[_Row] = []
    for k, method in enumerate(dict.fromkeys(line.method for line in lines)):
        points = sorted(
            (line.fraction or 1.0, line.value, line.low, line.high, line.deviation)
            for line in [*lines, *whole]
            if line.method == method
        )
        x, y = [p[0] for p in points], [p[1] for p in points]
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(x, y, color=colour, ls=_DASHES[k % 4], marker=_MARKERS[k % 8], label=method)
        if all(p[2] is not None and p[3] is not None for p in points):
            axes.fill_between(
                x, [p[2] or 0 for p in points], [p[3] or 0 for p in points], color=colour, alpha=0.15, lw=0
            )
        rows += [(method, *("" if value is None else round(value, 6) for value in p)) for p in points]
    axes.set_xscale("log")
    ticks = sorted({float(str(row[1])) for row in rows})
    axes.set_xticks(ticks, [f"{tick:.0%}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.set_xlabel("share of the labels of train")
    axes.set_ylabel("top-1")
    axes.legend(frameon=False)
    caption = "Top-1 by share of labels; bands: 95 % interval over people, mean over seeds."
    columns = ("method", "fraction", "top1", "low", "high", "deviation_over_seeds")
    yield Figure("label-efficiency", "semi-supervised", caption, _svg(canvas), columns, rows)


def _of(report: BenchmarkReport, task: str, what: str) -> Iterator[tuple[str, Any]]:
    for (of, method), pictures in report.pictures.items():
        if of == task and what in pictures:
            yield method, pictures[what]


def _embedding_maps(report: BenchmarkReport) -> Iterator[Figure]:
    for method, data in _of(report, "unsupervised", "map"):
        points, labels = np.array(data["points"]), data["labels"]
        frequent = sorted(set(labels), key=lambda label: (-labels.count(label), label))[: len(COLOURS) - 1]
        canvas, axes = _canvas(7.5, 4.6, f"map of the embedding of {method}", report)
        rest = np.array([label not in frequent for label in labels])
        axes.scatter(points[rest, 0], points[rest, 1], s=8, c=_GREY, label="other classes", lw=0)
        for k, label in enumerate(frequent):
            mine = np.array([each == label for each in labels])
            axes.scatter(points[mine, 0], points[mine, 1], s=16, c=COLOURS[k], marker=_MARKERS[k], label=label, lw=0)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
        rows: list[_Row] = [(*point, label) for point, label in zip(data["points"], labels, strict=True)]
        caption = f"Tested gestures as {method} sees them, laid out by t-SNE; near means alike, axes mean nothing."
        yield Figure(f"map-{_file(method)}", "unsupervised", caption, _svg(canvas), ("x", "y", "class"), rows)


def _reliability(report: BenchmarkReport) -> Iterator[Figure]:
    found = list(_of(report, "unsupervised", "reliability"))
    if not found:
        return
    canvas, axes = _canvas(5, 4.4, "reliability of the linear probe", report)
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1)
    rows: list[_Row] = []
    for k, (method, bins) in enumerate(found):
        x, y, n = (np.array(column, dtype=float) for column in zip(*bins, strict=True))
        error = float((np.abs(x - y) * n).sum() / n.sum())
        label = f"{method} (expected calibration error {error:.3f})"
        axes.plot(x, y, color=COLOURS[k % len(COLOURS)], ls=_DASHES[k % 4], marker=_MARKERS[k % 8], label=label)
        rows += [(method, *each) for each in bins]
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("probability that it gives its answer")
    axes.set_ylabel("share of these answers that are right")
    axes.legend(frameon=False, fontsize=8)
    caption = "Where a line lies under the diagonal, the probe is surer than it is right."
    columns = ("method", "confidence", "accuracy", "count")
    yield Figure("reliability", "unsupervised", caption, _svg(canvas), columns, rows)


def _retrieved(report: BenchmarkReport) -> Iterator[Figure]:
    for method, queries in _of(report, "retrieval", "retrieved"):
        rows: list[_Row] = [
            (query["items"][0]["gesture_id"], query["items"][0]["label"], rank, hit["gesture_id"], hit["label"])
            for query in queries
            for rank, hit in enumerate(query["items"][1:], 1)
        ]
        columns = ("query", "query_class", "rank", "found", "found_class")
        caption = f"What {method} finds for some queries: the query to the left, then its nearest; framed where the class is right."
        title = report.heading(f"retrieval by {method}")
        yield Figure(f"retrieved-{_file(method)}", "retrieval", caption, animated(title, queries), columns, rows)


def _roc(report: BenchmarkReport) -> Iterator[Figure]:
    curves = [pair for _, found in _of(report, "emotion", "roc") for pair in found.items()]
    if not curves:
        return
    canvas, axes = _canvas(5.4, 4.6, "won or lost: ROC", report)
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1)
    rows: list[_Row] = []
    for k, (method, points) in enumerate(curves):
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=COLOURS[k % len(COLOURS)], ls=_DASHES[k % 4], label=method)
        rows += [(method, *point) for point in points]
    axes.set_xlabel("share of lost called won")
    axes.set_ylabel("share of won called won")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    caption = "Each method's trade between the two errors; the diagonal is chance."
    yield Figure("roc", "emotion", caption, _svg(canvas), ("method", "false_won", "true_won"), rows)


def _file(method: str) -> str:
    """A method's name as part of a file's."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in method).strip("-.")
