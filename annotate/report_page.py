"""The crowd's report as one HTML page: no script, nothing from the network, readable on paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from annotate.annotators import Figure, Profile
from annotate.crowd_report import CrowdReport, Dispute, survey
from annotate.intervals import Interval
from manifests.parquet import write_text
from manifests.taxonomy import by_label
from manifests.workspace import Workspace

__all__ = ["draw", "report"]

_FEW = 5  # segments of a class, below which its figure says little
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 640, 200, 48, 24

_STYLE = """
body {font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #1b1b1b}
h1 {font-size: 1.6em; margin-bottom: 0} h2 {font-size: 1.15em; margin: 2em 0 .4em}
p.note {color: #555; margin: .2em 0 1em} table {border-collapse: collapse; width: 100%}
th, td {text-align: left; padding: .25em .8em .25em 0; border-bottom: 1px solid #ddd; vertical-align: top}
th {font-weight: 600; color: #555} td.n {font-variant-numeric: tabular-nums; white-space: nowrap}
.figures {display: flex; gap: 1em 2em; flex-wrap: wrap; margin: 1em 0} .figures b {display: block; font-size: 1.7em}
.bar {background: #e6e6e6; height: 10px} .bar div {background: #0072b2; height: 10px}
svg {max-width: 100%; height: auto} svg text {font: 12px system-ui, sans-serif; fill: #555} small {color: #555}
td small {white-space: normal}
"""


def report(workspace: Workspace, tiou: float = 0.5) -> CrowdReport:
    """Write `reports/crowd.html` in the dataset's folder.

    Raises:
        BadInput: nothing was annotated yet, or `gold.csv` has wrong rows.
    """
    found = survey(workspace, tiou)
    write_text(found.path, draw(found))
    return found


def draw(report: CrowdReport) -> str:
    """The page as HTML."""
    parts = [
        _first_figures(report),
        "<h2>Progress</h2>" + _progress(report),
        "<h2>Agreement over time</h2>" + _over_time(report),
        "<h2>Annotators</h2>" + _annotators(report.annotators),
        "<h2>Classes that need a better definition</h2>" + _classes(report),
        f"<h2>The worst disputes</h2>{_disputes(report)}",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Crowd report</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>Crowd report</h1>{''.join(parts)}</body></html>\n"
    )


def _first_figures(report: CrowdReport) -> str:
    found = report.agreement
    figures = [
        (f"{report.submissions:,} of {report.wanted:,}", "submissions"),
        ("–" if report.hours_left is None else f"{report.hours_left:.1f} h", "of work left"),
        ("–" if report.days_left is None else f"{report.days_left:.1f} days", "at the present rate"),
        (_number(found.f1_labelled), "F1 between annotators"),
        (_number(found.alpha_frames), "Krippendorff’s alpha, frames"),
        (_number(found.gamma) + _ends(found.intervals.get("gamma")), "gamma, places and labels in one"),
        (f"{report.n_disputes:,}", "places in dispute"),
    ]
    share = 100 * report.submissions / max(1, report.wanted)
    shown = "".join(f"<div><b>{value}</b>{escape(name)}</div>" for value, name in figures)
    return f'<div class="figures">{shown}</div><div class="bar"><div style="width:{share:.1f}%"></div></div>'


def _progress(report: CrowdReport) -> str:
    if len(report.finished) < 2:
        return "<p>Too few submissions for a plot.</p>"
    times = [time for time, _ in report.finished]
    points = [(time.timestamp(), float(count)) for time, count in report.finished]
    return _plot(points, [], times, top=float(report.wanted), name="submissions", digits=0)


def _over_time(report: CrowdReport) -> str:
    periods = [period for period in report.periods if period.f1 is not None]
    if len(periods) < 2:
        return "<p>Too few clips with two annotators for a plot.</p>"
    points = [(p.until.timestamp(), p.f1 or 0.0) for p in periods]
    whiskers = [(p.until.timestamp(), *p.interval) for p in periods if p.interval]
    note = '<p class="note">F1 in place and label, of the clips finished until then; bars are 95 % intervals over clips.</p>'
    return note + _plot(points, whiskers, [p.until for p in periods], top=1.0, name="F1", digits=1)


def _annotators(profiles: Sequence[Profile]) -> str:
    head = ("", "clips", "s a clip", "F1 with others", "F1 on gold", "drift", "proposals kept", "wrong ones kept")
    rows = [
        (
            escape(p.annotator_id),
            f"{p.clips:,}",
            "–" if p.seconds_per_clip is None else f"{p.seconds_per_clip:.0f}",
            _figure(p.agreement),
            _figure(p.gold),
            _figure(p.drift),
            _part(p.treatment.kept, p.treatment.shown),
            _part(p.treatment.wrong_kept, p.treatment.wrong_shown),
        )
        for p in profiles
    ]
    note = (
        '<p class="note">With 95 % intervals over clips. Drift is the later half’s agreement less the earlier half’s. '
        "Wrong proposals are those on gold clips that match nothing known.</p>"
    )
    return note + _table(head, rows)


def _classes(report: CrowdReport) -> str:
    found = report.agreement
    weak = sorted(
        (item for item in found.per_class.items() if item[1].segments >= _FEW and item[1].f1 < 0.8),
        key=lambda item: item[1].f1,
    )
    rows = []
    for label, of_class in weak[:10]:
        partner = next((c for c in found.confusion if label in c.labels), None)
        other = "" if partner is None else next(name for name in partner.labels if name != label)
        mixed = f"{escape(by_label(other).name)} ({partner.pairs} times)" if partner else "–"
        gesture = by_label(label)
        rows.append(
            (f"{escape(gesture.name)}<br><small>{escape(gesture.definition)}</small>", f"{of_class.f1:.2f}", mixed)
        )
    if not rows:
        return f"<p>None with at least {_FEW} segments has an F1 below 0.8.</p>"
    return _table(("class and its definition", "F1", "taken most often for"), rows)


def _disputes(report: CrowdReport) -> str:
    if not report.disputes:
        return "<p>None.</p>"
    return _table(("where", "certainty", "what was said", "probable"), [_dispute(one) for one in report.disputes])


def _dispute(one: Dispute) -> tuple[str, ...]:
    where = f"{escape(one.clip_id)}, {one.start_s:.1f}–{one.end_s:.1f} s"
    said = [f"{mark.annotator}: {by_label(mark.segment.label).name}" for mark in one.candidate.marks]
    silent = one.candidate.looked - len(said)
    said += [f"{silent} more: no gesture here"] if silent > 0 else []
    chances = [(by_label(label).name, chance) for label, chance in one.candidate.chances[:2]]
    probable = sorted([*chances, ("no gesture", one.candidate.nothing)], key=lambda item: -item[1])
    return (
        f'<a href="{escape(one.page)}">{where}</a>' if one.page else where,
        f"{one.candidate.certainty:.2f}",
        "<br>".join(map(escape, said)),
        "<br>".join(f"{escape(name)} {chance:.2f}" for name, chance in probable),
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f'<td class="n">{cell}</td>' for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>".replace('class="n"><a', "><a")


def _plot(
    points: Sequence[tuple[float, float]],
    whiskers: Sequence[tuple[float, float, float]],
    times: Sequence[datetime],
    *,
    top: float,
    name: str,
    digits: int,
) -> str:
    """A line over time, from 0 to `top`, as SVG."""
    first, last = points[0][0], points[-1][0]

    def x(time: float) -> float:
        return _LEFT + (time - first) / max(last - first, 1e-9) * (_WIDTH - _LEFT - 10)

    def y(value: float) -> float:
        return 10 + (1 - value / top) * (_HEIGHT - _BOTTOM - 10)

    lines = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - 10}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.{digits}f}</text>'
        for value in (0.0, top / 2, top)
    ]
    lines += [
        f'<line x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="#0072b2" stroke-width="5" opacity=".3"/>'
        for t, low, high in whiskers
    ]
    path = " ".join(f"{x(time):.1f},{y(value):.1f}" for time, value in points)
    lines.append(f'<polyline points="{path}" fill="none" stroke="#0072b2" stroke-width="2"/>')
    if whiskers:
        lines += [f'<circle cx="{x(t):.1f}" cy="{y(value):.1f}" r="3.5" fill="#0072b2"/>' for t, value in points]
    lines.append(f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{times[0]:%Y-%m-%d}</text>')
    lines.append(f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 4}" text-anchor="end">{times[-1]:%Y-%m-%d}</text>')
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(name)} over time">{"".join(lines)}</svg>'
    )


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    ends = _ends(figure.interval)
    return f"{figure.value:.2f}{ends}"


def _part(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} % <small>of {whole:,}</small>" if whole else "–"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _ends(interval: Interval | None) -> str:
    return "" if interval is None else " <small>({:.2f} to {:.2f})</small>".format(*interval)
