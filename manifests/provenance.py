"""Who made a row: the tool's version, and the model's name and checksum where one was used."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["made_by", "tool_version"]


def tool_version() -> str:
    """mgcollect's version; "0+source" where it runs without being installed."""
    try:
        return version("mgcollect")
    except PackageNotFoundError:
        return "0+source"


def made_by(model: str | None = None, sha256: str | None = None) -> str:
    """The text of a `made_by` column, such as "mgcollect 0.1.0; yolo11n-pose.pt sha256:869e83fc…"."""
    text = f"mgcollect {tool_version()}"
    if model:
        text += f"; {model}"
    if sha256:
        text += f" sha256:{sha256}"
    return text
