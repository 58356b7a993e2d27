"""Starting and stopping a local Label Studio. A copy of the session's data folder saves making the database again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from annotate.local_server import LocalLabelStudio, find_executable
from annotate.server import connect
from manifests.errors import Unavailable


def copy_of(server: LocalLabelStudio, folder: Path, **options) -> LocalLabelStudio:
    """Another server with the same users, and the database as it is now."""
    folder.mkdir()
    shutil.copytree(server.folder / "data", folder / "data")
    shutil.copy(server.folder / "users.json", folder / "users.json")
    settings = {"document_root": server.document_root, "executable": server.executable, "port": 0, **options}
    return LocalLabelStudio(folder, **settings)


@pytest.mark.slow
def test_the_port_is_taken(label_studio, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Unavailable, match=f"Port {port} is taken"):
            copy_of(label_studio, tmp_path / "copy", port=port).start()


@pytest.mark.slow
def test_one_folder_has_one_server(label_studio):
    again = LocalLabelStudio(
        label_studio.folder, document_root=label_studio.document_root, executable=label_studio.executable, port=0
    )
    with pytest.raises(Unavailable, match=f"already runs at {label_studio.url}"):
        again.start()
    with connect(label_studio.address()) as server:
        assert server.version


@pytest.mark.slow
def test_a_server_whose_starter_was_killed_is_replaced(label_studio, tmp_path):
    copied = copy_of(label_studio, tmp_path / "copy")
    script = f"""
        import sys, time
        from annotate.local_server import LocalLabelStudio
        server = LocalLabelStudio({str(copied.folder)!r}, document_root={str(copied.document_root)!r},
                                  executable={str(copied.executable)!r}, port={copied.port})
        server.start()
        print(server.process.pid, flush=True)
        time.sleep(600)
    """
    starter = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with starter:
        orphan = int(starter.stdout.readline())
        starter.send_signal(signal.SIGKILL)
    os.kill(orphan, 0)  # it lives on, on the port that we want
    with copied, connect(copied.address()) as server:
        assert server.version
        assert copied.process.pid != orphan


def test_a_first_start_that_was_cut_off_leaves_nothing_that_looks_ready(tmp_path):
    folder = tmp_path / "server"
    failing = tmp_path / "label-studio"
    failing.write_text("#!/bin/sh\necho no disk; exit 3\n")
    failing.chmod(0o700)
    server = LocalLabelStudio(folder, document_root=tmp_path, executable=failing, port=0)
    with pytest.raises(Unavailable, match=r"status 3.*server\.log"):
        server.start()
    assert "no disk" in server.log.read_text()
    assert not (folder / "data").exists()


def test_a_program_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("MGCOLLECT_LABEL_STUDIO", str(tmp_path / "label-studio"))
    with pytest.raises(Unavailable, match="there is no such file"):
        find_executable()
