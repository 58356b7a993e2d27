"""What is said of servers that aren't there, aren't Label Studio, or fail; each is a real server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from annotate.local_server import LocalLabelStudio
from annotate.server import DOCUMENT_ROOT, KEY, URL, Address, ServerAway, address_from_env, connect
from manifests.errors import BadInput, Unavailable
from tests.annotate.test_local_server import copy_of

TOKEN = "5ec4e7" * 6


class Answers(BaseHTTPRequestHandler):
    """Answers every request with the server's `status` and `body`, and counts."""

    def do_GET(self) -> None:
        self.server.asked += 1
        body = self.server.bodies.pop(0) if len(self.server.bodies) > 1 else self.server.bodies[0]
        self.send_response(body[0])
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body[1])))
        self.end_headers()
        self.wfile.write(body[1])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.asked = 0
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


def address(server: ThreadingHTTPServer) -> Address:
    return Address(f"http://127.0.0.1:{server.server_port}", TOKEN)


def refused(where: Address) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        connect(where, retries=0)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_nothing_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = refused(Address(f"http://127.0.0.1:{port}", TOKEN))
    assert isinstance(error, ServerAway)
    assert f"Nothing answers at http://127.0.0.1:{port}" in str(error)


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b'{"name": "another"}', b"[]"])
def test_another_server(answering, body):
    answering.bodies = [(200, body)]
    assert "is no Label Studio" in str(refused(address(answering)))


def test_an_old_label_studio(answering):
    answering.bodies = [(200, b'{"release": "1.22.0"}')]
    assert "is 1.22.0; 1.23.1 or newer is needed" in str(refused(address(answering)))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_for_good(answering, status):
    answering.bodies = [(status, b"{}")]
    error = refused(address(answering))
    assert isinstance(error, ServerAway)
    assert f"status {status}" in str(error)
    assert answering.asked == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_once_is_asked_again(answering, status):
    answering.bodies = [(status, b"{}"), (200, b'{"release": "1.24.0"}'), (200, b'{"id": 7, "email": "a@b.c"}')]
    with connect(address(answering), retries=1) as server:
        assert (server.user_id, server.version, answering.asked) == (7, "1.24.0", 3)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"detail": "Invalid token."}', f"refuses the token in {KEY}"),
        (
            b'{"detail": "legacy token authentication has been disabled for this organization"}',
            "takes no legacy tokens",
        ),
    ],
)
def test_refused_tokens(answering, body, text):
    answering.bodies = [(200, b'{"release": "1.23.2"}'), (401, body)]
    assert text in str(refused(address(answering)))


def test_what_is_no_address():
    with pytest.raises(BadInput, match="is no web address"):
        connect(Address("localhost:8080", TOKEN))


def test_the_environment(monkeypatch, tmp_path):
    for name in (URL, KEY, DOCUMENT_ROOT):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Unavailable, match=f"set {URL} and {KEY}"):
        address_from_env()
    monkeypatch.setenv(URL, "http://127.0.0.1:8080/")
    with pytest.raises(Unavailable, match=f"set {KEY}"):
        address_from_env()
    monkeypatch.setenv(KEY, TOKEN)
    monkeypatch.setenv(DOCUMENT_ROOT, str(tmp_path))
    found = address_from_env()
    assert found == Address("http://127.0.0.1:8080", TOKEN, tmp_path)
    assert TOKEN not in repr(found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")  # in the SDK's exchange of tokens
def test_the_real_server_and_its_users(label_studio: LocalLabelStudio):
    ids = set()
    for role in ("admin", "annotator-1", "annotator-2"):
        with connect(label_studio.address(role)) as server:
            ids.add(server.user_id)
            personal = server.client.tokens.create().token
        # A personal access token is exchanged for a short-lived one by the SDK.
        with connect(Address(label_studio.url, personal)) as server:
            assert server.user_id in ids
    assert len(ids) == 3
    assert "refuses the token" in str(refused(Address(label_studio.url, TOKEN)))


@pytest.mark.slow
def test_the_real_server_with_legacy_tokens_off(label_studio: LocalLabelStudio, tmp_path: Path):
    with copy_of(label_studio, tmp_path / "copy") as copied:
        with connect(copied.address()) as server:
            server.client.jwt_settings.update(
                api_tokens_enabled=True, legacy_api_tokens_enabled=False, api_token_ttl_days=30
            )
        assert "takes no legacy tokens" in str(refused(copied.address("annotator-2")))


@pytest.mark.slow
def test_the_local_server_keeps_its_secrets(label_studio: LocalLabelStudio):
    assert (label_studio.folder / "users.json").stat().st_mode & 0o777 == 0o600
    assert (label_studio.folder / "data").stat().st_mode & 0o777 == 0o700
    log = label_studio.log.read_text(errors="replace")
    for user in label_studio.users.values():
        assert user.token not in log
        assert user.token not in repr(user)
    # Nor do its arguments, which every user of the machine can read.
    running = Path(f"/proc/{label_studio.process.pid}/cmdline")
    if running.exists():
        assert not any(user.token.encode() in running.read_bytes() for user in label_studio.users.values())
