"""The MG-FM that is scored where neither a release nor a checkpoint is given: pre-trained on the simulated corpus, for two minutes.

It sees the clips of train's people alone, without a label and without where gestures are. Two minutes are little: it shows that
pre-training does something (`mg-fm-random` is the same network without it), not what MG-FM can do.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from manifests.errors import explain_write_errors
from manifests.ids import digest
from manifests.splits import CROSS_SUBJECT
from models.checkpoints import MODEL, read_card
from models.prepare import prepare_pretraining
from models.pretrain import PretrainSettings, pretrain
from models.settings import load_settings, to_mapping

__all__ = ["SHORT", "pretrained_on"]

# Steps are counted, not minutes, and one thread taken, so that the same seed gives the same weights: about two minutes of a core.
SHORT = (
    "training.steps=150",
    "training.batch_size=64",
    "training.lr=2e-3",
    "training.save_every=20",
    "training.accelerator=cpu",
)


def pretrained_on(release: Path, overrides: Sequence[str] = SHORT, *, quiet: bool = False) -> tuple[Path, str]:
    """An MG-FM pre-trained on the clips of a release's train people.

    It lies beside the release and is used again; a run that was killed goes on.

    Args:
        release: a release's folder.
        overrides: settings of the pre-training.

    Returns:
        its folder, and what a reader of its scores must know.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
        BadInput: an unknown setting, or nobody to learn from.
    """
    settings = load_settings(PretrainSettings, None, overrides)
    out = release.with_name(f"{release.name}-mgfm-{digest(to_mapping(settings))}")
    if not (out / MODEL).exists():
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with explain_write_errors(out):
                store, _ = prepare_pretraining(release, out, protocol=CROSS_SUBJECT)
                pretrain([store], out, settings, quiet=quiet)
                shutil.rmtree(store.path)
        finally:
            torch.set_num_threads(threads)
    return out, (
        f"mg-fm was pre-trained for this run, without labels, on the clips of train's people alone: {read_card(out).step} steps of "
        f"{settings.training.batch_size} windows. mg-fm-random is the same network with random weights."
    )
