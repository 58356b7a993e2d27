"""Are the release's splits those that its own seed draws? They are drawn again from its tables, as `release build` did, and compared.

A split by hand may be as good, but then its authors chose who is tested; so what differs is told with the scores.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyarrow as pa

from manifests.release import Release
from manifests.splits import CROSS_SUBJECT, EMOTION, parts_of, splits_of
from manifests.subjects import draw_people

__all__ = ["rebuilt"]


def rebuilt(release: Release) -> tuple[str, str | None]:
    """Draw the splits again.

    Returns:
        what came of it, in words, and what a reader of the scores must know, if anything.
    """
    configuration = (release.info.get("history") or {}).get("configuration", {})
    splits = release.table("splits")
    if "seed" not in configuration or not splits.num_rows:
        return "the release says no seed to draw its splits by", None
    seed, people = int(configuration["seed"]), str(configuration.get("split", {}).get("people", ""))
    tables = {name: release.table(name) for name in ("gestures", "videos", "clips", "annotations")}
    if people.startswith("drawn") and not configuration.get("people_coarsened"):
        parts = draw_people(tables["gestures"], release.table("players"), tables["videos"], seed=seed)
        how = f"drawn again by seed {seed}, people included"
    else:
        parts = _parts(splits)
        why = "were given" if people == "given" else "can't be drawn again, as less is told of them than was known"
        how = f"drawn again by seed {seed}, for its people, who {why}"
    wrong = _rows(splits) - _rows(splits_of(tables, parts, seed))
    if not wrong:
        return f"{how}: the same", None
    changed = sorted({protocol for protocol, *_ in wrong})
    return f"{how}: {', '.join(changed)} not the same", (
        f"The splits are not those that seed {seed} draws from this release ({', '.join(changed)}: {wrong.total():,} of "
        f"{splits.num_rows:,} rows differ), so they were made or changed in another way."
    )


def _parts(splits: pa.Table) -> dict[str, str]:
    """Whose part is which, as the release has it."""
    by_item = {name: parts_of(splits, name) for name in (CROSS_SUBJECT, EMOTION)}
    people: dict[str, str] = {}
    for row in splits.select(["protocol", "item_id", "player_id"]).to_pylist():
        if part := by_item.get(row["protocol"], {}).get(row["item_id"]):
            people.setdefault(row["player_id"], part)
    return people


def _rows(splits: pa.Table) -> Counter[Any]:
    """How often each row stands there, in whatever order."""
    return Counter(
        (
            row["protocol"],
            row["draw"],
            row["unit"],
            row["item_id"],
            row["player_id"],
            row["part"],
            *(row["labelled"] or ()),
        )
        for row in splits.to_pylist()
    )
