import csv
import dataclasses
import itertools
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from manifests.errors import BadInput, Unavailable
from models.checkpoints import RESUME, Card, load_weights, read_card
from models.trainer import Training, decayed_groups, fit, seed_of

SETTINGS = Training(steps=12, batch_size=4, lr=0.05, log_every=3, save_every=5, accelerator="cpu")
CARD = Card("test", {"a": 1})


class Line(nn.Module):
    """Fits y = 2x + 1, with dropout so that randomness matters."""

    def __init__(self, target=2.0):
        super().__init__()
        self.layer = nn.Linear(1, 8)
        self.out = nn.Linear(8, 1)
        self.drop = nn.Dropout(0.2)
        self.norm = nn.BatchNorm1d(8)
        self.target = target

    def forward(self, x):
        y = self.out(self.drop(self.norm(self.layer(x))))
        return {"loss": (y - self.target * x - 1).square().mean()}


class Plain(nn.Module):
    """The same without dropout and batch statistics."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x):
        return {"loss": (self.layer(x) - 2 * x).square().mean()}


def batch_of(seed):
    return torch.randn(4, 1, generator=torch.Generator().manual_seed(seed))


def new():
    torch.manual_seed(0)
    return Line()


def log_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("killed_at", [1, 5, 7, 11])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_killed_and_resumed_is_bitwise_never_killed(tmp_path, killed_at, accumulate):
    settings = dataclasses.replace(SETTINGS, accumulate=accumulate)
    whole, parts = new(), new()
    fit(whole, batch_of, settings, CARD, tmp_path / "whole", quiet=True)
    fit(parts, batch_of, settings, CARD, tmp_path / "parts", stop=lambda step: step == killed_at, quiet=True)
    assert read_card(tmp_path / "parts" / RESUME).step == killed_at
    torch.manual_seed(99)
    resumed = Line()
    fit(resumed, batch_of, settings, CARD, tmp_path / "parts", quiet=True)
    assert same(whole, resumed)
    assert not same(whole, parts)


def test_a_kill_between_checkpoints_goes_back_to_the_last(tmp_path):
    class Killed(Exception):
        pass

    def dying(seed):
        if seed == seed_of(0, 7):
            raise Killed
        return batch_of(seed)

    whole, resumed = new(), new()
    fit(whole, batch_of, SETTINGS, CARD, tmp_path / "whole", quiet=True)
    with pytest.raises(Killed):
        fit(new(), dying, SETTINGS, CARD, tmp_path / "killed", quiet=True)
    assert read_card(tmp_path / "killed" / RESUME).step == 5
    fit(resumed, batch_of, SETTINGS, CARD, tmp_path / "killed", quiet=True)
    assert same(whole, resumed)
    assert [row["step"] for row in log_of(tmp_path / "killed")] == ["3", "6", "9", "12"]


def test_accumulating_is_a_larger_batch():
    """Without dropout and batch statistics, two batches of four are one of eight."""

    torch.manual_seed(0)
    one = Plain()
    two = Plain()
    two.load_state_dict(one.state_dict())
    pieces = dataclasses.replace(SETTINGS, accumulate=2)
    fit(two, batch_of, pieces, CARD, quiet=True)
    at = {seed_of(0, step): [seed_of(0, 2 * step), seed_of(0, 2 * step + 1)] for step in range(12)}
    fit(one, lambda seed: torch.cat([batch_of(s) for s in at[seed]]), SETTINGS, CARD, quiet=True)
    torch.testing.assert_close(one.state_dict(), two.state_dict())


def test_the_log_and_the_rate(tmp_path):
    line = fit(new(), batch_of, SETTINGS, CARD, tmp_path, quiet=True)
    rows = log_of(tmp_path)
    assert [row["step"] for row in rows] == ["3", "6", "9", "12"]
    assert float(rows[-1]["loss"]) == line["loss"]
    rates = [float(row["lr"]) for row in rows]
    assert rates == sorted(rates, reverse=True)
    falling = (11 / 12 - 0.05) / 0.95
    assert rates[-1] == pytest.approx(0.05 * (0.01 + 0.99 * (1 + math.cos(math.pi * falling)) / 2))
    assert line["rate"] > 0


def test_tensorboard_has_what_the_csv_has(tmp_path):
    fit(new(), batch_of, dataclasses.replace(SETTINGS, tensorboard=True), CARD, tmp_path, quiet=True)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = {str(event.step): event.value for event in events.Scalars("loss")}
    assert found == {row["step"]: pytest.approx(float(row["loss"])) for row in log_of(tmp_path)}


def test_a_run_by_the_clock_counts_the_minutes_before_a_kill(tmp_path):
    settings = dataclasses.replace(SETTINGS, steps=10**9, minutes=0.01, save_every=10**9)
    fit(new(), batch_of, settings, CARD, tmp_path, quiet=True)  # its last checkpoint says that its time is up
    spent = read_card(tmp_path / RESUME)
    fit(new(), batch_of, settings, CARD, tmp_path, quiet=True)
    assert spent.metrics["seconds"] >= 0.6
    assert read_card(tmp_path / RESUME).step == spent.step + 1


def test_minutes_end_a_run(monkeypatch):
    clock = SimpleNamespace(monotonic=itertools.count().__next__)  # a second passes each time that it is asked
    monkeypatch.setattr("models.trainer.time", clock)
    settings = dataclasses.replace(SETTINGS, steps=10**9, minutes=1, log_every=10**9)
    line = fit(new(), batch_of, settings, CARD, quiet=True)
    # The last step begins after 59 seconds, so the rate has fallen nearly to its end of 1 % with the time.
    falling = (59 / 60 - 0.05) / 0.95
    assert line["lr"] == pytest.approx(0.05 * (0.01 + 0.99 * (1 + math.cos(math.pi * falling)) / 2))


def test_a_probe_joins_the_log_and_changes_nothing(tmp_path):
    def probe(module):
        torch.rand(3)
        assert not module.training
        return {"knn1": 0.5}

    with_probe, without = new(), new()
    fit(with_probe, batch_of, SETTINGS, CARD, tmp_path, probe=probe, probe_every=6, quiet=True)
    fit(without, batch_of, SETTINGS, CARD, quiet=True)
    assert same(with_probe, without)
    rows = log_of(tmp_path)
    assert [row["knn1"] for row in rows] == ["", "0.5", "", "0.5"]


def test_a_loss_that_is_no_number_says_so():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x):
            return {"loss": (self.layer(x) * math.nan).sum()}

    with pytest.raises(BadInput, match=r"no longer a number at step 3.*Lower training\.lr"):
        fit(Broken(), batch_of, SETTINGS, CARD, quiet=True)


@pytest.mark.parametrize(
    "hungry",
    [
        lambda: torch.empty(2**50),  # really asked for; no machine has a petabyte
        lambda: np.empty(2**50),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError("as a GPU's allocator raises")),
    ],
)
def test_memory_that_runs_out_says_what_to_halve(hungry):
    class Hungry(Line):
        def forward(self, _):
            return next(iter(hungry()))

    with pytest.raises(BadInput, match="4 windows at once"):
        fit(Hungry(), batch_of, SETTINGS, CARD, quiet=True)


def test_another_error_is_not_taken_for_it():
    class Wrong(Line):
        def forward(self, x):
            return {"loss": x @ x}

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        fit(Wrong(), batch_of, SETTINGS, CARD, quiet=True)


def test_another_run_s_folder_is_refused(tmp_path):
    fit(new(), batch_of, SETTINGS, CARD, tmp_path, stop=lambda step: step == 2, quiet=True)
    with pytest.raises(BadInput, match="unfinished run with other settings"):
        fit(new(), batch_of, SETTINGS, Card("test", {"a": 2}), tmp_path, quiet=True)


def test_a_device_that_is_not_there():
    with pytest.raises(Unavailable, match="1 × nonsense in 32-true can't be had here"):
        fit(new(), batch_of, dataclasses.replace(SETTINGS, accelerator="nonsense"), CARD, quiet=True)


def test_bf16_trains():
    settings = dataclasses.replace(SETTINGS, precision="bf16-mixed")
    first = fit(new(), batch_of, dataclasses.replace(settings, steps=3), CARD, quiet=True)
    last = fit(new(), batch_of, dataclasses.replace(settings, steps=60), CARD, quiet=True)
    assert last["loss"] < first["loss"]


@pytest.mark.slow
def test_compiled_steps_are_the_plain_ones():
    torch.manual_seed(0)
    plain, compiled = Plain(), Plain()
    compiled.load_state_dict(plain.state_dict())
    fit(plain, batch_of, SETTINGS, CARD, quiet=True)
    fit(compiled, batch_of, dataclasses.replace(SETTINGS, compile=True), CARD, quiet=True)
    torch.testing.assert_close(plain.state_dict(), compiled.state_dict(), atol=1e-4, rtol=1e-3)


def test_vectors_do_not_decay():
    groups = decayed_groups(new(), 0.1)
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert {p.ndim for p in groups[0]["params"]} == {2}
    assert {p.ndim for p in groups[1]["params"]} == {1}


def test_seeds_differ():
    seeds = {seed_of(seed, step, process) for seed in range(5) for step in range(100) for process in range(4)}
    assert len(seeds) == 2000


WORKER = """
import sys, torch
from models.checkpoints import Card, save_weights
from models.trainer import Training, fit

