"""The press site of the tests: one that can be given any page, and whose faults may pass."""

from __future__ import annotations

from mgcollect.demo.press_site import Fault, PressSite


class Site(PressSite):
    """A press site with further pages, and faults that pass: `passing[path]` is a list, worn off from the front."""

    pages: dict[str, tuple[str, str]]
    passing: dict[str, list[Fault]]

    def content(self, path: str) -> tuple[str, bytes] | None:
        if path in self.pages:
            kind, text = self.pages[path]
            return kind, text.replace("{site}", self.url).encode()
        return super().content(path)

    def next_fault(self, path: str) -> Fault | None:
        waiting = self.passing.get(path)
        return waiting.pop(0) if waiting else None


class Faults(dict[str, Fault]):
    """What `PressSite` asks for each request: a fault that passes, else one that stays."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def get(self, path: str, default: Fault | None = None) -> Fault | None:
        return self.site.next_fault(path) or super().get(path, default)
