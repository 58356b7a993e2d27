"""Where Label Studio gets the films of its tasks from: the dataset's own files, a folder of the web, or an S3 store.

A store holds the films by their paths in the dataset, such as `clips/VIDEO/CLIP.mp4`. Into an S3 store they are copied here; a
folder of the web is filled by whoever runs it, and looked at here, so that no annotator meets a film that doesn't play.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import httpx
from tqdm import tqdm

from annotate.server import DOCUMENT_ROOT, ONCE, Server, explained
from manifests.errors import BadInput, Unavailable

__all__ = ["FilmStore", "LocalFilms", "S3Films", "Showing", "WebFilms", "film_store"]

_LOOKED_AT = 20
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

Addresses = Callable[[Path], str]
"""The address of a film, given by its path in the dataset, as a task names it."""


@dataclass(frozen=True)
class Showing:
    """A project of a Label Studio, and the folder of the dataset whose films it shows."""

    server: Server
    project_id: int
    dataset: Path
    quiet: bool = False


class FilmStore(Protocol):
    """Where films are served from."""

    def open(self, project: Showing, paths: Sequence[Path]) -> Addresses:
        """Let a project's annotators see these films.

        Args:
            paths: of the films, in the dataset's folder.

        Raises:
            BadInput: a film is not where it is looked for.
            Unavailable: the store or the server fails us.
        """


def film_store(where: str) -> FilmStore:
    """The store of this address: "https://…", "s3://bucket/…", or nothing for the dataset's own files.

    Raises:
        BadInput: it is none of these.
    """
    parts = urlsplit(where)
    if not where:
        return LocalFilms()
    if parts.scheme in ("http", "https") and parts.netloc and not (parts.query or parts.fragment or parts.password):
        return WebFilms(where.rstrip("/"))
    if parts.scheme == "s3" and parts.netloc and not (parts.query or parts.fragment or "@" in parts.netloc):
        return S3Films(parts.netloc, parts.path.strip("/"))
    raise BadInput(
        f"--films {where}: write https://HOST/FOLDER or s3://BUCKET/FOLDER, without a password or a query, or local for the "
        "dataset's own files."
    )


@dataclass(frozen=True)
class LocalFilms:
    """The dataset's own files, under the folder that the server serves."""

    def open(self, project: Showing, paths: Sequence[Path]) -> Addresses:
        """See `FilmStore.open`."""
        root = _document_root(project.server, project.dataset)
        for folder in sorted({path.parts[0] for path in paths} | {"clips"}):
            _serve(project.server, project.project_id, project.dataset / folder)
        return lambda path: f"/data/local-files/?d={quote((project.dataset / path).relative_to(root).as_posix())}"


