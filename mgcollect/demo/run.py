"""The main job, end to end, on real video. Each step is the command that a user would type, shown as it runs.

Nothing here remembers what was done: every command finds that out by itself, so the demo may be killed at any step and run
again, and a second run has nothing to do.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from annotate.local_server import LocalLabelStudio
from annotate.server import DOCUMENT_ROOT, KEY, URL, connect
from manifests.errors import BadInput, Unavailable
from mgcollect.demo.annotators import SCRIPTED, annotate_by_script
from mgcollect.demo.footage import make_footage
from mgcollect.demo.press_site import PressSite, players_csv
from mgcollect.demo.weights import demo_weights
from mgcollect.show import console

__all__ = ["demo", "serve"]

# Fixed, so that addresses, and with them the ids of the videos, are the same in every run.
_SITE_PORT = 18731
_LABEL_STUDIO_PORT = 18732
_PROJECT = "mgcollect demo"
_NOTE = (
    "This is the demo's data: the players' names and events are invented, and the annotators are scripted. "
    "No score on it says anything about people."
)


@dataclass(frozen=True)
class _Places:
    dataset: Path

    @property
    def folder(self) -> Path:
        return self.dataset.parent

    @property
    def players(self) -> Path:
        return self.folder / "players.csv"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def label_studio(self) -> LocalLabelStudio:
        return LocalLabelStudio(self.folder / "label-studio", document_root=self.dataset, port=_LABEL_STUDIO_PORT)


def demo(dataset: Path = Path("demo/dataset"), *, quiet: bool = False) -> None:
    """Do every step from fetching to scores; footage and results go beside the dataset.

    Raises:
        Unavailable: a port is taken, ffmpeg or Label Studio is missing, a download can't be had, or a step failed.
    """
    places = _Places(dataset)
    say = _Narrator(quiet)

    say.heading("Real people talking, edited into press conferences of three invented players")
    conferences = make_footage(places.folder / "footage")
    demo_weights()
    with PressSite(places.folder / "footage", port=_SITE_PORT, conferences=conferences) as site:
        players_csv(places.players, conferences, site.url)
        say.line(f"{len(conferences)} videos, served at {site.url} as a page, in a feed and as a file")
        say.heading("Collect: download, keep one recording of each talk, cut into clips of the player, estimate poses")
        say.run("fetch", "--player-list", str(places.players), "--dataset", str(places.dataset))
    data = ("--dataset", str(places.dataset))
    say.run("duplicates", *data)
    say.run("segment", *data)
    say.run("pose", *data)
    say.run("quality", *data)

    say.heading("Propose gestures: a kinematic spotter, which is a baseline")
    say.run("propose", *data)

    say.heading("Annotate in a real Label Studio on this machine")
    say.line("Starting Label Studio (the first time it makes its database, which takes a minute) …")
    with places.label_studio() as server:
        admin = server.address()
        access = {URL: admin.url, KEY: admin.token, DOCUMENT_ROOT: str(server.document_root)}
        say.run("annotate", "push", "--project", _PROJECT, *data, environment=access)
        say.line("Two scripted annotators, no people, accept, move, relabel and reject proposals through the server:")
        for name in SCRIPTED:
            done = annotate_by_script(connect(server.address(name)), name, project=_PROJECT)
            actions = ", ".join(f"{action} {count}" for action, count in sorted(done.actions.items()))
            say.line(
                f"  {name}: {done.done_now} clips now, {done.done_before} before ({actions or 'nothing left to do'})"
            )
        say.run("annotate", "pull", "--project", _PROJECT, *data, environment=access)
    say.run("annotate", "agree", *data)
    say.run("annotate", "consensus", *data)

    say.heading("Release and score")
    release = _release(places, say)
    say.run("release", "verify", str(release))
    say.run("benchmark", "--release", str(release), "--out", str(places.results))

    say.heading("Where the dataset stands")
    say.run("status", *data)
    say.last_screen(places, release)


def serve(dataset: Path = Path("demo/dataset")) -> None:
    """Open the demo's project in Label Studio and keep it running until Ctrl-C.

    Raises:
        BadInput: there is no such demo.
        Unavailable: the port is taken, or Label Studio is missing.
    """
    places = _Places(dataset)
    if not dataset.exists():
        raise BadInput(f"{dataset}: no demo here. Run `make demo` first.")
    with places.label_studio() as server:
        user = server.users["admin"]
        console.print(f"Label Studio runs at [bold]{server.url}[/bold]   (Ctrl-C stops it)")
        console.print(
            f"Log in as {user.email} with the password {escape(user.password)}, open the project “{_PROJECT}”,"
        )
        console.print("and correct a clip. Then, in another terminal, bring your labels into the dataset:")
        console.print(f"  export {URL}={server.url} {KEY}={user.token}")
        console.print(f"  mgcollect annotate pull --project '{_PROJECT}' --dataset {places.dataset}")
        console.print(f"  mgcollect annotate consensus --dataset {places.dataset}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            console.print("Stopping Label Studio …")


# A step must not outlive a demo that is killed, or the next run would find it busy. util-linux is on every Debian.
_with_us = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _release(places: _Places, say: _Narrator) -> Path:
    """Build 1.0.0. Where it stands and labels changed since (somebody corrected clips by hand), build the next one."""
    releases = places.dataset / "releases"
    patch = max((int(path.name.split(".")[2]) for path in releases.glob("1.0.*")), default=0)
    for version in (f"1.0.{patch}", f"1.0.{patch + 1}"):
        options = ("--version", version, "--note", _NOTE, "--dataset", str(places.dataset))
        if say.run("release", "build", *options, may_refuse=True):
            return releases / version
    raise Unavailable(f"{releases}: neither could be built; the reasons stand above.")


@dataclass(frozen=True)
class _Narrator:
    """Shows what the demo does, and runs the commands."""

    quiet: bool

    def heading(self, text: str) -> None:
        if not self.quiet:
            console.print(f"\n[bold]{escape(text)}[/bold]")

    def line(self, text: str) -> None:
        if not self.quiet:
            console.print(escape(text))

    def run(self, *arguments: str, environment: dict[str, str] | None = None, may_refuse: bool = False) -> bool:
        """Run a command of mgcollect and show it. False where it refuses its input, and may."""
        if not self.quiet:
            console.print(f"[cyan]$ mgcollect {escape(shlex.join(arguments))}[/cyan]")
        quiet = ["--quiet"] if self.quiet else []
        command = [*_with_us, sys.executable, "-m", "mgcollect.main", *arguments, *quiet]
        done = subprocess.run(command, env={**os.environ, **(environment or {})}, check=False)
        if done.returncode == BadInput.exit_code and may_refuse:
            return False
        if done.returncode:
            raise Unavailable(
                f"the demo stopped at `mgcollect {shlex.join(arguments)}` (status {done.returncode}); its message stands "
                "above. Mend that and run the demo again: it goes on from there."
            )
        return True

    def last_screen(self, places: _Places, release: Path) -> None:
        if self.quiet:
            return
        rows = [
            ["dataset: tables, clips, poses, ledger", places.dataset],
            ["how good the clips are", places.dataset / "reports" / "quality.html"],
            ["release: Parquet with checksums", release],
            ["scores and report", places.results / "report.html"],
            ["Label Studio's data", places.folder / "label-studio"],
        ]
        self.heading("Done. Where everything is")
        for what, path in rows:
            console.print(f"  {what:<40}{escape(str(path))}")
        self.heading("What next")
        console.print("  Review the clips by hand:    make label-studio")
        console.print("  Look at the scores:          open the report in a browser")
        console.print(
            "  Start with your own players: a players.csv with a column `name` (README, “Your own players”), then"
        )
        console.print("                               mgcollect doctor && mgcollect fetch --player-list players.csv")
