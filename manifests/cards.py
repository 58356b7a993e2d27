"""The card of a release for a hub (README.md) and its datasheet (DATASHEET.md), filled from the tables.

The datasheet asks what Gebru et al., Datasheets for Datasets (CACM 2021), ask. What only a publisher can know is left for
the publisher, in words that say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from manifests.anonymity import ENOUGH, Anonymity
from manifests.facts import Facts
from manifests.tables import TABLES

__all__ = ["card", "datasheet"]

_ELSEWHERE = ("split", "pixels", "people_coarsened")  # of the configuration, what is said in words of its own
_ASK = "*Not said yet; the publisher says it here.*"


def card(info: Mapping[str, Any], facts: Facts, plots: list[str]) -> str:
    """The README.md of a release.

    Args:
        info: its meta/info.json.
        facts: its numbers.
        plots: names of the plots in plots/, without suffix.
    """
    counts = info["counts"]
    # `datasets` fails on a Parquet file without a row, so tables that are empty are no configuration.
    configs = "".join(
        f"- config_name: {name}\n  data_files: data/{name}/*.parquet\n" + ("  default: true\n" * (name == "gestures"))
        for name, count in counts.items()
        if count
    )
    rows = "".join(f"| {name} | {TABLES[name].row} | {count:,} |\n" for name, count in counts.items())
    note = f"\n**{info['note']}**\n" if info["note"] else ""
    pictures = "".join(f"\n![{name}](plots/{name}.png)\n" for name in plots)
    return (
        f"---\npretty_name: Micro-gestures {info['version']}\ntask_categories:\n- other\n"
        f"tags:\n- micro-gestures\n- pose\nsize_categories:\n- {_size(facts.n_gestures)}\nconfigs:\n{configs}---\n"
        f"# Micro-gesture data set, version {info['version']}\n{note}\n"
        f"Poses and gestures of people in public video: links and time stamps, pseudonyms for people. {_pixels(info)}\n\n"
        f"{_summary(facts)}\n"
        f"| table | a row is | rows |\n|---|---|---|\n{rows}\n"
        '`datasets.load_dataset(folder, "gestures")` loads a table, and so does anything that reads Parquet. Frames are\n'
        "0-based and half-open, `[start, end)`, on each clip's constant frame rate. `SHA256SUMS` holds the checksum of every\n"
        "file; `mgcollect release verify` checks them and what the tables say of each other. `DATASHEET.md` says how the data\n"
        "came to be, `CHANGES` what differs from the version before, `croissant.json` describes all of it to machines.\n"
        f"{pictures}\nBuilt with {info['made_by']}.\n"
    )


def datasheet(info: Mapping[str, Any], facts: Facts, anonymity: Anonymity) -> str:
    """The DATASHEET.md of a release."""
    stages = "".join(
        f"| {name} | {row['in']:,} | {row['ok']:,} | {row['failed']:,} | {row['skipped']:,} |\n"
        for name, row in info["history"].get("stages", {}).items()
    )
    ledger = f"\n| stage | in | ok | failed | skipped |\n|---|---|---|---|---|\n{stages}" if stages else ""
    makers = "".join(
        f"- {table}: {maker} ({rows:,} rows)\n"
        for table, some in info["history"]["made_by"].items()
        for maker, rows in some.items()
    )
    splits = "".join(
        f"| {protocol} | {part} | {items:,} | {people:,} |\n"
        for (protocol, part), (items, people) in facts.splits.items()
    )
    return f"""# Datasheet, version {info["version"]}

Numbers are counted from the tables of this release. {info["note"] or ""}

## Motivation

For research on micro-gestures: recognising and finding them, and what they go with. Why this data set was made, by whom, and
who paid for it: {_ASK}

## Composition

{_summary(facts)}
People by gender: {_list(facts.genders)}. By country: {_list(facts.countries)}. Years of birth: {_span(facts.birth_years)}.
Videos by outcome of the match before them: {_list(facts.outcomes)}. Gestures by class: {_list(facts.gestures)}.

| split | part | items | people |
|---|---|---|---|
{splits}
{_division(info["history"].get("configuration", {}).get("split"))}
{_pixels(info)}

People are told apart by pseudonyms only. Names, titles of videos and the list of who is who are not part of it. The links lead
to public recordings, in which the people can be recognised; so this is personal data.

