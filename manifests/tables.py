"""The tables: what a row is, its columns, and the version of its schema.

Frames are 0-based and half-open, `[start, end)`, on the clip's constant frame rate. Every table is Parquet (zstd); its name
and schema version stand in the file's metadata, so a reader that meets another version says so before it reads a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from manifests.errors import SchemaMismatch

__all__ = [
    "PRIVATE",
    "TABLES",
    "Completion",
    "Row",
    "Table",
    "check_version",
    "empty",
    "from_rows",
    "is_older",
    "rows_of",
    "sorted_table",
]

Row = dict[str, Any]

_TABLE_KEY = b"mgcollect.table"
_VERSION_KEY = b"mgcollect.schema_version"

_TEXTS = pa.list_(pa.string())
_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Completion:
    """Columns that another table knows better, once it has a row of the same key.

    Attributes:
        table: that table.
        key: the column that both share.
        columns: what is taken from it.
        newest: of several rows of a key, the one that counts has most here.
    """

    table: str
    key: str
    columns: tuple[str, ...]
    newest: str | None = None


@dataclass(frozen=True)
class Table:
    """One table of the data set.

    Attributes:
        name: the file's stem under `tables/`.
        row: what a row is, in words.
        columns: its Arrow fields; a field that may be empty is nullable.
        key: the columns that no two rows share; rows are kept sorted by them.
        version: rises with every change of `columns`.
        completed_by: what later stages found out about its rows; it is filled in where the table is drawn.
    """

    name: str
    row: str
    columns: tuple[pa.Field, ...]
    key: tuple[str, ...]
    version: int = 1
    completed_by: tuple[Completion, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema with name and version in its metadata."""
        metadata = {_TABLE_KEY: self.name.encode(), _VERSION_KEY: str(self.version).encode()}
        return pa.schema(self.columns, metadata=metadata)


def _must(name: str, kind: Any) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_may = pa.field

_SAID = (
    _must("annotation_id", pa.string()),
    _must("submission_id", pa.string()),  # rows of one press of "Submit" share it
    _must("clip_id", pa.string()),
    _may("window_start", pa.int32()),  # the frames that the annotator was shown; empty where it was the clip
    _may("window_end", pa.int32()),
    _must("annotator_id", pa.string()),
    _must("verdict", pa.string()),  # gesture, nothing, unusable
    _may("start", pa.int32()),
    _may("end", pa.int32()),
    _may("label", pa.string()),
    _may("certainty", pa.string()),
    _may("description", pa.string()),
    _must("task_id", pa.string()),
    _may("lead_time_s", pa.float64()),  # of the whole submission
    _may("from_proposal", pa.string()),
    _must("created_at", _TIME),
    _must("made_by", pa.string()),
)

