"""demo: the whole main job on real video, with nothing to configure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mgcollect.options import Quiet

__all__ = ["add_to"]

_DATASET = Path("demo/dataset")


def demo(
    # Not from MGCOLLECT_DATASET: the demo never goes into a dataset of the user's own.
    dataset: Annotated[Path, typer.Option("--dataset", help="Its dataset; all else is put beside it.")] = _DATASET,
    serve: Annotated[
        bool, typer.Option("--serve", help="Only open its project in Label Studio, until Ctrl-C.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run every step on real video of talking people, each with the command that you would type.

    Example:  mgcollect demo
    """
    from mgcollect.demo.run import demo as run
    from mgcollect.demo.run import serve as open_project

    if serve:
        open_project(dataset)
    else:
        run(dataset, quiet=quiet)


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command()(demo)
