"""The ML backend that Label Studio calls: /health, /setup, /predict and /webhook, behind one secret.

The secret comes from the environment, MGCOLLECT_ML_SECRET. Label Studio sends it back as HTTP basic authentication, as an ML
backend's password and as a header of the webhook; nothing else is answered, but for /health's one word. What is submitted there is
pulled some seconds after the last event, so that annotations are here before anybody asks for them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, status
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from pydantic import BaseModel, Field

from annotate.backend import Backend
from annotate.project import DEFAULT_TITLE, open_project
from annotate.propose import Propose
from annotate.pull import pull
from annotate.server import ONCE, Address, Server, connect, explained
from manifests.errors import BadInput, MgcollectError, Unavailable
from manifests.workspace import Workspace, open_workspace

__all__ = ["SECRET", "Desk", "attach", "make_app", "secret_from_env", "serve"]

SECRET = "MGCOLLECT_ML_SECRET"  # noqa: S105 -- the name of the variable
_USER = "mgcollect"
_BASIC = HTTPBasic(realm="mgcollect")
_SHORTEST = 16
_SUBMISSIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED")
_LOOPBACK = (
    "Label Studio calls no address on its own machine or network unless it is started with ML_BLOCK_LOCAL_IP=false (for the "
    "backend) and SSRF_PROTECTION_ENABLED=false (for the webhook). Set both where only your crowd reaches the server, or "
    "give an address that it may call with --url."
)
_T = TypeVar("_T")


class _Setup(BaseModel):
    """What Label Studio tells of a project; its token, which stands there too, is not read."""

    project: str = ""


class _Tasks(BaseModel):
    tasks: list[dict[str, Any]] = Field(default_factory=list)


class _Event(BaseModel):
    action: str = ""


@dataclass
class Desk:
    """The dataset behind the backend, on a thread of its own: the ledger belongs to the thread that opened it.

    Attributes:
        dataset: its folder.
        stage: gives the model that is asked; asked itself each time, since a spotter may be trained meanwhile.
        project: the title of the project whose submissions are pulled.
        address: of its Label Studio; None pulls nothing.
        pull_after_s: seconds without a further event after which submissions are pulled.
    """

    dataset: Path
    stage: Callable[[], Propose]
    project: str = DEFAULT_TITLE
    address: Address | None = None
    pull_after_s: float = 20.0
    say: Callable[[str], None] = print
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "dataset"), repr=False)
    _due: float | None = None

    async def predict(self, tasks: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """As `Backend.predict`."""
        return await self._there(lambda workspace: Backend(workspace, self.stage()).predict(tasks))

    def note(self, action: str) -> bool:
        """Take note of an event; whether it is one of a submission, which will be pulled."""
        if action not in _SUBMISSIONS:
            return False
        self._due = time.monotonic() + self.pull_after_s
        return True

    async def pull_when_due(self) -> None:
        """Pull what was submitted, again and again, until cancelled. What can't be pulled now is tried again later."""
        while True:
            await asyncio.sleep(min(self.pull_after_s, 1.0))
            if self._due is None or time.monotonic() < self._due:
                continue
            self._due = None
            try:
                self.say(await self._there(self._pull))
            except MgcollectError as error:
                self.say(f"Not pulled: {error}")
                self._due = time.monotonic() + 10 * self.pull_after_s

    def close(self) -> None:
        """Finish what is in hand."""
        self._thread.shutdown()

    def _pull(self, workspace: Workspace) -> str:
        if self.address is None:
            return "Something was submitted; run `mgcollect annotate pull`."
        with connect(self.address) as server:
            done = pull(workspace, project=self.project, server=server, quiet=True)
        return f"Pulled {done.new} new of {done.submissions} submissions; {done.failed} failed."

    async def _there(self, work: Callable[[Workspace], _T]) -> _T:
        def run() -> _T:
            # Opened for each piece of work: another command may have changed the tables meanwhile.
            with open_workspace(self.dataset) as workspace:
                return work(workspace)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)


def secret_from_env() -> str:
    """The secret that Label Studio has to know.

    Raises:
        Unavailable: it is missing or so short that it could be guessed.
    """
    secret = os.environ.get(SECRET, "").strip()
    if len(secret) < _SHORTEST:
        wrong = f"is shorter than {_SHORTEST} letters" if secret else "is not set"
        raise Unavailable(
            f"{SECRET} {wrong}. Make one with `export {SECRET}=$(openssl rand -hex 16)`; it goes to Label Studio by itself."
        )
    return secret


