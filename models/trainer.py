"""The training loop: one function, on one device or many, that can be killed at any step and goes on as if it had not been.

All randomness of a step is drawn from (seed, step, process), so nothing but weights, optimiser and step number has to be kept:
a run that was killed and resumed ends with the same bits as one that wasn't (on a CPU; GPU kernels don't promise it).
"""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from manifests.errors import BadInput, Unavailable
from models.checkpoints import RESUME, Card, load_weights, save_weights

__all__ = ["Training", "decayed_groups", "fit", "is_first_process", "seed_of"]


@dataclass(frozen=True)
class Training:
    """How weights are fitted.

    Attributes:
        steps: optimiser steps.
        minutes: stop after this long; the learning rate then falls with the time left. None trains all steps.
        batch_size: windows a process takes at once.
        accumulate: such batches an optimiser step.
        lr: highest learning rate.
        final_lr: lowest, at the end of the cosine, as a share of `lr`.
        warmup: share of the run in which the rate rises.
        weight_decay: of matrices; vectors have none.
        beta2: AdamW's second decay.
        clip: largest norm of the gradient.
        precision: 32-true, bf16-mixed (GPUs, and CPUs with AVX512-BF16 or AMX) or 16-mixed (GPUs).
        compile: whether torch.compile builds kernels (needs a C++ compiler; worth it on GPUs and in long runs).
        accelerator: auto, cpu, cuda.
        devices: processes; more than one train data-parallel (DDP).
        seed: of everything random.
        log_every: steps between lines of the log.
        save_every: steps between checkpoints to resume from.
        tensorboard: whether to log for TensorBoard as well (needs the package tensorboard).
    """

    steps: int = 2000
    minutes: float | None = None
    batch_size: int = 128
    accumulate: int = 1
    lr: float = 1e-3
    final_lr: float = 0.01
    warmup: float = 0.05
    weight_decay: float = 0.05
    beta2: float = 0.95
    clip: float = 1.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    compile: bool = False
    accelerator: str = "auto"
    devices: int = 1
    seed: int = 0
    log_every: int = 20
    save_every: int = 200
    tensorboard: bool = False


def seed_of(seed: int, step: int, process: int = 0) -> int:
    """A seed for one step of one process; neighbours share nothing."""
    mixed = (seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + process * 0x94D049BB133111EB) % 2**64
    mixed = ((mixed ^ (mixed >> 31)) * 0xD6E8FEB86659FD93) % 2**64
    return (mixed ^ (mixed >> 32)) % 2**63


