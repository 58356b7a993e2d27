"""A real Label Studio on this machine's loopback, for the tests, the demo and `make label-studio`.

folder/
├── users.json    its users and their tokens, mode 600
├── data/         its SQLite database and media; stands only once it is complete
├── server.lock   held while it runs; says by whom it was started
└── server.log    what it said
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import httpx

from annotate.server import DOCUMENT_ROOT, Address
from manifests.errors import Unavailable, explain_write_errors

__all__ = ["LocalLabelStudio", "User", "find_executable"]

_ROLES = ("admin", "annotator-1", "annotator-2")
_HOST = "127.0.0.1"
_START_S = 120.0  # a first start on a busy machine takes 20 s
_STOP_S = 20.0


@dataclass(frozen=True)
class User:
    """A user of the local server; the password is for a person at the login page."""

    role: str
    email: str
    password: str = field(repr=False)
    token: str = field(repr=False)


class LocalLabelStudio:
    """A Label Studio server in a folder: made ready once, started and stopped at will.

    Its users are an admin and two annotators, with random passwords and tokens. It listens on 127.0.0.1 only, and neither
    reports usage, nor crashes, nor looks for newer versions.

    Args:
        folder: where its data lies; made if missing.
        executable: `label-studio`; `find_executable()` unless given.
        port: to listen on; 0 takes a free one.
        document_root: the folder whose files it may serve, such as the dataset's.
        calls_loopback: let it call ML backends and webhooks on this machine, which it forbids by itself.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        document_root: Path | str,
        executable: Path | str | None = None,
        port: int = 8080,
        calls_loopback: bool = False,
    ) -> None:
        self.calls_loopback = calls_loopback
        self.folder = Path(folder).resolve()
        self.document_root = Path(document_root).resolve()
        self.executable = Path(executable) if executable else find_executable()
        self.port = port or _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._lock: TextIO | None = None

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def users(self) -> dict[str, User]:
        """Its users by role: admin, annotator-1, annotator-2. There are none before the first start."""
        path = self.folder / "users.json"
        if not path.exists():
            return {}
        return {user["role"]: User(**user) for user in json.loads(path.read_text(encoding="utf-8"))}

    def address(self, role: str = "admin") -> Address:
        """How one of its users enters."""
        return Address(self.url, self.users[role].token, self.document_root)

    def start(self) -> None:
        """Make it ready if it never was, start it, and wait until it answers.

        Raises:
            Unavailable: the port is taken, or it does not start; the message names its log.
        """
        with explain_write_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._hold()
        try:
            self._initialise()
            self._check_port()
            self.process = self._run()
            _note(self._lock, driver=os.getpid(), server=self.process.pid, port=self.port)
            self._await_health()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it; nothing happens if it doesn't run."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _hold(self) -> TextIO:
        """Take the folder's lock. The server inherits it, so that it is held as long as either of us lives."""
        file = (self.folder / "server.lock").open("a+")
        deadline = time.monotonic() + _STOP_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = _noted(file)
            else:
                _note(file, driver=os.getpid(), port=self.port)
                return file
            if running and _lives(running["driver"]):
                file.close()
                raise Unavailable(
                    f"The Label Studio of {self.folder} already runs at http://{_HOST}:{running['port']} "
                    f"(process {running['driver']} started it). Use that one, or stop it with Ctrl-C where it runs."
                )
            if running and "server" in running:
                # Whoever started it was killed. We have its lock's word for it that this is still our server.
                with suppress(ProcessLookupError):
                    os.kill(running["server"], signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.2)

    def _check_port(self) -> None:
        # Label Studio itself would go on to the next free port, and nobody would find it.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, self.port))
            except OSError as error:
                raise Unavailable(
                    f"Port {self.port} is taken. Stop what listens there (another Label Studio?), or choose another port."
                ) from error

    def _run(self) -> subprocess.Popen[bytes]:
        assert self._lock is not None
        arguments = ["start", "--no-browser", "--internal-host", _HOST, "--port", str(self.port)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.executable), *arguments],
                env=self._environment(self.folder / "data"),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[self._lock.fileno()],
                start_new_session=True,  # Ctrl-C goes to us, and we stop it
            )

    def _initialise(self) -> None:
        data = self.folder / "data"
        if data.exists():
            return
        with explain_write_errors(self.folder):
            users = [_new_user(role) for role in _ROLES]
            # Under another name until it is complete: a kill on the way leaves nothing that looks ready.
            unfinished = self.folder / "data.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(mode=0o700)
            _write_private(self.folder / "users.json", json.dumps([asdict(user) for user in users], indent=1))
        for user in users:
            # The first call makes the database and the organisation, the others add to it.
            secret = {
                "LABEL_STUDIO_USERNAME": user.email,
                "LABEL_STUDIO_PASSWORD": user.password,
                "LABEL_STUDIO_USER_TOKEN": user.token,
            }
            with self.log.open("ab") as log:
                done = subprocess.run(
                    [str(self.executable), "init", "--enable-legacy-api-token"],
                    env={**self._environment(unfinished), **secret},
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            if done.returncode:
                raise Unavailable(f"Label Studio could not be made ready (status {done.returncode}): see {self.log}.")
        unfinished.rename(data)

    def _await_health(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + _START_S
        with httpx.Client(trust_env=False, timeout=5) as http:
            while time.monotonic() < deadline:
                if (status := self.process.poll()) is not None:
                    raise Unavailable(f"Label Studio ended as it started (status {status}): see {self.log}.")
                try:
                    if http.get(f"{self.url}/health").is_success:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.2)
        raise Unavailable(f"Label Studio did not answer within {_START_S:.0f} s: see {self.log}.")

    def _environment(self, data: Path) -> dict[str, str]:
        # Not the settings of another Label Studio, nor a user or token of this shell.
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("LABEL_STUDIO_", "HEARTEX_"))
            and name not in ("USERNAME", "PASSWORD", "USER_TOKEN", "HOST")
        }
        if self.calls_loopback:
            inherited |= {"ML_BLOCK_LOCAL_IP": "false", "SSRF_PROTECTION_ENABLED": "false"}
        return inherited | {
            "LABEL_STUDIO_BASE_DATA_DIR": str(data),
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            DOCUMENT_ROOT: str(self.document_root),
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
            "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
            "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
            "LABEL_STUDIO_SENTRY_DSN": "",
            "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
        }