_ALL = (
    Table(
        "players",
        "a person, under a pseudonym",
        (
            _must("player_id", pa.string()),
            _may("gender", pa.string()),
            _may("country", pa.string()),
            _may("birth_year", pa.int16()),
            _must("opt_out", pa.bool_()),
        ),
        key=("player_id",),
    ),
    Table(
        "players_private",
        "who a pseudonym is, and where to look for them; never part of a release",
        (
            _must("player_id", pa.string()),
            _must("name", pa.string()),
            _must("aliases", _TEXTS),
            _must("urls", _TEXTS),
            _must("feeds", _TEXTS),
            _may("query", pa.string()),
        ),
        key=("player_id",),
    ),
    Table(
        "videos",
        "a source recording",
        (
            _must("video_id", pa.string()),
            _must("player_id", pa.string()),
            _must("source_url", pa.string()),
            _may("platform", pa.string()),
            _may("platform_id", pa.string()),
            _may("title", pa.string()),
            _may("upload_date", pa.date32()),
            _may("event", pa.string()),
            _may("round", pa.string()),
            _must("outcome", pa.string()),  # win, lose, unknown
            _must("duration_s", pa.float64()),
            _must("fps", pa.float64()),  # average; clips have a constant one
            _must("variable_fps", pa.bool_()),
            _must("width", pa.int32()),
            _must("height", pa.int32()),
            _may("licence", pa.string()),
            _may("path", pa.string()),  # under the dataset's folder; empty in a release
            _must("bytes", pa.int64()),
            _must("sha256", pa.string()),
            _must("found_by", _TEXTS),  # every query, feed or address that led to it
            _must("checked_at", _TIME),
            _must("availability", pa.string()),  # available, gone, private, age, geo, unsupported
            _must("made_by", pa.string()),
        ),
        key=("video_id",),
        completed_by=(
            Completion("availability", "video_id", ("availability", "checked_at"), newest="checked_at"),
            Completion("outcomes", "video_id", ("event", "round", "outcome")),
        ),
    ),
    Table(
        "availability",
        "what the link to a recording led to on a day",
        (
            _must("video_id", pa.string()),
            _must("checked_at", _TIME),
            _must("availability", pa.string()),  # as in videos
            _may("message", pa.string()),  # what the site said where it is not available
            _must("made_by", pa.string()),
        ),
        key=("video_id", "checked_at"),
    ),
    Table(
        "matches",
        "a match as a public table has it, with the people's names; never part of a release",
        (
            _must("source", pa.string()),  # name of the file
            _must("row", pa.int32()),  # of the file
            _must("event", pa.string()),
            _must("date", pa.date32()),  # first day of the event
            _may("round", pa.string()),  # F, SF, QF, R16, …, RR
            _may("draw_size", pa.int32()),  # players in the event
            _must("winner", pa.string()),
            _must("loser", pa.string()),
        ),
        key=("source", "row"),
    ),
    Table(
        "outcomes",
        "the match that a recording was made after",
        (
            _must("video_id", pa.string()),
            _must("outcome", pa.string()),  # win, lose
            _must("event", pa.string()),
            _may("round", pa.string()),
            _must("matched_by", _TEXTS),  # what in the title agreed besides name and date: event, opponent, round
            _must("made_by", pa.string()),
        ),
        key=("video_id",),
    ),
    Table(
        "clips",
        "a stretch of one shot, with the player in view if it is kept",
        (
            _must("clip_id", pa.string()),
            _must("video_id", pa.string()),
            _must("player_id", pa.string()),
            _must("start_pts", pa.int64()),  # presentation time stamps of the source, [start, end)
            _must("end_pts", pa.int64()),
            _must("time_base", pa.string()),  # seconds a unit, such as 1/90000
            _must("start_s", pa.float64()),  # the same in seconds from the source's first frame
            _must("end_s", pa.float64()),
            _must("shot", pa.int32()),  # which shot of the video, from 0
            _must("fps_num", pa.int32()),
            _must("fps_den", pa.int32()),
            _must("n_frames", pa.int32()),  # 0 where nothing was cut
            _must("width", pa.int32()),
            _must("height", pa.int32()),
            _may("path", pa.string()),  # under the dataset's folder; empty where nothing was cut
            _may("sha256", pa.string()),
            _may("player_box", pa.list_(pa.float32(), 4)),  # x0, y0, x1, y1 in pixels, median over the stretch
            _may("player_confidence", pa.float32()),  # 0 to 1, how sure the box is the player's
            _may("player_doubt", pa.string()),  # what is in doubt where that is low
            _must("player_share", pa.float32()),  # share of the looked-at frames with the player in view
            _must("people", pa.float32()),  # mean number of people in the looked-at frames
            _may("camera_speed", pa.float32()),  # picture widths a second, 90th percentile over the looked-at frames
            _must("kept", pa.bool_()),
            _may("reason", pa.string()),  # why it was not kept
            _must("made_by", pa.string()),
        ),
        key=("clip_id",),
        version=2,
        completed_by=(Completion("exclusions", "clip_id", ("kept", "reason")),),
    ),
    Table(
        "duplicates",
        "a stretch of a recording that another recording shows too, and better",
        (
            _must("video_id", pa.string()),  # gives way
            _must("start_s", pa.float64()),  # seconds from its first frame, [start, end)
            _must("end_s", pa.float64()),
            _must("other_video_id", pa.string()),
            _must("other_start_s", pa.float64()),
            _must("kind", pa.string()),  # copy: of nearly all of both; excerpt: of nearly all of one; overlap
            _must("share", pa.float32()),  # of the video that the other shows, all stretches together
            _must("other_share", pa.float32()),  # of the other that the video shows
            _must("agreement", pa.float32()),  # correlation of what changes in the pictures, 0 to 1
            _may("kept_video_id", pa.string()),  # kept in its place; empty where the video is kept but for this stretch
            _must("made_by", pa.string()),
        ),
        key=("video_id", "other_video_id", "start_s"),
    ),
    Table(
        "quality",
        "what can be measured of a clip that was cut (see collector/quality.py)",
        (
            _must("clip_id", pa.string()),
            _must("pose_confidence", pa.float32()),  # 0 to 1
            _must("face_share", pa.float32()),  # share of the frames that show it
            _must("left_hand_share", pa.float32()),
            _must("right_hand_share", pa.float32()),
            _must("hand_share", pa.float32()),  # at least one
            _must("people", pa.float32()),  # as in clips
            _may("face_size", pa.float32()),  # pixels between the eyes
            _may("camera_speed", pa.float32()),  # as in clips
            _may("face_blur", pa.float32()),  # 0 sharp, 1 blurred
            _may("hand_blur", pa.float32()),
            _may("face_motion", pa.float32()),  # shoulder widths a second
            _may("hand_motion", pa.float32()),
            _must("made_by", pa.string()),
        ),
        key=("clip_id",),
    ),
    Table(
        "exclusions",
        "a clip that was cut and is not kept all the same (see collector/selection.py)",
        (
            _must("clip_id", pa.string()),
            _must("video_id", pa.string()),
            _must("kept", pa.bool_()),  # false
            _may("reason", pa.string()),
            _must("made_by", pa.string()),
        ),
        key=("clip_id",),
    ),
    Table(
        "windows",
        "a stretch of a clip that annotators are shown in one task",
        (
            _must("clip_id", pa.string()),
            _must("start", pa.int32()),
            _must("end", pa.int32()),
            _must("path", pa.string()),  # under the dataset's folder; the clip's own where it is shown whole
            _must("made_by", pa.string()),
        ),
        key=("clip_id", "start"),
    ),
    Table(
        "blurred",
        "a clip as it may be released, with the player's face hidden in every frame",
        (
            _must("clip_id", pa.string()),
            _must("path", pa.string()),  # under the dataset's folder
            _must("sha256", pa.string()),
            _must("n_frames", pa.int32()),
            # Frames by how the face was found: together all frames (see collector/faces.py).
            _must("by_keypoints", pa.int32()),
            _must("by_neighbours", pa.int32()),
            _must("by_box", pa.int32()),
            _must("whole_frames", pa.int32()),
            _must("others_hidden", pa.bool_()),  # other people were in view: all but the player's box is hidden too
            _must("made_by", pa.string()),
        ),
        key=("clip_id",),
    ),
    Table(
        "poses",
        "a block of up to 64 frames of a clip's player (see manifests/poses.py)",
        (
            _must("clip_id", pa.string()),
            _must("block", pa.int32()),  # holds frames [64 * block, 64 * block + n_frames)
            _must("n_frames", pa.int32()),
            _must("skeleton", pa.string()),
            _must("n_joints", pa.int32()),
            _must("dims", pa.int8()),  # 2: x, y; 3: x, y, z
            _must("unit", pa.string()),  # pixel, metre, arbitrary
            _must("keypoints", pa.binary()),  # float32 (joint, [x, y, (z,) confidence], frame), bytes transposed
            _must("boxes", pa.list_(pa.float32())),  # n_frames times x0, y0, x1, y1; NaN where the player isn't seen
            _must("made_by", pa.string()),
        ),
        key=("clip_id", "block"),
    ),
    Table(
        "proposals",
        "a candidate gesture",
        (
            _must("proposal_id", pa.string()),
            _must("clip_id", pa.string()),
            _must("start", pa.int32()),
            _must("end", pa.int32()),
            _must("label", pa.string()),
            _must("score", pa.float32()),
            _must("top_labels", _TEXTS),
            _must("top_scores", pa.list_(pa.float32())),
            _must("model_version", pa.string()),
            _must("made_by", pa.string()),
        ),
        key=("proposal_id",),
    ),
    Table(
        "shown",
        "a proposal as the annotators of a stretch were shown it; a row without one says that they were shown none",
        (
            _must("stretch", pa.string()),  # as `annotate.stretches.Stretch.key` names it
            _must("clip_id", pa.string()),
            _may("proposal_id", pa.string()),
            _may("start", pa.int32()),
            _may("end", pa.int32()),
            _may("label", pa.string()),
            _may("model_version", pa.string()),
        ),
        key=("stretch", "proposal_id"),
    ),
    Table(
        "annotations",
        "what one annotator said of one stretch; of the whole window where the verdict is no gesture",
        _SAID,
        key=("annotation_id",),
        version=2,
    ),
    Table(
        "adjudications",
        "what an adjudicator decided of a stretch in dispute, as annotators say it; it overrules them",
        _SAID,
        key=("annotation_id",),
    ),
    Table(
        "practice", "what newcomers said where gestures are known; none is made of it", _SAID, key=("annotation_id",)
    ),
    Table(
        "gestures",
        "an agreed gesture",
        (
            _must("gesture_id", pa.string()),
            _must("clip_id", pa.string()),
            _must("video_id", pa.string()),
            _must("player_id", pa.string()),
            _must("start", pa.int32()),
            _must("end", pa.int32()),
            _must("label", pa.string()),
            _may("description", pa.string()),
            _must("n_annotators", pa.int32()),  # who looked at the clip
            _must("agreement", pa.float32()),  # share of them who marked this gesture with this label
            _must("adjudicated", pa.bool_()),
            _must("made_by", pa.string()),
        ),
        key=("gesture_id",),
    ),
    Table(
        "splits",
        "who is where, per protocol",
        (
            _must("protocol", pa.string()),
            _must("draw", pa.int32()),
            _must("unit", pa.string()),  # gesture or video
            _must("item_id", pa.string()),
            _must("player_id", pa.string()),
            _must("part", pa.string()),  # train, val, test
            _must("labelled", pa.list_(pa.float32())),  # the fractions whose label set holds it
        ),
        key=("protocol", "draw", "item_id"),
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}
PRIVATE = frozenset({"players_private", "matches"})


def from_rows(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table of exactly the table's schema.

    Raises:
        ValueError: a row lacks a column, has one too many, has one empty that may not be, or a value of another type.
    """
    names = set(table.schema.names)
    for row in rows:
        if row.keys() != names:
            raise ValueError(f"{table.name}: columns missing {names - row.keys()}, unknown {row.keys() - names}")
        for column in table.columns:
            if row[column.name] is None and not column.nullable:
                raise ValueError(f"{table.name}: column {column.name} may not be empty")
    try:
        return pa.Table.from_pylist(list(rows), schema=table.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(f"{table.name}: {error}") from error


def empty(table: Table) -> pa.Table:
    """The table without a row."""
    return table.schema.empty_table()


def sorted_table(table: Table, data: pa.Table) -> pa.Table:
    """`data` sorted by the table's key, so that the same rows give the same bytes whatever order they came in.

    Raises:
        ValueError: two rows share a key.
    """
    data = data.sort_by([(name, "ascending") for name in table.key])
    distinct = data.group_by(list(table.key)).aggregate([]).num_rows
    if distinct != data.num_rows:
        raise ValueError(f"{table.name}: {data.num_rows - distinct} rows repeat the key {', '.join(table.key)}")
    return data


def is_older(table: Table, schema: pa.Schema) -> bool:
    """Whether a schema is an older version of this table's."""
    metadata = schema.metadata or {}
    return metadata.get(_TABLE_KEY) == table.name.encode() and int(metadata.get(_VERSION_KEY, b"0")) < table.version


def check_version(table: Table, schema: pa.Schema, where: str) -> None:
    """Refuse a file that holds another table, or another version of this one.

    Raises:
        SchemaMismatch: the message says which versions met and what to do.
    """
    metadata = schema.metadata or {}
    name = metadata.get(_TABLE_KEY, b"").decode()
    if name != table.name:
        found = f"a table called {name!r}" if name else "a Parquet file of another program"
        raise SchemaMismatch(f"{where}: this is {found}, not mgcollect's {table.name}. Give the folder of a dataset.")
    version = int(metadata.get(_VERSION_KEY, b"0"))
    if version != table.version:
        what_to_do = (
            "Update mgcollect (git pull, then make install)."
            if version > table.version
            else "Run `mgcollect migrate` on the dataset; nothing is lost. A release stays as it is: read it with the mgcollect "
            "that built it, or build it anew."
        )
        raise SchemaMismatch(
            f"{where}: {table.name} is of schema version {version}; this mgcollect reads version {table.version}. {what_to_do}"
        )


def rows_of(data: pa.Table) -> Iterator[Row]:
    """The rows one by one, a batch in memory at a time."""
    for batch in data.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()
