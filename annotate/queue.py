"""Which clips next: an order in which the next hour of an annotator tells most, and that order in Label Studio.

A stretch (a clip, or a window of a long one) is worth a look as far as
- its proposals are uncertain (mean entropy, in bits, of the scores of the five most uncertain),
- those who judged it differ (1 less the certainty of its most disputed place),
- it may hold a rare class (the largest score of a proposal times the class's rarity among the agreed gestures),
- little was seen of its person (1 over 1 more than the stretches of that person that were judged or come before it in the queue).
Each is from 0 to 1, and the four are added. The last makes the choice greedy: of many stretches of one person one comes early.
What enough annotators judged without dispute is not in the queue.

Label Studio's labelling stream follows the order of a tab of its Data Manager, so each task gets its place as data, and the
project a tab "Queue" in that order: annotators press "Label Tasks As Displayed" there.
"""

from __future__ import annotations

import csv
import heapq
import io
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotate.consensus import is_disputed, read_weighed
from annotate.crowd_design import clips_of_crowd, read_design
from annotate.data_manager import ensure_tab, mark_tasks
from annotate.gold import read_gold
from annotate.project import DEFAULT_TITLE, open_project, tasks_of
from annotate.push import windows_of
from annotate.server import Server, connected
from annotate.stretches import Judged, Stretch, read_judged, read_rulings
from manifests.errors import BadInput
from manifests.parquet import write_text
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["QUEUE", "QUEUED", "TAB", "QueueReport", "Queued", "Worth", "in_order", "queue"]

QUEUE = "reports/queue.csv"
TAB = "Queue"
QUEUED = "queue"  # the mark of a task that holds its place
_MOST_UNCERTAIN = 5
_COLUMNS = ("place", "clip_id", "start", "end", "player_id", "priority", "uncertain", "disputed", "rare", "person")


@dataclass(frozen=True)
class Worth:
    """Why a stretch is worth a look, each reason from 0 to 1, before its person is thought of."""

    uncertain: float
    disputed: float
    rare: float

    @property
    def total(self) -> float:
        """The sum of the reasons."""
        return self.uncertain + self.disputed + self.rare


@dataclass(frozen=True)
class Queued:
    """A place in the queue: what it is worth, and `person`, the part that its person adds there."""

    key: str
    player_id: str
    worth: Worth
    person: float

    @property
    def priority(self) -> float:
        """The sum of all four reasons."""
        return self.worth.total + self.person


@dataclass(frozen=True)
class QueueReport:
    """The queue, and what was done with it.

    Attributes:
        queue: first come, first served.
        done: stretches that need no further look.
        path: the table of it.
        url: of the tab; None where Label Studio was not asked.
        moved: tasks whose place changed there.
    """

    queue: tuple[Queued, ...]
    done: int
    path: Path
    url: str | None
    moved: int


def queue(
    workspace: Workspace,
    *,
    project: str | None = DEFAULT_TITLE,
    server: Server | None = None,
    tiou: float = 0.5,
    quiet: bool = False,
) -> QueueReport:
    """Put the stretches that still need a look in order, write the table, and bring Label Studio's tab up to date.

    Args:
        project: its title there; None writes the table only.
        tiou: temporal IoU from which two annotators' segments are the same gesture.

    Raises:
        BadInput: nothing was pushed yet, or there is no such project.
        Unavailable: the server can't be reached or refuses us.
    """
    design = read_design(workspace)
    clips = clips_of_crowd(workspace, design)
    stretches = {key: one for key, (one, _) in windows_of(workspace, clips).items()}
    if not stretches:
        raise BadInput(f"{workspace.root}: nothing was pushed yet. Run `mgcollect annotate push` first.")
    judged = read_judged(workspace) if workspace.read("annotations").num_rows else Judged({}, {})
    weighed = read_weighed(workspace, judged, tiou) if judged.opinions else {}
    rulings = read_rulings(workspace, judged)
    done = {
        key
        for key, said in judged.opinions.items()
        if key in rulings or (len(said) >= design.per_task and not any(map(is_disputed, weighed.get(key, ()))))
    }
    disputed = {key: 1 - min((one.certainty for one in found), default=1.0) for key, found in weighed.items()}
    worth = _worth(workspace, stretches, disputed)
    people = {key: str(clips[one.clip_id]["player_id"]) for key, one in stretches.items()}
    seen = Counter(people[key] for key in judged.opinions if key in people)
    known = read_gold(workspace) if design.gold else {}
    gold = sorted(key for key, one in stretches.items() if one.clip_id in known)
    order = in_order({key: worth[key] for key in stretches if key not in done and key not in gold}, people, seen)
    places = {key: place for place, key in enumerate(_spread([one.key for one in order], gold), 1)}
    path = workspace.root / QUEUE
    write_text(path, _table(order, places, stretches))
    if project is None:
        return QueueReport(tuple(order), len(done & stretches.keys()), path, None, 0)
    with connected(server) as there:
        number = open_project(there, project).id
        # As text of one length, for the Data Manager compares texts; what has no place comes last there.
        marks = {key: f"{place:07d}" for key, place in places.items()}
        moved = mark_tasks(there, tasks_of(there, number), QUEUED, marks, quiet=quiet)
        tab = ensure_tab(there, number, TAB, order_by=QUEUED)
        url = f"{there.url}/projects/{number}/data?tab={tab}"
    return QueueReport(tuple(order), len(done & stretches.keys()), path, url, moved)