def make_app(desk: Desk, secret: str) -> FastAPI:
    """The web application: what Label Studio asks, passed on to the desk.

    Without the secret every way but /health answers 401; a task or a spotter that can't be read, 400; what isn't to be had now, 503.
    """
    app = FastAPI(title="mgcollect", openapi_url=None)

    def known(given: Annotated[HTTPBasicCredentials, Depends(_BASIC)]) -> None:
        pairs = ((given.username, _USER), (given.password, secret))
        # Both are compared, in a time that doesn't tell where they differ.
        same = [secrets.compare_digest(one.encode(), other.encode()) for one, other in pairs]
        if not all(same):
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, "wrong secret", {"WWW-Authenticate": "Basic"})

    guarded = [Depends(known)]

    @app.exception_handler(MgcollectError)
    async def told(_: Request, error: MgcollectError) -> JSONResponse:
        unfit = isinstance(error, BadInput)
        code = status.HTTP_400_BAD_REQUEST if unfit else status.HTTP_503_SERVICE_UNAVAILABLE
        return JSONResponse({"detail": str(error)}, code)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP"}

    @app.post("/setup", dependencies=guarded)
    def setup(_: _Setup) -> dict[str, str]:
        return {"model_version": desk.stage().version}

    @app.post("/predict", dependencies=guarded)
    async def predict(asked: _Tasks) -> dict[str, Any]:
        return {"results": await desk.predict(asked.tasks)}

    @app.post("/webhook", dependencies=guarded)
    def webhook(event: _Event) -> dict[str, bool]:
        return {"taken": desk.note(event.action)}

    return app


def attach(server: Server, project: str, url: str, secret: str) -> None:
    """Make the project ask the backend at `url`, and tell it of submissions; what stands there already is brought up to date.

    Raises:
        BadInput: there is no project of this title, or there are two.
        Unavailable: the server can't reach the backend, or refuses.
    """
    number = open_project(server, project).id
    token = b64encode(f"{_USER}:{secret}".encode()).decode()
    hook: dict[str, Any] = {
        "url": f"{url}/webhook",
        "headers": {"Authorization": f"Basic {token}"},
        "actions": list(_SUBMISSIONS),
        "send_for_all_actions": False,
        "send_payload": False,  # who said what is pulled, not pushed
        "is_active": True,
    }
    backend: dict[str, Any] = {
        "url": url,
        "title": "mgcollect",
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": _USER,
        "basic_auth_pass": secret,
        "is_interactive": False,
    }
    client = server.client
    try:
        with explained(server.url):
            # The webhook first: Label Studio gives a backend without one a webhook that lacks the secret.
            hooks = [one for one in client.webhooks.list(project=str(number)) if one.url == hook["url"]]
            if hooks:
                client.webhooks.update(id=hooks[0].id, **hook)
            else:
                client.webhooks.create(project=number, request_options=ONCE, **hook)
            backends = [one for one in client.ml.list(project=number) if one.url == url]
            if backends:
                client.ml.update(id=backends[0].id, project=number, **backend)
            else:
                client.ml.create(project=number, request_options=ONCE, **backend)
    except Unavailable as error:
        raise Unavailable(f"{error} {_LOOPBACK}") from error


def serve(
    desk: Desk,
    secret: str,
    *,
    host: str = "127.0.0.1",
    port: int = 9090,
    url: str | None = None,
    attached: bool = True,
) -> None:
    """Serve until stopped (Ctrl-C, SIGTERM); what is in hand is finished.

    Args:
        host, port: where to listen; port 0 takes a free one.
        url: by which Label Studio reaches this, where that is another than the host and port.
        attached: make the project at the desk's address ask here, first of all.

    Raises:
        Unavailable: the port is taken, or Label Studio can't be attached.
        BadInput: there is no such project.
    """
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise Unavailable(f"Can't listen on {host}:{port} ({error.strerror}). Choose another with --port.") from error
    url = (url or f"http://{host}:{listening.getsockname()[1]}").rstrip("/")
    server = uvicorn.Server(uvicorn.Config(make_app(desk, secret), log_level="warning", access_log=False))
    try:
        with listening:
            asyncio.run(_run(server, listening, desk, secret, url, attached))
    except KeyboardInterrupt:
        pass  # how it is meant to end
    finally:
        desk.close()


async def _run(
    server: uvicorn.Server, listening: socket.socket, desk: Desk, secret: str, url: str, attached: bool
) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    pulling = asyncio.create_task(desk.pull_when_due())
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if attached and desk.address is not None:
            await asyncio.to_thread(_attach_at, desk.address, desk.project, url, secret)
        desk.say(f"Serving {desk.stage().version} at {url}. Stop with Ctrl-C.")
        await serving
    finally:
        server.should_exit = True
        pulling.cancel()
        await asyncio.gather(serving, pulling, return_exceptions=True)


def _attach_at(address: Address, project: str, url: str, secret: str) -> None:
    with connect(address) as server:
        attach(server, project, url, secret)
