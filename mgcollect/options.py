"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Connections",
    "Dataset",
    "EngineOption",
    "LongestWait",
    "Out",
    "Overlap",
    "Pause",
    "Project",
    "Quiet",
    "ReleaseDir",
    "RetryOption",
    "Weights",
    "WeightsSha256",
    "Workers",
]

Dataset = Annotated[
    Path,
    typer.Option("--dataset", envvar="MGCOLLECT_DATASET", help="The dataset's folder.", show_default=True),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress, no summary; errors only.")]
Workers = Annotated[int, typer.Option("--workers", min=0, help="Processes to run on; 0 runs in this one.")]


def _known(engine: str) -> str:
    # Before anything is done, not when the first stage runs.
    if engine not in ("local", "ray"):
        raise typer.BadParameter(f"{engine!r} is neither local nor ray.")
    return engine


EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray",
        callback=_known,
        help="Run on processes here, or on Ray (the cluster at RAY_ADDRESS, else one started here).",
    ),
]
RetryOption = Annotated[
    str | None,
    typer.Option("--retry", metavar="failed[:kind]", help="Do again what failed (of this kind), and nothing else."),
]
Overlap = Annotated[
    float, typer.Option("--tiou", min=0.01, max=1.0, help="Least overlap in time for two to be the same.")
]
Weights = Annotated[
    str, typer.Option("--weights", help="YOLO-pose weights: a file, or a name that Ultralytics fetches.")
]
WeightsSha256 = Annotated[
    str | None, typer.Option("--weights-sha256", help="Vouch for a weights file of your own by its sha256.")
]
Pause = Annotated[float, typer.Option("--pause-s", min=0, help="Seconds between two addresses of one host.")]
Connections = Annotated[
    int, typer.Option("--connections", min=1, help="Addresses of one host that are asked for at the same time.")
]
LongestWait = Annotated[
    float,
    typer.Option("--longest-wait-s", min=0, help="A host that asks to wait longer than this is left alone until then."),
]
Project = Annotated[str, typer.Option("--project", help="Title of the Label Studio project.")]
ReleaseDir = Annotated[Path, typer.Argument(help="The release's folder.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write to.")]
