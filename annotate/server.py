"""The connection to a Label Studio server: where it is, who we are there, and what its refusals mean.

The address, the token and the folder from which the server serves files come from the environment: LABEL_STUDIO_URL,
LABEL_STUDIO_API_KEY (a legacy token or a personal access token) and LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT. The token is
never an argument of a command, and stands in no message.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from manifests.errors import BadInput, Unavailable

__all__ = [
    "DOCUMENT_ROOT",
    "KEY",
    "ONCE",
    "URL",
    "Address",
    "Server",
    "ServerAway",
    "address_from_env",
    "connect",
    "explained",
]

URL = "LABEL_STUDIO_URL"
KEY = "LABEL_STUDIO_API_KEY"
DOCUMENT_ROOT = "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT"

_OLDEST = (1, 23, 1)  # older servers drop predictions on a timeline without a word
_TIMEOUT_S = 60.0
_RETRIES = 4  # by the SDK, with exponential back-off, on 429, 5xx and a connection that breaks

ONCE: dict[str, Any] = {"max_retries": 0}
"""Request options for what must not be sent twice: a lost reply doesn't tell whether it was done."""


class ServerAway(Unavailable):
    """The server doesn't answer, or not now; the same request may succeed later."""


@dataclass(frozen=True)
class Address:
    """Where a Label Studio is and how to enter.

    Attributes:
        url: such as "http://127.0.0.1:8080".
        token: kept out of every text made of this.
        document_root: the folder that the server serves local files from; None where it isn't known.
    """

    url: str
    token: str = field(repr=False)
    document_root: Path | None = None


@dataclass(frozen=True)
class Server:
    """A server that answered and knows us. Close it, or use it in a `with`.

    Attributes:
        client: a `label_studio_sdk.LabelStudio`; its generated types don't fit its own answers.
        user_id: whom the token belongs to.
        version: of the server, such as "1.23.2".
    """

    url: str
    client: Any = field(repr=False)
    document_root: Path | None
    user_id: int
    version: str
    _http: httpx.Client = field(repr=False)

    def close(self) -> None:
        """Close the connections to it."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def address_from_env() -> Address:
    """The address that the environment names.

    Raises:
        Unavailable: the address or the token is missing.
    """
    url, token = os.environ.get(URL, "").strip(), os.environ.get(KEY, "").strip()
    missing = " and ".join(name for name, value in ((URL, url), (KEY, token)) if not value)
    if missing:
        raise Unavailable(
            f"No Label Studio is configured: set {missing}. Its token stands under Account & Settings in Label Studio; "
            "`make label-studio` starts one on this machine and says what to set."
        )
    root = os.environ.get(DOCUMENT_ROOT, "").strip()
    return Address(url.rstrip("/"), token, Path(root).expanduser() if root else None)


def connect(address: Address | None = None, *, retries: int = _RETRIES) -> Server:
    """Reach a server, the environment's unless given, and check that it is new enough and knows us.

    Raises:
        BadInput: the address is no web address.
        Unavailable: nothing answers, it is no Label Studio, it is too old, or the token is refused.
    """
    address = address or address_from_env()
    parts = urlsplit(address.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(f"{URL}={address.url!r} is no web address. Write something like http://127.0.0.1:8080.")
    # A proxy of the environment can't reach this machine's own loopback.
    http = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=True, trust_env=not _is_loopback(parts.hostname))
    try:
        with explained(address.url):
            options: dict[str, Any] = {"base_url": address.url, "api_key": address.token}
            client = cast(Any, LabelStudio)(**options, max_retries=retries, httpx_client=http)
            version = _version(address.url, client)
            user_id = int(client.users.whoami().id)
    except BaseException:
        http.close()
        raise
    return Server(address.url, client, address.document_root, user_id, version, http)


@contextmanager
def connected(server: Server | None) -> Iterator[Server]:
    """The server that was given, left open; or else the environment's, closed in the end.

    Raises:
        BadInput, Unavailable: as `connect`.
    """
    if server is not None:
        yield server
        return
    with connect() as own:
        yield own


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn what the SDK raises while talking to the server at `url` into errors of ours.

    Raises:
        ServerAway: it doesn't answer, or answers that it can't now.
        Unavailable: it refuses; the message says what to do.
    """
    try:
        yield
    except ApiError as error:
        if error.status_code == 429 or (error.status_code or 0) >= 500:
            raise ServerAway(
                f"Label Studio at {url} answers with status {error.status_code}, again and again. Look at its log, then run "
                "the same command again: it goes on where it stopped."
            ) from error
        raise Unavailable(_explain(url, error.status_code, error.body)) from error
    except httpx.TimeoutException as error:
        raise ServerAway(
            f"Label Studio at {url} did not answer within {_TIMEOUT_S:.0f} s. Look at its log, then run again."
        ) from error
    except httpx.ConnectError as error:
        raise ServerAway(f"Nothing answers at {url}. Start Label Studio there, or correct {URL}.") from error
    except httpx.TransportError as error:
        raise ServerAway(
            f"Label Studio at {url} broke the connection ({type(error).__name__}). See that it runs, then run the same "
            "command again: it goes on where it stopped."
        ) from error


def _version(url: str, client: Any) -> str:
    try:
        release = getattr(client.versions.get(), "release", None)
    except TypeError:  # JSON, but no object
        release = None
    if not isinstance(release, str):
        raise Unavailable(f"What answers at {url} is no Label Studio. Correct {URL}.")
    numbers = tuple(int(number) for number in re.findall(r"\d+", release)[:3])
    if numbers < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        raise Unavailable(
            f"Label Studio at {url} is {release}; {needed} or newer is needed, because older ones lose predictions."
        )
    return release


def _explain(url: str, status: int | None, body: Any) -> str:
    detail = _detail(body)
    if status is not None and status < 300:  # the SDK could not read it as JSON
        return f"What answers at {url} is no Label Studio. Correct {URL}."
    if status == 401 and "legacy" in detail:
        return (
            f"Label Studio at {url} takes no legacy tokens: put a personal access token into {KEY} "
            "(Account & Settings, Personal Access Token), or have its owner allow legacy tokens (Organization, API Tokens Settings)."
        )
    if status == 401:
        return f"Label Studio at {url} refuses the token in {KEY}. Copy it again from Account & Settings."
    if status == 403:
        return f"Label Studio at {url} doesn't allow this to the owner of the token in {KEY}: {detail}"
    if status == 404:
        return f"Label Studio at {url} has no such thing: {detail}"
    return f"Label Studio at {url} refuses with status {status}: {detail}"


def _detail(body: Any) -> str:
    if isinstance(body, dict):
        # Django's REST framework says it in `detail`; what is wrong with which field in `validation_errors`.
        body = body.get("validation_errors") or body.get("detail") or body
    return " ".join(str(body).split())[:500]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
