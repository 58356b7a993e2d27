"""Build a release: what may be published of a dataset, as Parquet shards with checksums.

Never in it: names, the private tables, titles and queries (they hold names), people who opted out; pixels only where they are
asked for. `write_release`
writes one from any tables (the importers use it too): in a folder beside, renamed when whole, so a kill leaves no half
release; the same tables and poses give the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from manifests.anonymity import Anonymity, anonymity_of, coarsened, parse_coarsening
from manifests.cards import card, datasheet
from manifests.croissant import croissant
from manifests.diff import changes_text, diff
from manifests.errors import BadInput, SchemaMismatch, explain_write_errors
from manifests.facts import facts_of
from manifests.history import history_of
from manifests.ids import digest, file_sha256
from manifests.names import holds_phrase
from manifests.parquet import write_parquet, write_text
from manifests.pixels import Pixels, released_pixels, with_files
from manifests.plots import draw_plots
from manifests.pose_shards import write_shards
from manifests.provenance import made_by
from manifests.release import INFO, RELEASE_FORMAT, RELEASED, SUMS, open_release
from manifests.splits import splits_of
from manifests.subjects import draw_people, imbalance, read_subjects
from manifests.tables import TABLES, rows_of, sorted_table
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = ["BuildReport", "Content", "build", "read_licence", "write_release"]

_BATCH = 10_000
_NO_LICENCE = """No licence has been chosen for this data set. Until its publisher puts one here, nobody else may use it.
The people in it have rights of their own: to be told, to be left out, and to be forgotten.
"""


@dataclass(frozen=True)
class BuildReport:
    """What was built.

    Attributes:
        path: the release's folder.
        version: its version.
        rows: rows of each table.
        built: False where the same release stood there already.
        anonymity: how far the people table keeps people apart.
        telling_links: videos whose address holds the name of their person, which the release therefore tells.
    """

    path: Path
    version: str
    rows: dict[str, int]
    built: bool
    anonymity: Anonymity
    telling_links: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return 0


@dataclass(frozen=True)
class Content:
    """What a release is written from.

    Attributes:
        tables: every released table but poses.
        pose_files: clip_id -> the file that `write_poses` wrote.
        labels: the taxonomy, in the order of class indices.
        licence: the terms to publish under; None where none was chosen.
        note: what a reader must know.
        history: what `history_of` says of the dataset; empty for an import.
        previous: the release before this one, for CHANGES.
        clip_files: clip_id -> the file that goes to the `path` of its row; empty where no pixels are released.
    """

    tables: dict[str, pa.Table]
    pose_files: dict[str, Path]
    labels: tuple[str, ...] = LABELS
    licence: str | None = None
    note: str | None = None
    history: Mapping[str, Any] = field(default_factory=dict)
    previous: Path | None = None
    clip_files: Mapping[str, Path] = field(default_factory=dict)


def build(
    workspace: Workspace,
    version: str,
    *,
    out: Path | None = None,
    license_file: Path | None = None,
    note: str | None = None,
    seed: int = 0,
    subjects: Path | None = None,
    pixels: Pixels = "none",
    coarsen: Sequence[str] = (),
    quiet: bool = False,
) -> BuildReport:
    """Write the release of a dataset.

    Args:
        version: such as "1.0.0".
        out: its folder; by default `releases/<version>` in the dataset.
        license_file: the terms to publish under.
        note: what a reader must know (that annotators were simulated, say); stands in the README and in meta/info.json.
        seed: of the splits.
        subjects: a CSV of who is in train, val and test (player_id, part); drawn unless given.
        pixels: whether the clips themselves go in: "none", "clips" as they were cut, or "blurred" (collector/blur.py).
        coarsen: what to say less of in the people table, as `manifests.anonymity.parse_coarsening` reads it; people are divided
            by what is known of them all the same.

    Raises:
        BadInput: another release stands there, the dataset has nothing to release, or the list of subjects is wrong.
        CannotWrite: the folder is read-only or its disk full.
    """
    out = out or workspace.root / "releases" / _checked(version)
    tables = _public_tables(workspace)
    if not tables["clips"].num_rows:
        raise BadInput(
            f"{workspace.root}: no clip is kept, so there is nothing to release. Run `mgcollect segment` first."
        )
    clip_files, shown = released_pixels(workspace, tables["clips"], pixels)
    tables["clips"] = with_files(tables["clips"], clip_files)
    tables["splits"], split = _splits(workspace, tables, seed, subjects)
    steps = parse_coarsening(coarsen)
    tables["players"] = coarsened(tables["players"], steps)
    clips = tables["clips"]["clip_id"].to_pylist()
    pose_files = {clip: path for clip in clips if (path := workspace.table_path("poses", clip)).exists()}
    content = Content(
        tables,
        pose_files,
        licence=read_licence(license_file),
        note=note,
        history=history_of(workspace, seed=seed, split=split, pixels=shown, people_coarsened=steps),
        previous=_before(version, out.parent),
        clip_files={clip: file.path for clip, file in clip_files.items()},
    )
    report = write_release(content, out, version, quiet=quiet)
    return replace(report, telling_links=_telling_links(workspace, tables["videos"]))


def write_release(content: Content, out: Path, version: str, *, quiet: bool = False) -> BuildReport:
    """Write tables and poses as a release; where the same release stands already, do nothing.

    Args:
        content: what goes in.
        out: its folder.
        version: such as "1.0.0".

    Raises:
        BadInput: another release stands there.
        CannotWrite: the folder is read-only or its disk full.
    """
    info = _info(_checked(version), content)
    anonymity = anonymity_of(content.tables["players"])
    if out.exists():
        return _standing(out, info, anonymity)

    partial = out.with_name(f".{out.name}.partial")
    with explain_write_errors(out):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in content.tables.items():
            write_parquet(TABLES[name], data, partial / "data" / name / "00000-of-00001.parquet")
        info["counts"]["poses"], makers = write_shards(content.pose_files, partial / "data" / "poses", quiet=quiet)
        info["history"]["made_by"]["poses"] = makers
        _copy_clips(content, partial, quiet=quiet)
        write_text(partial / INFO, json.dumps(info, indent=2, sort_keys=True) + "\n")
        write_text(partial / "LICENSE", content.licence or _NO_LICENCE)
        write_text(partial / "CHANGES", _changes(content.previous, partial, version))
        _write_cards(content, info, partial)
        write_text(partial / SUMS, "".join(f"{sum_}  {name}\n" for name, sum_ in _sums(partial)))
        partial.rename(out)
    return BuildReport(out, version, info["counts"], built=True, anonymity=anonymity)


def read_licence(path: Path | None) -> str | None:
    """The text of `--license-file`; None where none was given.

    Raises:
        BadInput: there is no such file, or it is no text.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"--license-file {path}: there is no such file.") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise BadInput(f"--license-file {path}: this is no text in UTF-8.") from None