def find_executable() -> Path:
    """The `label-studio` to run: $MGCOLLECT_LABEL_STUDIO, else the one in .venv-label-studio beside the toolkit, else on PATH.

    Raises:
        Unavailable: there is none.
    """
    if named := os.environ.get("MGCOLLECT_LABEL_STUDIO"):
        path = Path(named).expanduser()
        if not path.is_file():
            raise Unavailable(f"MGCOLLECT_LABEL_STUDIO={named}: there is no such file. Name the label-studio program.")
        return path
    beside = Path(__file__).parents[1] / ".venv-label-studio" / "bin" / "label-studio"
    if beside.is_file():
        return beside
    if found := shutil.which("label-studio"):
        return Path(found)
    raise Unavailable(
        "Label Studio is not installed. It needs an environment of its own: "
        f"{Path(sys.executable).name} -m venv .venv-label-studio && .venv-label-studio/bin/pip install 'label-studio>=1.23.1'"
    )


def _new_user(role: str) -> User:
    return User(role, f"{role}@mgcollect.localhost", secrets.token_urlsafe(12), secrets.token_hex(20))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _note(lock: TextIO, **facts: int) -> None:
    lock.truncate(0)
    lock.write(json.dumps(facts))
    lock.flush()


def _noted(lock: TextIO) -> dict[str, Any] | None:
    lock.seek(0)
    try:
        return dict(json.loads(lock.read()))
    except ValueError:
        return None  # the other one has not come so far yet


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