@dataclass(frozen=True)
class WebFilms:
    """A folder of the web, which the annotators' browsers read themselves."""

    url: str

    def open(self, project: Showing, paths: Sequence[Path]) -> Addresses:
        """See `FilmStore.open`.

        Some films, evenly spread, are looked at: whether they are there, whole, can be sought in, and shown on another site's page.
        """
        origin = urlsplit(project.server.url)
        spread = paths[:: max(1, len(paths) // _LOOKED_AT)]
        with httpx.Client(timeout=30, follow_redirects=True) as client:
            for path in spread:
                self._look(client, path, (project.dataset / path).stat().st_size, f"{origin.scheme}://{origin.netloc}")
        return self._address

    def _address(self, path: Path) -> str:
        return f"{self.url}/{quote(path.as_posix())}"

    def _look(self, client: httpx.Client, path: Path, size: int, origin: str) -> None:
        url = self._address(path)
        try:
            # Streamed, for a server without ranges sends the whole film.
            with client.stream("GET", url, headers={"Range": "bytes=0-0", "Origin": origin}) as answer:
                status, total = answer.status_code, answer.headers.get("Content-Range", "").rpartition("/")[2]
                allowed = answer.headers.get("Access-Control-Allow-Origin", "")
        except httpx.HTTPError as error:
            raise Unavailable(f"{url} can't be reached ({type(error).__name__}: {error}).") from error
        if status == httpx.codes.OK:
            raise BadInput(
                f"{url} is sent whole though a part was asked for, so nobody could move on its timeline. Serve the folder with a "
                "server that knows ranges, such as nginx or Apache."
            )
        if status != httpx.codes.PARTIAL_CONTENT:
            raise BadInput(
                f"{url} answers {status}. Copy the dataset's clips/ and windows/ to where {self.url} leads, for instance by rsync, "
                "and push again."
            )
        if total != str(size):
            raise BadInput(f"{url} has {total} bytes, the dataset's file {size}. Copy it there again.")
        if allowed not in ("*", origin):
            raise BadInput(
                f"{url} may not be shown on the pages of {origin}, so browsers would not play it. Have its server send "
                f"“Access-Control-Allow-Origin: {origin}” (nginx: add_header; Apache: Header set)."
            )


@dataclass(frozen=True)
class S3Films:
    """An S3-compatible store, from which Label Studio passes films on.

    The keys are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment, the store AWS_ENDPOINT_URL (Amazon's own where it
    isn't set). Label Studio keeps the keys too, so they should open nothing but this bucket.
    """

    bucket: str
    folder: str = ""

    def open(self, project: Showing, paths: Sequence[Path]) -> Addresses:
        """See `FilmStore.open`. Films that the store lacks, or has in another size, are copied into it."""
        client = _s3_client()
        with _explained_s3(self.name):
            there = self._sizes(client)
            missing = [path for path in paths if there.get(self._key(path)) != (project.dataset / path).stat().st_size]
            for path in tqdm(missing, desc="films", unit="film", disable=project.quiet or None):
                client.upload_file(
                    str(project.dataset / path), self.bucket, self._key(path), ExtraArgs={"ContentType": "video/mp4"}
                )
        self._let_read(project.server, project.project_id)
        return lambda path: f"s3://{self.bucket}/{self._key(path)}"

    def remove(self, named: Callable[[str], bool]) -> int:
        """Delete the films whose path in the dataset is so named; returns how many.

        Raises:
            Unavailable: the store fails us.
        """
        client = _s3_client()
        before = len(self._key(Path()))
        with _explained_s3(self.name):
            gone = [key for key in self._sizes(client) if named(key[before:])]
            for key in gone:
                client.delete_object(Bucket=self.bucket, Key=key)
        return len(gone)

    @property
    def name(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.folder}"

    def _key(self, path: Path) -> str:
        folder = f"{self.folder}/" if self.folder else ""
        return folder + ("" if path == Path() else path.as_posix())

    def _sizes(self, client: Any) -> dict[str, int]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self._key(Path()))
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}

    def _let_read(self, server: Server, project_id: int) -> None:
        """Tell the project of the bucket; what it knew of it before is brought up to date, for keys change."""
        given: dict[str, Any] = {
            "bucket": self.bucket,
            "prefix": self.folder,
            "aws_access_key_id": os.environ.get("AWS_ACCESS_KEY_ID", ""),
            "aws_secret_access_key": os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
            "aws_session_token": os.environ.get("AWS_SESSION_TOKEN", ""),
            "region_name": os.environ.get("AWS_DEFAULT_REGION", ""),
            "s3endpoint": _endpoint() or "",
            # Label Studio passes the films on itself: a signed address would have browsers ask the store, which wants a rule
            # for other sites' pages in every bucket, and a store that annotators can reach.
            "presign": False,
            "use_blob_urls": True,
            "title": self.name,
        }
        storages = server.client.import_storage.s3
        with explained(server.url):
            for known in storages.list(project=project_id):
                if known.title == self.name:
                    storages.update(id=known.id, **given)
                    return
            # Never synchronised: that would add a second task for each film.
            storages.create(project=project_id, request_options=ONCE, **given)


def _document_root(server: Server, dataset: Path) -> Path:
    if server.document_root is None:
        raise Unavailable(
            f"Set {DOCUMENT_ROOT} to the folder that Label Studio serves local files from: the same value that its server has. "
            "The dataset must lie in it. (Or serve the films from elsewhere: --films.)"
        )
    root = server.document_root.resolve()
    folder = (dataset / "clips").resolve()
    if not folder.is_relative_to(root):
        raise BadInput(
            f"{folder} does not lie inside {root}, from which Label Studio serves files. Start it with {DOCUMENT_ROOT} set to "
            "the dataset's folder or one above, or serve the films from elsewhere (--films)."
        )
    return root


def _serve(server: Server, project_id: int, folder: Path) -> None:
    """Let the project's annotators see the files in `folder`."""
    folder = folder.resolve()
    with explained(server.url):
        storages = server.client.import_storage.local.list(project=project_id)
        if not any(Path(storage.path or "") == folder for storage in storages):
            # Never synchronised: that would add a second task for each file.
            server.client.import_storage.local.create(
                project=project_id, path=str(folder), use_blob_urls=True, title=folder.name, request_options=ONCE
            )


def _endpoint() -> str | None:
    return next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)


def _s3_client() -> Any:
    try:
        boto3 = import_module("boto3")
    except ImportError as error:
        raise Unavailable("Films on an S3 store need boto3: pip install 'mgcollect[s3]'") from error
    with _explained_s3("The store"):
        return boto3.Session().client("s3", endpoint_url=_endpoint())


@contextmanager
def _explained_s3(name: str) -> Iterator[None]:
    """Turn the store's refusals into errors that say what to do."""
    errors = import_module("botocore.exceptions")
    transfer = import_module("boto3.exceptions")
    try:
        yield
    except (errors.BotoCoreError, errors.ClientError, transfer.Boto3Error, ValueError) as error:
        said: Mapping[str, Any] = getattr(error, "response", {}).get("Error", {})
        raise Unavailable(
            f"{name}: {said.get('Message') or error} Check the bucket, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and "
            "AWS_ENDPOINT_URL where the store isn't Amazon's."
        ) from error
