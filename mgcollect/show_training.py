"""What the commands about models print when they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console, show_table

if TYPE_CHECKING:  # a report is only read here; torch need not be loaded to show a help text
    from models.checkpoints import Card
    from models.embed import EmbedReport
    from models.emotion import EmotionReport
    from models.recognise import Recognition
    from models.sampling.sample import SampleReport
    from models.spot.train import SpotReport

__all__ = ["show_embedding", "show_emotion", "show_pretraining", "show_recognition", "show_sample", "show_spotting"]


def show_pretraining(out: Path, card: Card) -> None:
    """Where the weights lie, and the last losses."""
    show_table("", ["steps", *card.metrics], [[card.step, *(f"{value:.4g}" for value in card.metrics.values())]])
    console.print(Text(f"Weights and log: {out}"))


def show_embedding(out: Path, report: EmbedReport) -> None:
    """How much was embedded, and how fast."""
    frames = f"{report.frames:,} frames in {report.seconds:.1f} s"
    console.print(Text(f"{report.items:,} embeddings of {report.width} numbers ({frames}): {out}"))


def show_recognition(out: Path, labels: int, result: Recognition) -> None:
    """How well it does on the test people."""
    shares = [f"{100 * value:.1f} %" for value in result.metrics.values()]
    show_table("", ["trained on", "tested on", *result.metrics], [[labels, len(result.items), *shares]])
    console.print(Text(f"Weights: {out}"))


def show_spotting(out: Path, report: SpotReport) -> None:
    """Losses, what the calibration is worth, and whom it rests on."""
    from models.spot.reliability import PLOT

    show_table("", list(report.metrics), [[f"{value:.3g}" for value in report.metrics.values()]])
    if report.held_out:
        console.print(
            Text(f"Calibrated on {', '.join(report.held_out)}, from whom nothing else was learned: {out / PLOT}")
        )
    else:
        console.print(Text("Too few people to hold anyone out: the scores are not calibrated."))
    console.print(Text(f"Weights and log: {out}"))


def show_sample(out: Path, report: SampleReport) -> None:
    """How many windows were drawn, and how much better than all they are."""
    before, after = report.mean_score
    console.print(Text(f"{report.drawn:,} of {report.windows:,} windows of {report.people:,} people: {out}"))
    console.print(Text(f"Mean score {after:.3f}; of all windows {before:.3f}. The draw: {report.page}"))
    console.print(Text(f"Next: mgcollect pretrain --sample {out}"))


def show_emotion(out: Path, report: EmotionReport) -> None:
    """How well won and lost are told apart on the test people."""
    if report.metrics:
        shares = [f"{100 * value:.1f} %" for value in report.metrics.values()]
        show_table("", ["recordings tested", *report.metrics], [[len(report.recordings), *shares]])
    else:
        console.print(Text("The split has no recordings to test on."))
    console.print(Text(f"Weights: {out}"))
