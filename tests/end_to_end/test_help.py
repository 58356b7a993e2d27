"""Every command is documented, with an example, and starts fast enough to be asked for its help."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest
import typer.main
from click import Command, Group
from typer.testing import CliRunner

from mgcollect.main import app


def _commands(group: Group, trail: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*trail, name))
        if not hasattr(command, "commands") or command.invoke_without_command:
            yield (*trail, name), command


COMMANDS = dict(_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_help_ends_with_an_example_of_this_command_whose_options_exist(name: tuple[str, ...]):
    text = COMMANDS[name].help or ""
    _, marker, example = text.rpartition("Example:")
    assert marker, "no example"
    words = shlex.split(example)
    assert tuple(words[: len(name) + 1]) == ("mgcollect", *name)
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_dataset_and_quiet_are_everywhere(name: tuple[str, ...]):
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert "--quiet" in options
    # These work on releases and runs that are named; no dataset comes into it.
    if name not in {("release", "diff"), ("release", "import"), ("release", "export"), ("benchmark", "compare")}:
        assert "--dataset" in options


def test_the_commands_of_the_main_job_are_there():
    expected = {("doctor",), ("fetch",), ("segment",), ("pose",), ("propose",), ("benchmark",), ("status",), ("demo",)}
    expected |= {("annotate", name) for name in ("push", "pull", "agree", "consensus")}
    assert expected | {("release", "build"), ("release", "verify")} <= set(COMMANDS)


def test_version():
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.stdout.startswith("mgcollect 0.")