def _checked(version: str) -> str:
    if not version or not all(part.isdecimal() for part in version.split(".")) or version.count(".") != 2:
        raise BadInput(f"--version {version}: write three numbers, such as 1.0.0.")
    return version


def _standing(out: Path, info: dict[str, Any], anonymity: Anonymity) -> BuildReport:
    standing = open_release(out)
    if standing.info.get("source") != info["source"]:
        raise BadInput(
            f"{out}: release {standing.version} stands there and what it was made from has changed since. "
            "A published version never changes: give the new one another --version."
        )
    return BuildReport(out, standing.version, standing.info["counts"], built=False, anonymity=anonymity)


def _public_tables(workspace: Workspace) -> dict[str, pa.Table]:
    players = workspace.read("players")
    players = players.filter(pc.invert(players["opt_out"]))
    videos = _of(workspace.read("videos"), "player_id", players)
    clips = _of(workspace.read("clips"), "video_id", videos)
    clips = clips.filter(clips["kept"])
    return {
        "players": _of(players, "player_id", videos),
        "videos": _blank(videos, title=None, path=None, found_by=[]),
        "clips": clips,
        "proposals": _of(workspace.read("proposals"), "clip_id", clips),
        "annotations": _of(workspace.read("annotations"), "clip_id", clips),
        "gestures": _of(workspace.read("gestures"), "clip_id", clips),
    }


def _telling_links(workspace: Workspace, videos: pa.Table) -> tuple[str, ...]:
    """Videos whose address, or whose id at their platform, holds a name of their person."""
    people = rows_of(workspace.read("players_private"))
    names = {row["player_id"]: (row["name"], *row["aliases"]) for row in people}
    return tuple(
        sorted(
            row["video_id"]
            for row in rows_of(videos)
            for told in (f"{unquote(row['source_url'] or '')} {row['platform_id'] or ''}",)
            # An address writes a space as a hyphen, a plus, an underscore or a per cent sign.
            if any(holds_phrase(told.replace("_", " "), name) for name in names.get(row["player_id"], ()))
        )
    )