torch.set_num_threads(1)

class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def forward(self, x):
        return {"loss": (self.layer(x) - 2 * x).square().mean()}

def batch_of(seed):
    return torch.randn(4, 1, generator=torch.Generator().manual_seed(seed))

torch.manual_seed(0)
module = Plain()
settings = Training(steps=12, batch_size=4, lr=0.05, log_every=3, save_every=5, accelerator="cpu", devices=2)
fit(module, batch_of, settings, Card("test", {}), sys.argv[1], quiet=True)
rank = torch.distributed.get_rank()
assert torch.distributed.get_world_size() == 2 and torch.distributed.get_backend() == "gloo"
save_weights(f"{sys.argv[1]}/rank{rank}.safetensors", module.state_dict(), Card("test", {}))
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_are_one_with_both_batches(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*command, str(script), str(tmp_path)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (load_weights(tmp_path / f"rank{rank}.safetensors")[1] for rank in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.manual_seed(0)
    alone = Plain()
    both = {seed_of(0, step): [seed_of(0, step, process) for process in (0, 1)] for step in range(12)}
    fit(alone, lambda seed: torch.cat([batch_of(s) for s in both[seed]]), SETTINGS, CARD, quiet=True)
    torch.testing.assert_close(dict(alone.state_dict()), first)
    assert read_card(tmp_path / RESUME).step == 12
