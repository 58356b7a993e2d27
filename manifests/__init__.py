"""The ground floor: classes, tables, the workspace they live in, the ledger, splits, checks and releases."""

from manifests.release import Release, open_release

__all__ = ["Release", "open_release"]
