"""Which methods are scored: what comes with the suite, the baselines of `models/`, proposals of a release, anyone's own file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.baselines import BASELINES
from benchmarks.methods import BUILT_IN, Method
from benchmarks.pretrained import NAME, RANDOM, pretrained, untrained, weights_of
from benchmarks.tuned import TUNED, fine_tuned
from manifests.errors import BadInput
from manifests.ids import file_sha256
from manifests.release import Release

__all__ = ["PROPOSALS", "load_method", "methods_for", "timed"]

PROPOSALS = "proposals:"


def methods_for(
    release: Release, wanted: Sequence[str | Method] | None = None, checkpoints: Sequence[Path | str] = ()
) -> list[Method]:
    """The methods to score: those wanted, else all built in and every model that the release has proposals of.

    Args:
        wanted: names (of baselines too, which are only scored where they are named), `proposals:<model version>`, paths of
            Python files, or methods.
        checkpoints: whose methods are scored beside them. Of a pre-trained MG-FM the same network with random weights
            is scored too (where methods are named, as `mg-fm-random`), and `mg-fm-tuned` can be named.

    Raises:
        BadInput: there is no such method, or its file is wrong.
    """
    extra = [pretrained(path) for path in checkpoints]
    versions = sorted(set(release.table("proposals", ["model_version"])["model_version"].to_pylist()))
    known = BUILT_IN | {PROPOSALS + version: Method(PROPOSALS + version, proposals_of=version) for version in versions}
    encoders = [weights_of(path) for path, method in zip(checkpoints, extra, strict=True) if method.embed]
    if wanted is None:
        return [*known.values(), *extra, *(untrained(weights) for weights in encoders)]
    known = known | BASELINES
    for weights in encoders:
        known |= {TUNED: fine_tuned(weights), RANDOM: untrained(weights)}
    scored = [method.name for method in extra]
    named = [name for name in wanted if name not in scored]  # who names a checkpoint's method says what is done anyway
    methods = [*extra] + [_method(name, known) if isinstance(name, str) else name for name in named]
    names = [method.name for method in methods]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadInput(f"Two methods are called {sorted(twice)[0]!r}. Name each once; a file is called by its name.")
    return methods


def timed(methods: Sequence[Method], minutes: float) -> list[Method]:
    """The same methods, each network that is trained here for so many minutes instead of for its number of steps.

    Raises:
        BadInput: no such network is among them.
    """
    if not any(method.within for method in methods):
        networks = [name for name, method in BASELINES.items() if method.within]
        raise BadInput(
            f"--minutes {minutes:g}: no network is to be trained. Name one with --method: {', '.join([*networks, TUNED])}."
        )
    return [method.within(minutes) if method.within else method for method in methods]


def _method(name: str, known: dict[str, Method]) -> Method:
    if name in known:
        return known[name]
    if name.endswith(".py"):
        return load_method(Path(name))
    if name in (NAME, TUNED, RANDOM):
        raise BadInput(f"--method {name}: of which MG-FM? Give the pre-trained one's folder with --checkpoint.")
    raise BadInput(f"--method {name}: there is none. Give a Python file, or one of: {', '.join(known)}.")


def load_method(path: Path) -> Method:
    """A method from a Python file that defines `fit` and `embed` or `predict`; it is called by the file's name.

    The file is run, with all that this allows: give only files that you trust.

    Raises:
        BadInput: there is no such file, it doesn't run, or a function is missing.
    """
    if not path.is_file():
        raise BadInput(f"--method {path}: there is no such file.")
    name = f"_method_{file_sha256(path)[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its data classes and pickles find it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadInput(f"--method {path}: the file doesn't run ({type(error).__name__}: {error}).") from error
    functions = {word: getattr(module, word, None) for word in ("fit", "predict", "embed")}
    if not callable(functions["fit"]) or not (callable(functions["predict"]) or callable(functions["embed"])):
        raise BadInput(
            f"--method {path}: define fit(samples, labels, taxonomy, seed) and embed(fitted, samples) or predict(fitted, samples)."
        )
    return Method(path.stem, **functions, source=str(path.resolve()), digest=file_sha256(path))