The table of people by itself: {anonymity}. {_ways(anonymity, info["history"].get("configuration", {}))}

## Collection

Recordings by platform: {_list(facts.platforms)}. What the links led to when last followed ({_span(facts.checked)}):
{_list(facts.availability)}.
{ledger}
Whether the people were told or agreed, and whether a board reviewed it: {_ASK}

## Processing and labelling

{facts.annotators:,} annotators marked {facts.annotations:,} gestures, of which {facts.n_gestures:,} were agreed \
({facts.adjudicated:,} adjudicated). {_agreement(facts)}
Each row says what made it:

{makers}
Configuration of the build: {_list({k: v for k, v in info["history"].get("configuration", {}).items() if k not in _ELSEWHERE})}.

## Uses

Inferring emotion from people's bodies is restricted by law in some places and settings (in the European Union, at work and in
education). A gesture doesn't show what a person feels; scores on the emotion task are about outcomes of matches. What it has
been used for, and what it should not be used for: {_ASK}

## Distribution and maintenance

Terms stand in LICENSE. People may ask to be left out; whoever holds a copy must then delete theirs. Whom to ask, and how
errors are reported: {_ASK}
"""


def _summary(facts: Facts) -> str:
    lengths = f", {np.median(facts.seconds):.2f} s long at the median" if len(facts.seconds) else ""
    return (
        f"{facts.people:,} people, {facts.videos:,} videos ({facts.video_hours:,.1f} hours), {facts.clips:,} clips "
        f"({facts.clip_hours:,.2f} hours, {facts.frames:,} frames), {facts.n_gestures:,} gestures in {facts.classes} of "
        f"{len(facts.gestures)} classes{lengths}. {_agreement(facts)}\n"
    )


def _division(split: Mapping[str, Any] | None) -> str:
    if not split or not split["imbalance"]:
        return ""
    unlike = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in split["imbalance"].items())
    return (
        f"The people of train and test were {split['people']}. How far the two differ: {unlike}. (0 is alike, 1 as unlike as\n"
        "can be: total variation between their shares of people, videos and gestures; for people and gestures, how far test is\n"
        "from 40 % of all; lost classes are those that one of the two lacks though people on both could have had them.)\n"
    )


def _ways(anonymity: Anonymity, configuration: Mapping[str, Any]) -> str:
    said = []
    if steps := configuration.get("people_coarsened"):
        said.append(f"Less is said in it than is known: {_list(steps)}.")
    if anonymity.coarsenings:
        ways = "; or ".join(str(way) for way in anonymity.coarsenings)
        said.append(f"What would bring everybody to {ENOUGH}: {ways}.")
    return " ".join(said)


def _pixels(info: Mapping[str, Any]) -> str:
    """Whether there are clips in it, and what is hidden in them."""
    said = info["history"].get("configuration", {}).get("pixels", {"pixels": "none"})
    if said["pixels"] == "none":
        return "No pixels are in it."
    if said["pixels"] == "clips":
        return "The clips are in it (clips/), as they were cut, with the people's faces."
    frames = sum(said[way] for way in ("by_keypoints", "by_neighbours", "by_box", "whole_frames"))
    return (
        f"The clips are in it (clips/), with the player's face hidden in all {frames:,} frames: found by its keypoints in "
        f"{said['by_keypoints']:,}, between frames that had it in {said['by_neighbours']:,}, by the person's box in "
        f"{said['by_box']:,}; {said['whole_frames']:,} frames are hidden whole. Other people were in view in "
        f"{said['clips_with_others_hidden']:,} clips; there all but the player's surroundings is hidden. Bodies and clothes can "
        "still be recognised, and the links lead to recordings in which nothing is hidden."
    )


def _agreement(facts: Facts) -> str:
    if not len(facts.agreements):
        return "How far annotators agreed is not known."
    return f"On average {facts.agreements.mean():.0%} of the annotators of a clip support a gesture's label."


def _list(counts: Mapping[str, object]) -> str:
    shown = {name: f"{n:,}" if isinstance(n, int) else str(n) for name, n in counts.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items()) or "none"


def _span(ends: tuple[object, object] | None) -> str:
    if ends is None:
        return "not known"
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def _size(rows: int) -> str:
    """The hub's word for a number of rows."""
    for limit, word in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if rows < limit:
            return word
    return "100K<n<1M"
