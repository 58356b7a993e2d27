"""Who annotates what: each annotator gets a tab in Label Studio with the tasks that are theirs.

Every task has as many seats as the design says. They are given so that all annotators have as much to do, and that each pair of
them shares about as many tasks as every other, for only where two looked at the same clip can they be compared. Whoever has begun
a task keeps its seat, so the command may be run again whenever somebody comes or goes. Gold tasks, whose gestures are known
(`gold.csv`), go to everybody: as many as make up the wished share of what an annotator does. Nothing in a task says that it is one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from annotate.crowd_design import CrowdDesign, clips_of_crowd, read_design, write_design
from annotate.data_manager import containing, ensure_tab, mark_tasks
from annotate.gold import read_gold
from annotate.practice import admitted
from annotate.project import DEFAULT_TITLE, Task, open_project, pseudonym, tasks_of
from annotate.queue import QUEUED
from annotate.server import Server, connected, explained
from manifests.errors import BadInput
from manifests.ids import digest
from manifests.workspace import Workspace

__all__ = ["AssignReport", "Load", "assign", "gold_tasks", "seats_of"]

_FIELD = "seats"


@dataclass(frozen=True)
class Load:
    """What one annotator has to do.

    Attributes:
        url: of the annotator's tab.
        tasks: that are theirs, done or not.
        gold: of these, tasks whose gestures are known.
        done: of these, submitted or begun.
    """

    annotator_id: str
    url: str
    tasks: int
    gold: int
    done: int


@dataclass(frozen=True)
class AssignReport:
    """Who has what.

    Attributes:
        loads: of each annotator.
        gold: tasks that everybody gets.
        gold_share: of them among an annotator's tasks.
        wished: what that share was to be.
        pairs: the fewest and the most tasks that two annotators share, gold left out; None with a single annotator.
        waiting: annotators who get nothing yet, and why.
        moved: tasks whose seats changed.
    """

    loads: tuple[Load, ...]
    gold: int
    gold_share: float
    wished: float
    pairs: tuple[int, int] | None
    waiting: dict[str, str]
    moved: int


def assign(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    people: Sequence[str] | None = None,
    gold: float | None = None,
    server: Server | None = None,
    quiet: bool = False,
) -> AssignReport:
    """Give the project's tasks to its annotators, each by a tab of their own.

    Args:
        project: its title.
        people: pseudonyms such as A02; unless given, all who have an account there but the owner of the token.
        gold: wished share of gold tasks in what an annotator does; as at the last run unless given.

    Raises:
        BadInput: nothing was pushed yet, nobody is there to annotate, somebody is unknown there, or gold is wished and `gold.csv`
            knows no clip.
        Unavailable: the server can't be reached or refuses us.
    """
    design = read_design(workspace)
    design = design if gold is None else replace(design, gold=gold)
    known = read_gold(workspace)
    if design.gold and not known:
        raise BadInput(
            f"{workspace.root / 'gold.csv'} knows no clip, so there can be no gold tasks. Write it (clip_id, start, end, label), "
            "or give --gold 0."
        )
    clips = clips_of_crowd(workspace, design)
    with workspace.working("annotate-assign"), connected(server) as there:
        number = open_project(there, project).id
        names = _names(there, people)
        tasks = {task.shows: task for task in tasks_of(there, number) if task.shows and task.clip_id in clips}
        if not tasks:
            raise BadInput(f"{project!r} shows no clip of this dataset. Run `mgcollect annotate push` first.")
        begun = {who for task in tasks.values() for who in task.seen_by}
        waiting = {
            who: why for who, why in admitted(workspace, design, known, names).items() if why and who not in begun
        }
        ready = [who for who in names if who not in waiting]
        if not ready:
            said = "; ".join(f"{who} {why}" for who, why in waiting.items())
            raise BadInput(f"Nobody may annotate yet: {said}. `mgcollect annotate practice` says how far they are.")
        order = sorted(tasks, key=lambda key: (tasks[key].data.get(QUEUED) or "~", tasks[key].task_id))
        for_all = gold_tasks(order, tasks, known, design, len(ready))
        seats = seats_of(order, {key: tasks[key].seen_by for key in order}, ready, design.per_task, for_all)
        write_design(workspace, design)
        marks = {key: "".join(f";{who}" for who in sorted(who)) + ";" for key, who in seats.items()}
        moved = mark_tasks(
            there,
            tasks.values(),
            _FIELD,
            marks,
            overlap={key: max(len(who), design.per_task) for key, who in seats.items()},
            quiet=quiet,
        )
        loads = [_load(there, number, who, names[who], seats, for_all, tasks) for who in ready]
    ordinary = Counter(len(who) for key, who in seats.items() if key not in for_all)
    each = sum(count * size for size, count in ordinary.items()) / len(ready)
    return AssignReport(
        tuple(loads),
        len(for_all),
        len(for_all) / (len(for_all) + each) if for_all else 0.0,
        design.gold,
        _pairs({key: who for key, who in seats.items() if key not in for_all}, ready),
        waiting,
        moved,
    )


def gold_tasks(
    order: Sequence[str], tasks: Mapping[str, Task], known: Set[str] | Mapping[str, object], design: CrowdDesign, n: int
) -> frozenset[str]:
    """Tasks of known clips, as many as make up the design's share of what each of `n` annotators does, or all there are.

    Of g such tasks everybody does all, and of the t others per_task / n; g / (g + t · per_task / n) is the share. A clip that was
    drawn stays drawn when others come.
    """
    if not design.gold:
        return frozenset()
    drawn = sorted(
        (key for key in order if tasks[key].clip_id in known), key=lambda key: digest("gold", design.seed, key)
    )
    for count in range(len(drawn) + 1):
        others = (len(order) - count) * min(design.per_task, n) / n
        if count >= design.gold * (count + others):
            return frozenset(drawn[:count])
    return frozenset(drawn)


def seats_of(
    order: Sequence[str],
    seen_by: Mapping[str, Mapping[str, bool]],
    people: Sequence[str],
    per_task: int,
    for_all: Set[str] = frozenset(),
) -> dict[str, frozenset[str]]:
    """Who is to annotate each task.

    Seats are given task by task: to whoever has the fewest tasks so far, and among these to whoever has shared the fewest with
    those who sit there already.

    Args:
        order: the tasks.
        seen_by: those who have submitted or begun a task, with whether they skipped it. They keep their seats; who skipped it
            has none, and isn't asked again.
        people: whom seats are given to.
        per_task: seats of a task.
        for_all: tasks with a seat for everybody.
    """
    load: Counter[str] = Counter()
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    seats: dict[str, list[str]] = {}

    def sit(key: str, who: str) -> None:
        for other in seats[key]:
            shared[who][other] += 1
            shared[other][who] += 1
        load[who] += 1
        seats[key].append(who)

    for key in order:
        seats[key] = []
        if key not in for_all:
            for who, skipped in sorted(seen_by[key].items()):
                if not skipped:
                    sit(key, who)
    for key in order:
        free = [who for who in people if who not in seen_by[key]]
        if key in for_all:
            seats[key] = sorted({who for who, skipped in seen_by[key].items() if not skipped} | set(free))
            continue
        while free and len(seats[key]) < per_task:
            sitting = seats[key]
            chosen = min(free, key=lambda who: (load[who], sum(shared[who][other] for other in sitting)))
            free.remove(chosen)
            sit(key, chosen)
    return {key: frozenset(who) for key, who in seats.items()}


def _names(server: Server, people: Sequence[str] | None) -> dict[str, str]:
    """Whom to give tasks to, by pseudonym, as Label Studio calls them."""
    with explained(server.url):
        users = {pseudonym(user.id): user for user in server.client.users.list()}
    own = pseudonym(server.user_id)
    chosen = list(people) if people is not None else sorted(users.keys() - {own})
    if unknown := [who for who in chosen if who not in users]:
        raise BadInput(
            f"Label Studio at {server.url} knows no {' and no '.join(unknown)}. There are {', '.join(sorted(users))} ({own} is the "
            "owner of the token)."
        )
    if not chosen:
        raise BadInput(
            f"Label Studio at {server.url} knows nobody but {own}, the owner of the token. Let annotators sign up there "
            f"(Organization, Add People), or name yourself: --annotator {own}."
        )
    return {who: str(users[who].first_name or users[who].email.partition("@")[0]) for who in chosen}


def _load(
    server: Server,
    project: int,
    who: str,
    name: str,
    seats: Mapping[str, frozenset[str]],
    for_all: Set[str],
    tasks: Mapping[str, Task],
) -> Load:
    tab = ensure_tab(
        server,
        project,
        f"{who} {name}",
        order_by=QUEUED,
        filters=containing(_FIELD, f";{who};"),
        # Who else sits at a task would tell which are gold.
        hidden=(_FIELD, QUEUED, "clip_id", "n_frames", "start", "fps"),
    )
    mine = [key for key, sitting in seats.items() if who in sitting]
    done = sum(who in tasks[key].seen_by for key in mine)
    url = f"{server.url}/projects/{project}/data?tab={tab}"
    return Load(who, url, len(mine), sum(key in for_all for key in mine), done)


def _pairs(seats: Mapping[str, Iterable[str]], people: Sequence[str]) -> tuple[int, int] | None:
    if len(people) < 2:
        return None
    shared = Counter((one, other) for sitting in seats.values() for one in sitting for other in sitting if one < other)
    counts = [shared[one, other] for one in people for other in people if one < other]
    return min(counts), max(counts)
