"""YOLO-pose weights, loaded only if somebody vouches for their sha256: a .pt file is a pickle, and may run code when read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.errors import BadInput, BadWeights, Unavailable, explain_write_errors
from manifests.ids import file_sha256

__all__ = ["DEFAULT", "KNOWN", "Weights", "cache_dir", "find_weights", "import_ultralytics"]

DEFAULT = "yolo11n-pose.pt"

# Weights that Ultralytics publishes, as checked by us.
KNOWN = {"yolo11n-pose.pt": "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0"}


@dataclass(frozen=True)
class Weights:
    """A weights file whose content has the sha256 that was asked for."""

    path: str
    sha256: str

    @property
    def name(self) -> str:
        return Path(self.path).name


def cache_dir() -> Path:
    """Where downloads are kept: $MGCOLLECT_CACHE, else mgcollect under $XDG_CACHE_HOME, else ~/.cache/mgcollect."""
    if own := os.environ.get("MGCOLLECT_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mgcollect"


def find_weights(path_or_name: Path | str = DEFAULT, sha256: str | None = None) -> Weights:
    """Find a weights file and check its sha256, without loading it.

    Args:
        path_or_name: a file; or the name of weights that Ultralytics publishes, taken from the cache, or fetched into it.
        sha256: what the file must have; needed unless its sha256 is one of `KNOWN`.

    Raises:
        BadInput: there is no such file.
        BadWeights: its sha256 is another, or nobody vouched for it.
        Unavailable: it must be fetched, and can't be.
    """
    path = Path(path_or_name).expanduser()
    name = path.name
    if not path.is_file():
        if str(path_or_name) != name:
            raise BadInput(f"{path}: no such file. Give a weights file, or a name such as {DEFAULT}.")
        if sha256 is None and name not in KNOWN:
            raise BadWeights(
                f"{name} is neither a file here nor weights whose sha256 mgcollect knows ({', '.join(KNOWN)}). "
                "Give its path, and its sha256 with --weights-sha256."
            )
        path = cache_dir() / name
        if not path.is_file():
            _fetch(path)
    found = file_sha256(path)
    wanted = {sha256.lower()} if sha256 else set(KNOWN.values())
    if found not in wanted:
        told = f"not {sha256} as you said" if sha256 else "which is none that mgcollect knows"
        raise BadWeights(
            f"{path}: its sha256 is {found}, {told}. A weights file can run code when it is loaded, so it was left "
            "alone. If you trust where it comes from, give this value with --weights-sha256."
        )
    return Weights(str(path.resolve()), found)


def import_ultralytics() -> Any:
    """Import Ultralytics so that it keeps to itself: no usage reports, no look-ups, no packages installed on its own."""
    os.environ["YOLO_OFFLINE"] = "true"
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["YOLO_VERBOSE"] = "false"
    os.environ.setdefault("YOLO_CONFIG_DIR", str(cache_dir() / "ultralytics"))
    import ultralytics

    settings: Any = ultralytics.settings
    if settings["sync"]:
        settings.update({"sync": False})
    return ultralytics


def _fetch(path: Path) -> None:
    """Download published weights the way Ultralytics does it, to `path`."""
    import_ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempt_download_asset(str(path), progress=False)
    except Exception as error:  # its errors are of many kinds, down to plain ones of requests
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    else:
        reason = "Ultralytics publishes no weights of this name"
    if not path.is_file():
        raise Unavailable(
            f"{path.name} could not be fetched ({reason}). Download it on a machine with a network from "
            f"https://github.com/ultralytics/assets/releases and place it at {path}, or name a file with --weights."
        )
