"""What `mgcollect release verify` checks. Each check is a function that yields its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from manifests.anonymity import Anonymity, anonymity_of
from manifests.errors import BadInput
from manifests.ids import file_sha256
from manifests.leaks import absent_classes, label_leaks, one_outcome, same_footage
from manifests.release import RELEASED, SUMS, Release, open_release

__all__ = ["CHECKS", "Check", "Finding", "VerifyReport", "verify"]

_SHOWN = 5
_Found = Iterator[tuple[str, tuple[str, ...]]]
Check = Callable[[Release], _Found]


@dataclass(frozen=True)
class Finding:
    """Something wrong with a release.

    Attributes:
        check: which check found it.
        message: what is wrong, and where.
        rows: ids of the rows concerned.
    """

    check: str
    message: str
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(self.rows[:_SHOWN]) + (
            f" and {len(self.rows) - _SHOWN} more" if len(self.rows) > _SHOWN else ""
        )
        return f"{self.check}: {self.message}" + (f" ({shown})" if self.rows else "")


@dataclass(frozen=True)
class VerifyReport:
    """What was found.

    Attributes:
        path: the release's folder.
        checks: names of the checks that were made.
        findings: errors.
        warnings: what a reader should know, and small releases can't help.
        anonymity: how far the people table keeps people apart; None where it can't be read.
    """

    path: Path
    checks: tuple[str, ...]
    findings: tuple[Finding, ...] = field(default=())
    warnings: tuple[Finding, ...] = field(default=())
    anonymity: Anonymity | None = None

    @property
    def exit_code(self) -> int:
        return 1 if self.findings else 0


def verify(path: Path | str, more: Mapping[str, Check] | None = None) -> VerifyReport:
    """Check a release whole.

    Args:
        more: further checks by name, of rooms that can do more than this one.

    Raises:
        BadInput: there is no release there, or its description is damaged.
        SchemaMismatch: it has another format version.
    """
    release = open_release(path)
    findings: list[Finding] = []
    checks = {**CHECKS, **(more or {})}
    for name, check in checks.items():
        try:
            findings += [Finding(name, message, rows) for message, rows in check(release)]
        except (BadInput, ValueError, KeyError) as error:
            # A damaged file stops this check only; the others may find more.
            findings.append(Finding(name, f"can't be checked: {error}"))
    warnings = [finding for finding in findings if finding.check in _ONLY_WARN and finding.rows]
    errors = [finding for finding in findings if finding not in warnings]
    try:
        anonymity = anonymity_of(release.table("players"))
    except BadInput:  # said above already
        anonymity = None
    return VerifyReport(release.path, tuple(checks), tuple(errors), tuple(warnings), anonymity)


def _checksums(release: Release) -> _Found:
    sums = release.path / SUMS
    if not sums.exists():
        yield f"{SUMS} is missing", ()
        return
    lines = [line.split("  ", 1) for line in sums.read_text(encoding="utf-8").splitlines()]
    listed = {name: sum_ for sum_, name in lines}
    there = {p.relative_to(release.path).as_posix() for p in release.path.rglob("*") if p.is_file()} - {SUMS}
    if extra := sorted(there - listed.keys()):
        yield "files that nobody lists", tuple(extra)
    if missing := sorted(listed.keys() - there):
        yield "files missing", tuple(missing)
    if changed := [name for name in sorted(there & listed.keys()) if file_sha256(release.path / name) != listed[name]]:
        yield "files changed since the release was built", tuple(changed)


def _schemas(release: Release) -> _Found:
    for name in RELEASED:
        try:
            rows = release.rows(name)
        except BadInput as error:
            yield str(error), ()
        else:
            if rows != release.info["counts"].get(name):
                yield f"{name} has {rows} rows, meta/info.json says {release.info['counts'].get(name)}", ()


_PARENTS = (
    ("videos", "video_id", "player_id", "players"),
    ("clips", "clip_id", "video_id", "videos"),
    ("poses", "clip_id", "clip_id", "clips"),
    ("proposals", "proposal_id", "clip_id", "clips"),
    ("annotations", "annotation_id", "clip_id", "clips"),
    ("gestures", "gesture_id", "clip_id", "clips"),
)


def _references(release: Release) -> _Found:
    for name, own, key, parent in _PARENTS:
        child = _frame(release, name, [own, key] if own != key else [own])
        known = set(release.table(parent, [key])[key].to_pylist())
        lost = child[~child[key].isin(known)]
        if len(lost):
            yield f"{name} whose {key} is not in {parent}", tuple(lost[own])
    splits = _frame(release, "splits", ["unit", "item_id", "player_id"]).drop_duplicates()
    for unit, table in (("gesture", "gestures"), ("video", "videos"), ("clip", "clips")):
        whose = _frame(release, table, [f"{unit}_id", "player_id"]).set_index(f"{unit}_id")["player_id"]
        mine = splits[splits["unit"] == unit]
        if len(lost := mine[~mine["item_id"].isin(whose.index)]):
            yield f"splits whose {unit} is not in {table}", tuple(lost["item_id"])
        there = mine[mine["item_id"].isin(whose.index)]
        other = there[there["item_id"].map(whose).to_numpy() != there["player_id"].to_numpy()]
        if len(other):
            yield f"splits whose {unit} is another person's than {table} has it", tuple(sorted(set(other["item_id"])))


def _ranges(release: Release) -> _Found:
    clips = _frame(release, "clips", ["clip_id", "n_frames"])
    for name, own in (("proposals", "proposal_id"), ("annotations", "annotation_id"), ("gestures", "gesture_id")):
        rows = _frame(release, name).merge(clips, on="clip_id")
        rows = rows[rows["start"].notna()]
        outside = rows[(rows["start"] < 0) | (rows["end"] <= rows["start"]) | (rows["end"] > rows["n_frames"])]
        if len(outside):
            yield f"{name} whose frames are empty, reversed or outside their clip", tuple(outside[own])
        unknown = rows[~rows["label"].isin(release.labels)]
        if len(unknown):
            yield f"{name} with a label that no class has", tuple(unknown[own])


def _frame_counts(release: Release) -> _Found:
    blocks = _frame(release, "poses", ["clip_id", "n_frames"])
    counted = blocks.groupby("clip_id")["n_frames"].sum()
    clips = _frame(release, "clips", ["clip_id", "n_frames"]).set_index("clip_id")["n_frames"]
    both = counted.index.intersection(clips.index)
    wrong = both[(counted[both] != clips[both]).to_numpy()]
    if len(wrong):
        yield "clips with more or fewer frames of poses than they have frames", tuple(wrong)


def _clip_files(release: Release) -> _Found:
    """Clips in the release are those that the table names, where it names them, by names that tell nothing."""
    clips = _frame(release, "clips", ["clip_id", "video_id", "path", "sha256"])
    named = clips[clips["path"].notna()]
    own = "clips/" + named["video_id"] + "/" + named["clip_id"] + ".mp4"
    if len(odd := named[own != named["path"]]):
        yield "clips whose path is not made of their ids, so may tell more", tuple(odd["clip_id"])
    sound = named[own == named["path"]]
    wrong = [
        clip
        for clip, path, sum_ in zip(sound["clip_id"], sound["path"], sound["sha256"], strict=True)
        if not (release.path / path).is_file() or file_sha256(release.path / path) != sum_
    ]
    if wrong:
        yield "clips whose file is missing or has other bytes than the table says", tuple(wrong)
    there = {p.relative_to(release.path).as_posix() for p in (release.path / "clips").rglob("*") if p.is_file()}
    if extra := sorted(there - set(named["path"])):
        yield "files of clips that the table doesn't name", tuple(extra)


def _people_apart(release: Release) -> _Found:
    splits = _frame(release, "splits")
    for (protocol, draw), rows in splits.groupby(["protocol", "draw"]):
        parts = rows.groupby("player_id")["part"].nunique()
        both = parts.index[np.asarray(parts > 1)]
        if len(both):
            yield f"people of {protocol} (draw {draw}) who are in more than one part", tuple(both)


def _frame(release: Release, name: str, columns: list[str] | None = None) -> pd.DataFrame:
    frame: pd.DataFrame = release.table(name, columns).to_pandas()
    return frame


CHECKS: dict[str, Check] = {
    "checksums": _checksums,
    "schemas": _schemas,
    "references": _references,
    "ranges": _ranges,
    "frame counts": _frame_counts,
    "clip files": _clip_files,
    "people apart": _people_apart,
    "footage apart": same_footage,
    "outcomes": one_outcome,
    "classes": absent_classes,
    "label leaks": label_leaks,
}
_ONLY_WARN = {"classes"}
