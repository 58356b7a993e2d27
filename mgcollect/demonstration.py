"""demo: the whole main job on real video, with nothing to configure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mgcollect.options import Quiet

__all__ = ["add_to"]


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where everything is put.")] = Path("demo"),
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
        open_project(folder)
    else:
        run(folder, quiet=quiet)


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command()(demo)