def in_order(worth: Mapping[str, Worth], people: Mapping[str, str], seen: Mapping[str, int]) -> list[Queued]:
    """Stretches by falling priority, chosen one after the other; ties by key.

    Args:
        worth: of each stretch that is to be queued.
        people: whom each is of.
        seen: how many stretches of each person were judged.
    """
    chosen = Counter(seen)
    heap = [(-(one.total + _fresh(chosen[people[key]])), key) for key, one in worth.items()]
    heapq.heapify(heap)
    order = []
    while heap:
        known, key = heapq.heappop(heap)
        person = _fresh(chosen[people[key]])
        now = -(worth[key].total + person)
        if now > known:  # its person was chosen since: what it is worth can only have fallen
            heapq.heappush(heap, (now, key))
            continue
        chosen[people[key]] += 1
        order.append(Queued(key, people[key], worth[key], person))
    return order


def _fresh(seen: int) -> float:
    return 1 / (1 + seen)


def _worth(workspace: Workspace, stretches: Mapping[str, Stretch], disputed: Mapping[str, float]) -> dict[str, Worth]:
    proposals: dict[str, list[Row]] = defaultdict(list)
    for row in rows_of(workspace.read("proposals")):
        proposals[row["clip_id"]].append(row)
    counts = Counter(row["label"] for row in rows_of(workspace.read("gestures")))
    most = max(counts.values(), default=0)
    found = {}
    for key, one in stretches.items():
        inside = [row for row in proposals[one.clip_id] if one.inside(row["start"], row["end"])]
        rare = max((row["score"] * (1 - counts[row["label"]] / most if most else 1.0) for row in inside), default=0.0)
        found[key] = Worth(_uncertainty([row["score"] for row in inside]), disputed.get(key, 0.0), float(rare))
    return found


def _uncertainty(scores: Sequence[float]) -> float:
    bits = sorted((_entropy(score) for score in scores), reverse=True)[:_MOST_UNCERTAIN]
    return sum(bits) / len(bits) if bits else 0.0


def _entropy(chance: float) -> float:
    """Of a yes or no, in bits."""
    return -sum(p * math.log2(p) for p in (chance, 1 - chance) if p > 0)


def _spread(order: Sequence[str], gold: Sequence[str]) -> list[str]:
    """Both in one order, the second evenly among the first."""
    merged, n = list(order), len(order) + len(gold)
    for i, key in enumerate(gold):
        merged.insert((2 * i + 1) * n // (2 * len(gold)), key)
    return merged


def _table(order: Sequence[Queued], places: Mapping[str, int], stretches: Mapping[str, Stretch]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in order:
        at, why = stretches[one.key], one.worth
        numbers = (one.priority, why.uncertain, why.disputed, why.rare, one.person)
        cells = (places[one.key], at.clip_id, at.start, at.end, one.player_id)
        rows.writerow([*cells, *(f"{number:.4f}" for number in numbers)])
    return text.getvalue()