def fit(
    module: nn.Module,
    batch_of: Callable[[int], Any],
    settings: Training,
    card: Card,
    out: Path | str | None = None,
    *,
    groups: Iterable[dict[str, Any]] | None = None,
    probe: Callable[[nn.Module], dict[str, float]] | None = None,
    probe_every: int = 0,
    stop: Callable[[int], bool] | None = None,
    quiet: bool = False,
) -> dict[str, float]:
    """Train `module`, whose forward takes a batch and returns losses among which "loss" is minimised.

    Args:
        batch_of: the batch for a seed; called `accumulate` times a step, with another seed each time.
        card: what the checkpoints say of themselves.
        out: folder for `resume.safetensors` and `log.csv`; a run found there is gone on with. None keeps nothing.
        groups: parameter groups with a "scale" of the learning rate each; None makes the usual two.
        probe: measures the module every `probe_every` steps; its numbers join the log.
        stop: called after each step; true ends the run there, with a checkpoint (tests kill runs by it).

    Returns:
        The last line of the log: losses, rate, samples a second.

    Raises:
        BadInput: the loss is not finite, memory runs out, or `out` holds a run with other settings.
        Unavailable: the device isn't there.
    """
    fabric = _fabric(settings)
    optimiser = torch.optim.AdamW(
        list(groups) if groups is not None else decayed_groups(module, settings.weight_decay),
        lr=settings.lr,
        betas=(0.9, settings.beta2),
    )
    folder = Path(out) if out is not None else None
    first, spent = _resume(module, optimiser, folder, card) if folder else (0, 0.0)
    trained: Any = torch.compile(module) if settings.compile else module
    trained, wrapped = fabric.setup(trained, optimiser)
    log = _Log(folder if fabric.is_global_zero else None, settings, first, quiet or not fabric.is_global_zero)
    line: dict[str, float] = {}
    module.train()
    began, seen = time.monotonic(), 0
    begun = began - spent
    try:
        for step in range(first, settings.steps):
            progress = _progress(step, settings, begun, fabric)
            for group in optimiser.param_groups:
                group["lr"] = settings.lr * _rate(progress, settings) * group.get("scale", 1.0)
            losses = _step(fabric, trained, wrapped, batch_of, step, settings)
            getattr(module, "after_step", lambda: None)()
            seen += settings.batch_size * settings.accumulate * fabric.world_size
            after = _progress(step + 1, settings, begun, fabric)
            last = after >= 1
            if (step + 1) % settings.log_every == 0 or last:
                line = {name: float(value) for name, value in losses.items()}
                _check_finite(line, step, settings)
                line |= {"lr": settings.lr * _rate(progress, settings), "rate": seen / (time.monotonic() - began)}
                if probe and probe_every and ((step + 1) % probe_every == 0 or last):
                    line |= _probed(module, probe)
                log.write(step + 1, line)
            log.advance(step + 1, line, after)
            halted = stop is not None and stop(step + 1)
            if folder and fabric.is_global_zero and (halted or last or (step + 1) % settings.save_every == 0):
                _save(module, optimiser, folder, card, step + 1, time.monotonic() - begun)
            if halted or last:
                break
    except (RuntimeError, MemoryError) as error:
        if not _ran_out_of_memory(error):
            raise
        raise BadInput(
            f"Memory ran out with {settings.batch_size} windows at once. Halve training.batch_size and double "
            "training.accumulate: a step then sees as many windows, though views are told from fewer others."
        ) from error
    finally:
        log.close()
    module.eval()
    return line


def _ran_out_of_memory(error: Exception) -> bool:
    # A GPU's allocator has an error of its own, NumPy raises Python's, and torch on a CPU only says so.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def is_first_process() -> bool:
    """Whether this process writes the files of a run; true where there is only one."""
    return (
        not (torch.distributed.is_available() and torch.distributed.is_initialized())
        or torch.distributed.get_rank() == 0
    )