def _splits(
    workspace: Workspace, tables: dict[str, pa.Table], seed: int, subjects: Path | None
) -> tuple[pa.Table, dict[str, Any]]:
    """The splits table, and how its people came into their parts."""
    described = tables["gestures"], tables["players"], tables["videos"]
    if subjects is None:
        parts, how = draw_people(*described, seed=seed), "drawn by simulated annealing (manifests/subjects.py)"
    else:
        everybody = set(workspace.read("players")["player_id"].to_pylist()) | workspace.opted_out().players
        here = set(tables["players"]["player_id"].to_pylist())
        parts, how = read_subjects(subjects, here, everybody - here), "given"
    unlike = imbalance(*described, parts) if parts else {}
    return splits_of(tables, parts, seed), {"people": how, "imbalance": unlike}


def _of(data: pa.Table, key: str, parent: pa.Table) -> pa.Table:
    """The rows whose `key` stands in the parent table."""
    return data.filter(pc.is_in(data[key], value_set=parent[key].combine_chunks()))


def _blank(data: pa.Table, **values: Any) -> pa.Table:
    """Put one value into every row of a column."""
    for name, value in values.items():
        field = data.schema.field(name)
        column = pa.array([value] * data.num_rows, type=field.type)
        data = data.set_column(data.schema.get_field_index(name), field, column)
    return data


def _copy_clips(content: Content, folder: Path, *, quiet: bool) -> None:
    paths = dict(zip(*(content.tables["clips"][name].to_pylist() for name in ("clip_id", "path")), strict=True))
    for clip, file in tqdm(content.clip_files.items(), desc="clips", unit="clip", disable=quiet or None):
        copy = folder / paths[clip]
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _source_digest(content: Content) -> str:
    rows = {name: _rows_digest(sorted_table(TABLES[name], data)) for name, data in content.tables.items()}
    poses = {clip: file_sha256(path) for clip, path in content.pose_files.items()}
    return digest(rows, poses, content.labels, content.licence, content.note)


def _rows_digest(data: pa.Table) -> str:
    # A batch at a time: splits has five rows a gesture, and as Python's own objects they take a hundred times the room.
    return digest(*(digest(batch.to_pylist()) for batch in data.combine_chunks().to_batches(max_chunksize=_BATCH)))


def _info(version: str, content: Content) -> dict[str, Any]:
    return {
        "format": RELEASE_FORMAT,
        "version": version,
        "made_by": made_by(),
        "schema_versions": {name: TABLES[name].version for name in RELEASED},
        "taxonomy": list(content.labels),
        "counts": {name: content.tables[name].num_rows if name in content.tables else 0 for name in RELEASED},
        "history": {
            **content.history,
            "made_by": {name: makers for name, data in content.tables.items() if (makers := _makers(data))},
        },
        "path_template": "data/{table}/{shard:05d}-of-{shards:05d}.parquet",
        "note": content.note,
        "source": _source_digest(content),
    }


def _changes(previous: Path | None, partial: Path, version: str) -> str:
    if previous is None:
        return f"{version} is the first version here.\n"
    try:
        return changes_text(diff(previous, partial))
    except SchemaMismatch as error:
        return f"Changes from {previous.name} to {version} can't be told row by row: {error}\n"


def _before(version: str, releases: Path) -> Path | None:
    """The newest release there that is older than `version`."""

    def number(path: Path) -> tuple[int, ...]:
        return tuple(map(int, path.name.split(".")))

    there = [path for path in releases.glob("[0-9]*.[0-9]*.[0-9]*") if (path / INFO).exists()]
    older = [path for path in there if number(path) < number(Path(version))]
    return max(older, key=number, default=None)


def _write_cards(content: Content, info: Mapping[str, Any], folder: Path) -> None:
    facts = facts_of(content.tables, content.labels)
    shards = {name: sum_ for name, sum_ in _sums(folder) if name.endswith(".parquet")}
    described = croissant(info, facts, shards)
    write_text(folder / "croissant.json", json.dumps(described, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / "README.md", card(info, facts, draw_plots(facts, folder / "plots")))
    write_text(folder / "DATASHEET.md", datasheet(info, facts, anonymity_of(content.tables["players"])))


def _makers(data: pa.Table) -> dict[str, int]:
    counts = Counter(data["made_by"].to_pylist()) if "made_by" in data.schema.names else {}
    return dict(sorted(counts.items()))


def _sums(folder: Path) -> list[tuple[str, str]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(path.relative_to(folder).as_posix(), file_sha256(path)) for path in files]
