"""How a release came to be: the configuration of its making, and what each stage had, did, failed at and skipped."""

from __future__ import annotations

from typing import Any

from manifests.splits import CROSS_SUBJECT, FRACTIONS, LABEL_DRAWS
from manifests.status import stage_status
from manifests.workspace import Workspace

__all__ = ["history_of"]


def history_of(workspace: Workspace, **configuration: Any) -> dict[str, Any]:
    """What meta/info.json says of a dataset's past, without a time in it: the same dataset gives the same bytes.

    Args:
        configuration: the options of the build.
    """
    stages = [stage_status(workspace, name) for name in workspace.ledger.stages()]
    return {
        "configuration": {
            "protocol": CROSS_SUBJECT,
            "labelled_fractions": list(FRACTIONS),
            "label_draws": LABEL_DRAWS,
            **configuration,
        },
        "stages": {
            stage.stage: {
                "in": stage.total,
                "ok": stage.ok,
                "failed": stage.failed,
                "skipped": stage.skipped,
                "pending": stage.pending,
                "kinds_of_failure": dict(sorted(stage.kinds.items())),
            }
            for stage in stages
        },
    }