def decayed_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices with weight decay, vectors and embeddings without."""
    matrices = [p for p in module.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in module.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _fabric(settings: Training) -> Fabric:
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=settings.devices,
            strategy="ddp" if settings.devices > 1 else "auto",
            precision=settings.precision,
        )
    except Exception as error:
        # Fabric raises its own kinds for a device that is missing or a precision that it can't do.
        raise Unavailable(
            f"{settings.devices} × {settings.accelerator} in {settings.precision} can't be had here: {error}"
        ) from error
    fabric.launch()
    return fabric


def _step(
    fabric: Fabric,
    trained: Any,
    optimiser: Any,
    batch_of: Callable[[int], Any],
    step: int,
    settings: Training,
) -> dict[str, Tensor]:
    optimiser.zero_grad()
    losses: dict[str, Tensor] = {}
    for part in range(settings.accumulate):
        seed = seed_of(settings.seed, step * settings.accumulate + part, fabric.global_rank)
        torch.manual_seed(seed)
        batch = _on_device(batch_of(seed), fabric.device)
        with fabric.no_backward_sync(trained, enabled=part + 1 < settings.accumulate):
            losses = trained(batch)
            fabric.backward(losses["loss"] / settings.accumulate)
    fabric.clip_gradients(trained, optimiser, max_norm=settings.clip, error_if_nonfinite=False)
    optimiser.step()
    return {name: value.detach() for name, value in losses.items()}


def _on_device(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, tuple):
        return tuple(part.to(device) for part in batch)
    return batch.to(device)


def _progress(step: int, settings: Training, begun: float, fabric: Fabric) -> float:
    """How much of the run is over, from 0 to 1."""
    by_steps = step / settings.steps
    if settings.minutes is None:
        return by_steps
    progress = min(max(by_steps, (time.monotonic() - begun) / (60 * settings.minutes)), 1.0)
    # One clock for all: processes that disagreed on the end would wait for each other for ever.
    return float(fabric.broadcast(progress)) if fabric.world_size > 1 else progress


def _rate(progress: float, settings: Training) -> float:
    if progress < settings.warmup:
        return max(progress, 1 / settings.steps) / settings.warmup
    falling = (progress - settings.warmup) / (1 - settings.warmup)
    return settings.final_lr + (1 - settings.final_lr) * (1 + math.cos(math.pi * falling)) / 2


def _check_finite(line: dict[str, float], step: int, settings: Training) -> None:
    if not all(math.isfinite(value) for value in line.values()):
        raise BadInput(
            f"The loss is no longer a number at step {step + 1} ({line}). Lower training.lr (now {settings.lr:g})"
            + (", or train in 32-true." if settings.precision != "32-true" else ".")
        )


def _probed(module: nn.Module, probe: Callable[[nn.Module], dict[str, float]]) -> dict[str, float]:
    state = torch.get_rng_state()
    module.eval()
    with torch.no_grad():
        measured = probe(module)
    module.train()
    torch.set_rng_state(state)
    return measured


def _save(
    module: nn.Module, optimiser: torch.optim.Optimizer, folder: Path, card: Card, step: int, spent: float
) -> None:
    tensors = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    save_weights(folder / RESUME, tensors, Card(**{**vars(card), "step": step, "metrics": {"seconds": spent}}))


def _resume(module: nn.Module, optimiser: torch.optim.Optimizer, folder: Path, card: Card) -> tuple[int, float]:
    """Steps that an earlier run in the folder took, and its seconds."""
    if not (folder / RESUME).exists():
        return 0, 0.0
    found, tensors = load_weights(folder / RESUME)
    for name in ("kind", "settings", "data"):
        if getattr(found, name) != getattr(card, name):
            raise BadInput(
                f"{folder} holds an unfinished run with other {name}. Give another --out, or remove {folder / RESUME}."
            )
    module.load_state_dict(
        {name.removeprefix("module."): t for name, t in tensors.items() if name.startswith("module.")}
    )
    content = optimiser.state_dict()
    for name, tensor in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            content["state"].setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict(content)
    return found.step, found.metrics.get("seconds", 0.0)


class _Log:
    """Progress on the screen, a CSV file, and TensorBoard if asked for."""

    def __init__(self, folder: Path | None, settings: Training, first: int, quiet: bool) -> None:
        self.path = folder / "log.csv" if folder else None
        self.lines = _lines_before(self.path, first)
        self.bar = tqdm(total=settings.steps, initial=first, desc="training", unit="step", disable=quiet or None)
        self.board = _tensorboard(folder) if folder and settings.tensorboard else None

    def write(self, step: int, line: dict[str, float]) -> None:
        self.lines.append({"step": step, **line})
        if self.path:
            names = list(dict.fromkeys(name for entry in self.lines for name in entry))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(self.lines)
        if self.board:
            for name, value in line.items():
                self.board.add_scalar(name, value, step)

    def advance(self, step: int, line: dict[str, float], progress: float) -> None:
        self.bar.total = round(step / progress)  # a run that ends by the clock doesn't know its steps before
        self.bar.update(step - self.bar.n)
        if line:
            self.bar.set_postfix(loss=f"{line['loss']:.3f}", rate=f"{line['rate']:.0f}/s", refresh=False)

    def close(self) -> None:
        self.bar.close()
        if self.board:
            self.board.close()


def _lines_before(path: Path | None, first: int) -> list[dict[str, Any]]:
    if path is None or not first or not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [line for line in csv.DictReader(file) if int(line["step"]) <= first]


def _tensorboard(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise Unavailable(
            "training.tensorboard needs the package tensorboard: pip install 'mgcollect[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder / "tensorboard"))
