"""The quality of a dataset's clips as one HTML page: distributions with the limits in them, and clips to look at.

No script, nothing from the network, readable on paper and without colours. It holds pictures of people, so it stays with the
dataset.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
from matplotlib.ticker import MaxNLocator
from tqdm import tqdm

from collector.body import parts_of
from collector.crops import FULL_WIDTH, cut_face, cut_hands
from collector.frames import Image, read_frames, read_timeline
from collector.quality_limits import MEASURES, Limits, Measure, beyond
from manifests.errors import ItemFailed
from manifests.parquet import write_text
from manifests.poses import Poses, read_poses
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["PAGE", "Beyond", "QualityPage", "survey", "write_page"]

PAGE = "reports/quality.html"
_BARS = 40
_SHOWN = 3  # clips at each end and in the middle
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 190, 44, 24, 22
_THUMBNAIL, _DETAIL = 240, 160  # pixels wide
_PARTS = {"face_size": "face", "face_blur": "face", "hand_blur": "hand"}  # what a clip's picture shows; else all of it
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 85]

# Blue and vermilion of Okabe and Ito's palette, which people with the common colour blindnesses can tell apart; what is not kept
# is hatched as well, so that a print in grey shows it.
_STYLE = """
body {font: 15px/1.5 system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #1b1b1b; background: #fff}
h1 {font-size: 1.6em; margin-bottom: 0} h2 {font-size: 1.15em; margin: 2.2em 0 .1em}
p.note {color: #555; margin: .2em 0 .6em} table {border-collapse: collapse}
th, td {text-align: left; padding: .25em 1.2em .25em 0; border-bottom: 1px solid #ddd}
th {font-weight: 600; color: #555} td.n {text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap}
.figures {display: flex; gap: .6em 2em; flex-wrap: wrap; margin: 1em 0} .figures b {display: block; font-size: 1.7em}
.scroll {overflow-x: auto} svg {display: block; width: 100%; max-width: 720px; height: auto}
svg text {font: 12px system-ui, sans-serif; fill: #444}
.groups {display: flex; flex-wrap: wrap; gap: .4em 2em; margin-top: .6em}
.groups h3 {font-size: .95em; margin: 0 0 .3em; color: #555} .row {display: flex; flex-wrap: wrap; gap: .5em}
figure {margin: 0 0 .4em; width: min(8.6em, calc((100vw - 4em) / 3)); break-inside: avoid}
figure img {width: 100%; display: block; background: #eee}
figcaption {font-size: .8em; line-height: 1.35; color: #444}
figure.out img {outline: 3px solid #d55e00; outline-offset: -3px}
section {break-inside: avoid-page} a {color: inherit}
@media (max-width: 32em) {svg[role] text {font-size: 22px} td:first-child {min-width: 9em}}
@media print {body {max-width: none; margin: 0} figure {width: 7em}}
"""
_HATCH = (
    '<pattern id="out" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#fff"/><rect width="3" height="6" fill="#d55e00"/></pattern>'
)


@dataclass(frozen=True)
class Beyond:
    """What one limit leaves out.

    Attributes:
        what: the limit in words.
        clips, seconds: beyond it.
        alone: clips that are beyond no other limit.
    """

    what: str
    clips: int
    seconds: float
    alone: int


@dataclass(frozen=True)
class QualityPage:
    """What the page shows.

    Attributes:
        path: where it lies.
        clips: measured clips with their measures, kept or not.
        limits: that are set.
        beyond: what each of them leaves out.
        unmeasured: clips that were cut and not measured yet.
        kept, kept_seconds: clips that are kept, measured or not.
        cut, cut_seconds: clips that were cut.
    """

    path: Path
    clips: Sequence[Row]
    limits: Limits
    beyond: Sequence[Beyond]
    unmeasured: int
    kept: int
    kept_seconds: float
    cut: int
    cut_seconds: float


def survey(workspace: Workspace, limits: Limits) -> QualityPage:
    """Join the clips that were cut with what was measured of them, and count what the limits leave out."""
    measured = {row["clip_id"]: row for row in rows_of(workspace.read("quality"))}
    cut = [row for row in rows_of(workspace.read("clips")) if row["path"] is not None]
    length = {row["clip_id"]: row["end_s"] - row["start_s"] for row in cut}
    clips = [row | measured[row["clip_id"]] for row in cut if row["clip_id"] in measured]
    kept = [row for row in cut if row["kept"]]
    single = [({name: {bound: value}}) for name, limit in limits.items() for bound, value in limit.items()]
    out = {clip["clip_id"]: [index for index, one in enumerate(single) if beyond(one, clip)] for clip in clips}
    found = []
    for index, one in enumerate(single):
        those = [clip for clip, which in out.items() if index in which]
        alone = sum(out[clip] == [index] for clip in those)
        found.append(Beyond(_in_words(one), len(those), sum(length[clip] for clip in those), alone))
    return QualityPage(
        path=workspace.root / PAGE,
        clips=clips,
        limits=limits,
        beyond=found,
        unmeasured=len(cut) - len(clips),
        kept=len(kept),
        kept_seconds=sum(length[row["clip_id"]] for row in kept),
        cut=len(cut),
        cut_seconds=sum(length.values()),
    )


def write_page(page: QualityPage, workspace: Workspace, *, quiet: bool = False) -> None:
    """Write the page; clips whose file can't be read have no picture.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    pictures = _Pictures(workspace)
    with tqdm(MEASURES, desc="page", unit="plot", disable=quiet or None) as measures:
        sections = "".join(_section(measure, page, pictures) for measure in measures)
    body = _first_figures(page) + _limits(page) + (sections if page.clips else "<p>No clip has been measured yet.</p>")
    write_text(
        page.path,
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Quality of clips</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        '<svg style="position:absolute;width:0;height:0" aria-hidden="true"><defs>' + _HATCH + "</defs></svg>"
        f'<h1>Quality of clips</h1><p class="note">With pictures of people: not for publication.</p>{body}</body></html>\n',
    )


def _first_figures(page: QualityPage) -> str:
    figures = [
        (f"{page.kept:,} of {page.cut:,}", "clips are kept"),
        (f"{_hours(page.kept_seconds)} of {_hours(page.cut_seconds)}", "of film"),
        (f"{len(page.clips):,}", "clips measured"),
    ]
    if page.unmeasured:
        figures.append((f"{page.unmeasured:,}", "not measured: no poses yet, or failed"))
    return '<div class="figures">' + "".join(f"<div><b>{n}</b>{escape(what)}</div>" for n, what in figures) + "</div>"


def _limits(page: QualityPage) -> str:
    if not page.beyond:
        return "<p>No limit is set. <code>mgcollect quality --min-pose-confidence 0.5</code> sets one.</p>"
    rows = "".join(
        f'<tr><td>{escape(one.what)}</td><td class="n">{one.clips:,}</td><td class="n">{_hours(one.seconds)}</td>'
        f'<td class="n">{one.alone:,}</td></tr>'
        for one in page.beyond
    )
    return (
        '<h2>What the limits leave out</h2><div class="scroll"><table><tr><th>limit</th><th>clips beyond it</th><th>film</th>'
        f"<th>clips beyond no other</th></tr>{rows}</table></div>"
    )


def _section(measure: Measure, page: QualityPage, pictures: _Pictures) -> str:
    clips = sorted((clip for clip in page.clips if clip[measure.name] is not None), key=lambda c: c[measure.name])
    unit = f", {escape(measure.unit)}" if measure.unit else ""
    missing = len(page.clips) - len(clips)
    note = escape(measure.about) + (f" Not to be told of {missing:,} clips." if missing else "")
    head = f'<h2>{escape(measure.title.capitalize())}<small>{unit}</small></h2><p class="note">{note}</p>'
    if not clips:
        return f"<section>{head}</section>"
    plot = _histogram(clips, measure.name, page.limits.get(measure.name, {}))
    groups = _groups(clips, measure)
    shown = "".join(
        f'<div><h3>{name}</h3><div class="row">'
        + "".join(_figure(clip, measure, pictures) for clip in those)
        + "</div></div>"
        for name, those in groups
        if those
    )
    return f'<section>{head}{plot}<div class="groups">{shown}</div></section>'


def _groups(clips: Sequence[Row], measure: Measure) -> Iterator[tuple[str, Sequence[Row]]]:
    """The clips of one end, of the middle and of the other end, best or liveliest first; no clip twice."""
    first, last = ("most", "least") if measure.more_is_better is None else ("best", "worst")
    ordered = list(clips) if measure.more_is_better is False else list(clips)[::-1]
    number = min(_SHOWN, -(-len(ordered) // 3))
    end = max(number, len(ordered) - number)
    middle = max(number, (len(ordered) - number) // 2)
    yield first, ordered[:number]
    yield "in the middle", ordered[middle : min(middle + number, end)]
    yield last, ordered[end:]


def _histogram(clips: Sequence[Row], name: str, limit: Mapping[str, float]) -> str:
    """Bars of the clips that are kept, and hatched on top of them of those that are not; the limits as dashed lines."""
    values = np.array([clip[name] for clip in clips], np.float64)
    kept = np.array([clip["kept"] for clip in clips], bool)
    low, high = min(values.min(), *limit.values()) if limit else values.min(), max([values.max(), *limit.values()])
    if name.endswith(("_share", "_blur", "_confidence")):
        low, high = 0.0, 1.0
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    inside, outside = np.histogram(values[kept], edges)[0], np.histogram(values[~kept], edges)[0]
    top = max(1, int((inside + outside).max()))

    def x(value: float) -> float:
        return float(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - 14))

    def y(count: float) -> float:
        return _TOP + (1 - count / top) * (_HEIGHT - _BOTTOM - _TOP)

    width = max(1.0, x(edges[1]) - x(edges[0]) - 1)
    parts = [
        f'<line x1="{_LEFT}" x2="{_WIDTH - 14}" y1="{y(count):.1f}" y2="{y(count):.1f}" stroke="#ddd"/>'
        f'<text x="{_LEFT - 6}" y="{y(count) + 4:.1f}" text-anchor="end">{count:,}</text>'
        for count in sorted({0, top})
    ]
    for edge, there, gone in zip(edges, inside, outside, strict=False):
        if there:
            parts.append(_bar(x(edge), y(there), width, y(0) - y(there), "#0072b2"))
        if gone:
            parts.append(_bar(x(edge), y(there + gone), width, y(there) - y(there + gone), "url(#out)"))
    for value in (tick for tick in MaxNLocator(6).tick_values(low, high) if low <= tick <= high):
        parts.append(f'<text x="{x(value):.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{value:.3g}</text>')
    for bound, value in limit.items():
        side = 'text-anchor="end" dx="-5"' if x(value) > _WIDTH / 2 else 'dx="5"'
        parts.append(
            f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="4" y2="{y(0):.1f}" stroke="#000" stroke-width="1.5" '
            f'stroke-dasharray="5 3"/><text x="{x(value):.1f}" y="14" {side}>{bound} {value:g}</text>'
        )
    quarters = ", ".join(f"{value:.3g}" for value in np.quantile(values, [0.05, 0.5, 0.95]))
    told = f"{len(values):,} clips, {int((~kept).sum()):,} not kept; 5th percentile, median and 95th: {quarters}"
    legend = (
        f'<p class="note">{told}. <svg viewBox="0 0 12 12" style="display:inline;width:12px">{_bar(0, 0, 12, 12, "#0072b2")}'
        f'</svg> kept <svg viewBox="0 0 12 12" style="display:inline;width:12px">{_bar(0, 0, 12, 12, "url(#out)")}</svg> '
        "not kept</p>"
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{told}">{"".join(parts)}</svg>{legend}'


def _bar(x: float, y: float, width: float, height: float, fill: str) -> str:
    edge = ' stroke="#d55e00"' if fill.startswith("url") else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"{edge}/>'


def _figure(clip: Row, measure: Measure, pictures: _Pictures) -> str:
    image = pictures.of(clip, _PARTS.get(measure.name, "whole"))
    picture = f'<img alt="" src="data:image/jpeg;base64,{image}">' if image else "<p>its file can't be read</p>"
    name = escape(clip["clip_id"][:8])
    value = f"{clip[measure.name]:.3g} {escape(measure.unit)}".strip()
    out = "" if clip["kept"] else f' class="out" title="{escape(clip["reason"] or "", quote=True)}"'
    return (
        f'<figure{out}><a href="../{escape(clip["path"], quote=True)}">{picture}</a>'
        f"<figcaption>{value}<br>clip {name}{'' if clip['kept'] else ', not kept'}</figcaption></figure>"
    )


class _Pictures:
    """A small picture of each clip that is asked for: whole, with the player's box drawn in, or only the face or a hand."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, clip: Row, part: str) -> str | None:
        """JPEG in base64; None where the clip can't be read, or doesn't show the part."""
        key = clip["clip_id"], part
        if key not in self._known:
            try:
                self._known[key] = self._draw(clip, part)
            except (ItemFailed, FileNotFoundError):
                self._known[key] = None
        return self._known[key]

    def _draw(self, clip: Row, part: str) -> str | None:
        poses = read_poses(self._workspace.table_path("poses", clip["clip_id"]))
        parts = parts_of(poses)
        joints = {"face": parts.face, "hand": parts.wrists}.get(part, parts.head + parts.shoulders)
        number = int(poses.confidence[:, joints].mean(axis=1).argmax())
        path = self._workspace.path_of(clip["path"])
        timeline = read_timeline(path)
        start = int(timeline.pts[min(number, len(timeline.pts) - 1)])
        for frame in read_frames(path, timeline, start, start + 1, width=FULL_WIDTH):
            image = _part(frame.image, poses, number, part)
            done, jpeg = (False, None) if image is None else cv2.imencode(".jpg", image, _JPEG)
            return base64.b64encode(jpeg.tobytes()).decode() if done and jpeg is not None else None
        return None


def _part(image: Image, poses: Poses, number: int, part: str) -> Image | None:
    if part == "whole":
        image = image.copy()
        if poses.seen[number]:
            x0, y0, x1, y1 = (round(float(side)) for side in poses.boxes[number])
            cv2.rectangle(image, (x0, y0), (x1, y1), (255, 255, 255), max(1, image.shape[1] // _THUMBNAIL))
        return _scaled(image, _THUMBNAIL)
    found = (cut_face if part == "face" else cut_hands)(image, poses, number)
    return _scaled(found[0], _DETAIL) if found else None


def _scaled(image: Image, width: int) -> Image:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    way = cv2.INTER_AREA if image.shape[1] > width else cv2.INTER_NEAREST  # pixels that are there, not smooth ones
    return np.asarray(cv2.resize(image, (width, height), interpolation=way), np.uint8)


def _in_words(one: Limits) -> str:
    [(name, limit)] = one.items()
    [(bound, value)] = limit.items()
    measure = next(measure for measure in MEASURES if measure.name == name)
    word = "at least" if bound == "min" else "at most"
    return f"{measure.title} {word} {value:g} {measure.unit}".strip()


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
