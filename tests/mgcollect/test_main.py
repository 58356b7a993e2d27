"""How the command line ends when it is asked to: with a word, by the status that shells know."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

ASKED = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
from mgcollect import main
@main.app.command()
def wait():
    try:
        os.kill(os.getpid(), signal.{name})
        time.sleep(60)
    finally:
        print("tidied up")
sys.argv = ["mgcollect", "wait"]
main.main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_asked_to_end_it_tidies_up_and_says_a_word(name: str):
    code = ASKED.format(name=name)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "tidied up\n"
    assert done.stderr == "mgcollect: stopped. Run the same command again: it goes on where it was.\n"
    assert done.returncode == 128 + signal.Signals[name]
