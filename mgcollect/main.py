"""The `mgcollect` command: its groups, its version, and how an error reaches the user."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from typing import Annotated

import typer

from manifests.errors import MgcollectError
from manifests.provenance import tool_version
from mgcollect import annotation, benchmarking, collect, curation, demonstration, health, releases, rights, training

__all__ = ["app", "main"]

_STOPPED = 130

app = typer.Typer(
    name="mgcollect",
    help="Build a micro-gesture data set from public video, and score models on it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mgcollect {tool_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
) -> None:
    pass


for group in (health, collect, curation, annotation, releases, rights, training, benchmarking, demonstration):
    group.add_to(app)


def main() -> None:
    """Run the command line; an error of ours ends it with its words and its status, never a traceback."""
    # Ray and Ultralytics would otherwise report usage to their makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("YOLO_OFFLINE", "true")
    end = _End()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(number, end.stop)
    atexit.register(end.leave)  # as the first one, so that it runs as the last
    try:
        app()
    except SystemExit as asked:
        end.status = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except MgcollectError as error:
        print(f"mgcollect: {error}", file=sys.stderr)
        end.status = error.exit_code
    except KeyboardInterrupt:
        end.status = _STOPPED
    if end.status == _STOPPED:  # Typer makes this of Ctrl-C, without a word
        print("mgcollect: stopped. Run the same command again: it goes on where it was.", file=sys.stderr)
        end.status = 128 + end.asked_by


class _End:
    """How the process ends: with this status, and without waiting for threads of libraries.

    Some of them, in C++, outlive the interpreter now and then, and abort a command that has done its work.
    """

    def __init__(self) -> None:
        self.status = 1  # of what nobody foresaw, whose traceback Python prints
        self.asked_by = int(signal.SIGINT)

    def stop(self, number: int, _: object) -> None:
        """End as by Ctrl-C when asked to (`kill`, `timeout`, a closed terminal, a machine that goes down)."""
        self.asked_by = number
        raise KeyboardInterrupt

    def leave(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)


if __name__ == "__main__":
    main()
