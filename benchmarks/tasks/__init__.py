"""The tasks, one file each. A task says what a release must hold for it, which methods can do it, and scores one of them.

Each module has NAME, SHOWN (the metrics a reader looks at first), WHAT (one sentence for the report), NEEDS (of a method) and

    requirements(corpus) -> what is missing, in words; empty if it can be scored
    can(method) -> whether the method can do it
    score(corpus, method, seed) -> Result
"""

from __future__ import annotations

from types import ModuleType

from benchmarks.tasks import emotion, retrieval, semi_supervised, spotting, supervised, unsupervised

__all__ = ["TASKS"]

TASKS: dict[str, ModuleType] = {
    task.NAME: task for task in (supervised, semi_supervised, unsupervised, retrieval, emotion, spotting)
}
