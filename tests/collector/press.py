"""The press site of the tests: one that can be given any page, and whose faults may pass."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mgcollect.demo.press_site import Fault, PressSite

__all__ = ["PLUGIN", "Site"]

# A platform of yt-dlp's whose pages a site here can have, and whose search it can answer (`Site.platform`).
PLUGIN = Path(__file__).parents[1] / "plugin"
if str(PLUGIN) not in sys.path:
    sys.path.append(str(PLUGIN))


class Site(PressSite):
    """A press site with further pages, and faults that pass: `passing[path]` is a list, worn off from the front."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.pages: dict[str, tuple[str, str | bytes]] = {}
        self.passing: dict[str, list[Fault]] = {}
        self.faults = Faults(self)

    def content(self, path: str) -> tuple[str, bytes] | None:
        if path in self.pages:
            kind, text = self.pages[path]
            return kind, text if isinstance(text, bytes) else text.replace("{site}", self.url).encode()
        return super().content(path)

    def tells(self, name: str, **told: Any) -> str:
        """Have the platform tell this of a video; return the path of the video's page."""
        self.pages[f"/api/{name}.json"] = ("application/json", json.dumps(told))
        return f"/watch/{name}"

    def finds(self, *found: dict[str, Any]) -> None:
        """Have the platform find this, whatever it is asked for."""
        self.pages["/search"] = ("application/json", json.dumps(found))

    def next_fault(self, path: str) -> Fault | None:
        """The fault that passes next."""
        waiting = self.passing.get(path)
        return waiting.pop(0) if waiting else None

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.requests]


class Faults(dict[str, Fault]):
    """What `PressSite` asks for each request: a fault that passes, else one that stays."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def get(self, path: str, default: Fault | None = None) -> Fault | None:
        return self.site.next_fault(path) or super().get(path, default)
