"""Sample a corpus for pre-training: score every window, draw the good ones, write them as a store, and a page that shows the draw."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from manifests.errors import BadInput
from manifests.parquet import write_text
from manifests.release import INFO, open_release
from manifests.workspace import open_workspace
from models.prepare import prepare_pretraining
from models.sampling.draw import Drawing, Drawn, draw, write_drawn
from models.sampling.page import PAGE, draw_page
from models.sampling.scores import ScoredWindows, Scoring, score_windows
from models.store import PoseStore

__all__ = ["SampleReport", "SampleSettings", "sample", "sample_store"]


@dataclass(frozen=True)
class SampleSettings:
    """Everything a sample depends on, beside the poses.

    Attributes:
        scoring: what a good window is.
        drawing: how windows are drawn.
    """

    scoring: Scoring = field(default_factory=Scoring)
    drawing: Drawing = field(default_factory=Drawing)


@dataclass(frozen=True)
class SampleReport:
    """What was drawn.

    Attributes:
        store: of the drawn windows; `models.pretrain.pretrain` takes it.
        windows: how many there were.
        drawn: how many were taken.
        people: of the drawn windows.
        mean_score: of all windows, and of the drawn ones.
        page: the HTML file that shows it.
    """

    store: PoseStore
    windows: int
    drawn: int
    people: int
    mean_score: tuple[float, float]
    page: Path


def sample(
    source: Path | str,
    out: Path | str,
    settings: SampleSettings | None = None,
    *,
    protocol: str | None = None,
    quiet: bool = False,
) -> SampleReport:
    """Sample a release or a dataset.

    Args:
        out: folder for the drawn store, `windows.parquet`, `sample.html`, and `all`: the prepared poses of everything.
        protocol: leave out the test and validation people of this protocol.

    Raises:
        BadInput: as `models.prepare.prepare_pretraining` and `draw`.
    """
    out = Path(out)
    store, _ = prepare_pretraining(source, out / "all", protocol=protocol)
    return sample_store(store, out, settings, people=_people_in_view(Path(source)), quiet=quiet)


def sample_store(
    store: PoseStore,
    out: Path | str,
    settings: SampleSettings | None = None,
    *,
    people: dict[str, float] | None = None,
    quiet: bool = False,
) -> SampleReport:
    """Sample a prepared store; `people` as `score_windows` takes it.

    Raises:
        BadInput: `out` is the store's own folder, or as `draw`.
    """
    settings, out = settings or SampleSettings(), Path(out)
    if out.resolve() == store.path.resolve():
        raise BadInput(f"{out} is the store that is sampled. Give another folder.")
    windows = score_windows(store, settings.scoring, people=people, quiet=quiet)
    drawn = draw(store, windows, settings.drawing)
    written = write_drawn(store, windows, drawn, out)
    write_text(out / PAGE, draw_page(store, windows, drawn, asdict(settings)))
    return _report(written, windows, drawn, out)


def _report(written: PoseStore, windows: ScoredWindows, drawn: Drawn, out: Path) -> SampleReport:
    means = float(windows.score.mean()), float(windows.score[drawn.rows].mean())
    return SampleReport(written, len(windows), len(drawn.rows), len(np.unique(written.people)), means, out / PAGE)


def _people_in_view(source: Path) -> dict[str, float]:
    if (source / INFO).exists():
        clips = open_release(source).table("clips", ["clip_id", "people"])
    else:
        with open_workspace(source) as workspace:
            clips = workspace.read("clips").select(["clip_id", "people"])
    return dict(zip(clips["clip_id"].to_pylist(), clips["people"].to_pylist(), strict=True))
