"""`mgcollect release` as a user types it; what is in the data sets is simulated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from manifests.checks import verify
from manifests.importers.pyskl import write_pyskl
from manifests.importers.recording import Span
from manifests.release import open_release
from tests.end_to_end.commands import mgcollect
from tests.manifests.importers.simulated import outgoing, recording


@pytest.fixture
def pickled(tmp_path: Path) -> Path:
    spans = {name: (Span(3, 40, "touching_neck", gesture_id=name),) for name in ("a", "b")}
    made = [recording(name, "coco17", 17, gestures=span) for name, span in spans.items()]
    write_pyskl(outgoing(*made), tmp_path / "in.pkl")
    return tmp_path / "in.pkl"


def test_import_and_export(pickled: Path, tmp_path: Path):
    (tmp_path / "licence.txt").write_text("For simulated data only.")
    done = mgcollect(
        *("release", "import", "pyskl", pickled, "--out", tmp_path / "r", "--fps", "30000/1001", "--version", "2.0.0"),
        *("--license-file", tmp_path / "licence.txt", "--note", "Simulated."),
    )
    assert done.returncode == 0, done.stderr
    release = open_release(tmp_path / "r")
    assert verify(tmp_path / "r").findings == ()
    assert release.version == "2.0.0"
    clip = release.table("clips").to_pylist()[0]
    assert Fraction(clip["fps_num"], clip["fps_den"]) == Fraction(30000, 1001)
    assert (tmp_path / "r" / "LICENSE").read_text() == "For simulated data only."
    done = mgcollect("release", "export", "elan", tmp_path / "r", "--out", tmp_path / "elan", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    assert len(list((tmp_path / "elan").glob("*.eaf"))) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fps", "fast"], "--fps fast: write frames a second"),
        (["--fps", "1/0"], "--fps 1/0: write frames a second"),
        (["--unit", "inch"], "--unit inch: write pixel, metre, arbitrary"),
        (["--labels", "none.txt"], "--labels none.txt: there is no such file"),
        (["--labels", "twice.txt"], "row 3: 'nod' is the name of row 1 already"),
        (["--license-file", "none.txt"], "--license-file none.txt: there is no such file"),
        (["--version", "1"], "write three numbers"),
    ],
)
def test_a_wrong_option_is_named(pickled: Path, tmp_path: Path, options: list[str], said: str):
    (tmp_path / "twice.txt").write_text("nod\nwave\nnod\n")
    done = mgcollect("release", "import", "pyskl", pickled, "--out", "r", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "r").exists()


def test_an_unknown_format_is_named(pickled: Path, tmp_path: Path):
    done = mgcollect("release", "import", "vhs", pickled, "--out", tmp_path / "r")
    assert done.returncode == 2
    assert "Known are imigue, smg, pyskl" in done.stderr
