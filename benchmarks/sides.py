"""A release's own splits, one protocol a task, as two sides: what is learned from, and what is tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import BadInput
from manifests.release import Release
from manifests.splits import CROSS_SUBJECT, EMOTION, RETRIEVAL, SPOTTING

__all__ = ["Sides", "read_sides"]

_PROTOCOLS = (CROSS_SUBJECT, RETRIEVAL, EMOTION, SPOTTING)
_NAMES = 3  # people that an error names


@dataclass
class Sides:
    """One protocol.

    Attributes:
        unit: what an item is: gesture, video or clip.
        of: item_id -> train or test. Validation items and galleries count as train, queries as test.
        people: train and test -> who is there.
    """

    unit: str
    of: dict[str, str] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=lambda: {"train": set(), "test": set()})


def read_sides(release: Release, person_of: Mapping[str, str], named: str | None = None) -> dict[str, Sides]:
    """Each protocol that the release has of those that tasks use.

    Args:
        person_of: gesture_id, clip_id and video_id -> whose it is.
        named: a protocol that must be there too, with gestures to learn from and to test on.

    Raises:
        BadInput: a protocol has somebody on both sides, or the named one isn't there.
    """
    found: dict[str, Sides] = {}
    splits = release.table("splits", ["protocol", "unit", "item_id", "player_id", "part"])
    wanted = pa.array([*_PROTOCOLS, *([named] if named else [])])
    for row in splits.filter(pc.is_in(splits["protocol"], value_set=wanted)).to_pylist():
        sides = found.setdefault(row["protocol"], Sides(row["unit"]))
        side = "test" if row["part"] in ("test", "query") else "train"
        sides.of[row["item_id"]] = side
        # The item's own person counts, whatever the split says of it: a split that mislabels people leaks too.
        sides.people[side].add(person_of.get(row["item_id"], row["player_id"]))
    if named and (named not in found or found[named].unit != "gesture" or not all(found[named].people.values())):
        known = ", ".join(sorted(set(splits["protocol"].to_pylist()))) or "none"
        raise BadInput(
            f"--protocol {named}: {release.path} has no split of that name with gestures in train and in test. There: {known}."
        )
    for protocol, sides in found.items():
        if both := sorted(sides.people["train"] & sides.people["test"]):
            shown = ", ".join(both[:_NAMES]) + (f" and {len(both) - _NAMES} more" if len(both) > _NAMES else "")
            raise BadInput(
                f"{release.path}, table splits, protocol {protocol}: {shown} "
                f"{'stands' if len(both) == 1 else 'stand'} both in train and in test, so every score would be too good. "
                "Draw the split by people (`mgcollect release build` does) and run again."
            )
    return found
