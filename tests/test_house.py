"""The plan of the house holds: rooms import only from rooms below, without circles, and every file is one idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ["manifests", "collector", "models", "annotate", "benchmarks", "mgcollect"]
FILES = sorted(path for room in FLOORS for path in (ROOT / room).rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            module = node.module or ""
            # What is named may be a module itself; then it is that one that is meant, not the package around it.
            inner = [f"{module}.{alias.name}" for alias in node.names]
            names += [name if name in MODULES else module for name in inner]
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_room_imports_only_from_rooms_below(path: Path):
    floor = FLOORS.index(path.relative_to(ROOT).parts[0])
    above = [name for name in _imports(path) if name.split(".")[0] in (*FLOORS[floor + 1 :], "tests")]
    assert not above


def test_no_circles_between_modules():
    # Imports inside functions count too: a circle is a circle.
    graph = {
        name: [other for other in _imports(path) if other in MODULES and other != name]
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail, name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_is_one_idea(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
    assert path.stem not in {"utils", "util", "helpers", "common", "core", "base", "misc"}
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "say what the file is for"
