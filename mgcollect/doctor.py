"""Look at everything a run needs before the run needs it, and say how to mend what is missing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from annotate.server import KEY, URL, connect
from collector.holistic import MADE_BY, models_cached
from collector.weights import DEFAULT, cache_dir, find_weights
from manifests.errors import MgcollectError

__all__ = ["Diagnosis", "Finding", "doctor"]

_ENOUGH_GB = 20
_OLD_DAYS = 90  # sites change; yt-dlp itself warns after this many
_RUNTIMES = (("deno", (2, 3)), ("node", (22, 0)), ("bun", (1, 2)))


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ok; warn, where some runs will miss it; missing, where no run can do without.
        mend: what to do about it.
    """

    what: str
    state: Literal["ok", "warn", "missing"]
    found: str
    mend: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        return 1 if any(finding.state == "missing" for finding in self.findings) else 0


def doctor(dataset: Path) -> Diagnosis:
    """Check Python packages, ffmpeg, yt-dlp, weights, disk, GPU and, where one is configured, Label Studio."""
    return Diagnosis(
        (*_packages(), *_ffmpeg(), *_yt_dlp(), _weights(), _holistic(), _disk(dataset), _gpu(), _label_studio())
    )


def _packages() -> Iterator[Finding]:
    yield Finding("Python", "ok", sys.version.split()[0])
    try:
        lines = requires("mgcollect") or []
    except PackageNotFoundError:
        yield Finding("mgcollect", "missing", "not installed", "make install")
        return
    wrong = []
    needed = [need for need in map(Requirement, lines) if need.marker is None or need.marker.evaluate({"extra": ""})]
    for need in needed:
        try:
            there = version(need.name)
        except PackageNotFoundError:
            wrong.append(f"{need} is missing")
        else:
            if not need.specifier.contains(there, prereleases=True):
                wrong.append(f"{need.name} {there} is not {need.specifier}")
    if wrong:
        yield Finding("Python packages", "missing", "; ".join(wrong), "make install")
    else:
        yield Finding("Python packages", "ok", f"all {len(needed)} there")


def _ffmpeg() -> Iterator[Finding]:
    mend = "sudo apt-get install ffmpeg"
    for tool in ("ffmpeg", "ffprobe"):
        if not (words := _output(tool, "-version").split()):
            yield Finding(tool, "missing", "not on PATH", mend)
        else:
            yield Finding(tool, "ok", words[2])
    if "libx264" in (encoders := _output("ffmpeg", "-hide_banner", "-encoders")):
        yield Finding("H.264 encoder", "ok", "libx264")
    elif encoders:
        yield Finding("H.264 encoder", "missing", "this ffmpeg has no libx264", f"{mend} (the distribution's has it)")


def _yt_dlp() -> Iterator[Finding]:
    try:
        there = version("yt-dlp")
    except PackageNotFoundError:
        return  # _packages says so
    year, month, day = (int(number) for number in there.split(".")[:3])
    age = (date.today() - date(year, month, day)).days
    if age > _OLD_DAYS:
        mend = "pip install --upgrade 'yt-dlp[default]'"
        yield Finding("yt-dlp", "warn", f"{there}, {age} days old: sites change and old ones stop working", mend)
    else:
        yield Finding("yt-dlp", "ok", f"{there}, {age} days old")
    for name, least in _RUNTIMES:
        numbers = re.search(r"(\d+)\.(\d+)", _output(name, "--version"))
        if numbers and (int(numbers[1]), int(numbers[2])) >= least:
            yield Finding("JavaScript runtime", "ok", f"{name} {numbers[0]}")
            return
    mend = "pip install 'yt-dlp[default,deno]'"
    yield Finding("JavaScript runtime", "warn", "none that yt-dlp can use; it needs one for YouTube", mend)


def _weights() -> Finding:
    if not (cache_dir() / DEFAULT).exists():
        return Finding("pose weights", "warn", f"{DEFAULT} not here yet", "the first `mgcollect segment` fetches it")
    try:
        weights = find_weights(DEFAULT)
    except MgcollectError as error:
        return Finding(
            "pose weights", "missing", str(error), "remove the file; the first `mgcollect segment` fetches it"
        )
    return Finding("pose weights", "ok", f"{weights.name}, sha256 as known")


def _holistic() -> Finding:
    what = "holistic models"
    if models_cached():
        return Finding(what, "ok", f"the models of {MADE_BY}, sha256 as known")
    mend = "the first `mgcollect pose --skeleton holistic` fetches them (36 MB)"
    return Finding(what, "warn", f"the models of {MADE_BY} are not here yet", mend)


def _disk(dataset: Path) -> Finding:
    there = next(folder for folder in (dataset.absolute(), *dataset.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    if free < _ENOUGH_GB:
        return Finding(
            "free disk", "warn", f"{free:.0f} GB at {there}", "an hour of 720p video takes about 1 GB; --dataset"
        )
    return Finding("free disk", "ok", f"{free:.0f} GB at {there}")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", "ok", torch.cuda.get_device_name())
    return Finding("GPU", "ok", f"none; {os.cpu_count()} CPU cores do the work, slowly")


def _label_studio() -> Finding:
    if not os.environ.get(URL):
        return Finding("Label Studio", "ok", f"none configured ({URL} is not set)")
    try:
        server = connect()
    except MgcollectError as error:
        return Finding("Label Studio", "missing", str(error), f"check {URL} and {KEY}")
    return Finding("Label Studio", "ok", f"{server.version} at {server.url}")


def _output(*command: str) -> str:
    """What a program prints; nothing if it isn't there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
