"""What the commands about models print when they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console, show_table

if TYPE_CHECKING:  # a report is only read here; torch need not be loaded to show a help text
    from models.checkpoints import Card
    from models.embed import EmbedReport
    from models.recognise import Recognition

__all__ = ["show_embedding", "show_pretraining", "show_recognition"]


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
