"""Films from a folder of the web and from an S3 store: real servers on this machine, and a real Label Studio that shows them."""

from __future__ import annotations

import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest

from annotate.crowd_design import CrowdDesign, read_design
from annotate.films import LocalFilms, S3Films, Showing, WebFilms, film_store
from annotate.project import open_project, tasks_of
from annotate.push import push
from annotate.server import Server, connect
from annotate.withdraw import withdraw
from manifests.errors import BadInput, Unavailable
from mgcollect.rights import forget_in
from tests.annotate.browser import labelling_page
from tests.annotate.datasets import dataset, proposal, table
from tests.manifests import samples

KEYS = {"AWS_ACCESS_KEY_ID": "key-of-the-test", "AWS_SECRET_ACCESS_KEY": "secret-of-the-test"}


def test_addresses():
    assert film_store("") == LocalFilms()
    assert film_store("https://media.example.org/press/") == WebFilms("https://media.example.org/press")
    assert film_store("s3://press/dataset/one/") == S3Films("press", "dataset/one")
    assert film_store("s3://press") == S3Films("press")
    for wrong in (
        "ftp://media",
        "https://",
        "https://a:b@media/x",
        "s3://",
        "s3://key:secret@press",
        "https://a/b?c=d",
        "clips",
    ):
        with pytest.raises(BadInput, match="--films"):
            film_store(wrong)
    with pytest.raises(BadInput, match="--films"):
        CrowdDesign(films="clips")


# --- a folder of the web ------------------------------------------------------------------------------------------------


class WholeFiles(http.server.SimpleHTTPRequestHandler):
    """Python's own: it sends whole files, whatever was asked for."""

    def log_message(self, *_: object) -> None:
        pass


class Parts(WholeFiles):
    """Answers `Range: bytes=A-B` with that part, to any site's pages."""

    allows = "*"

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        content = path.read_bytes()
        part = content[int(first) : int(last) + 1 if last else None]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        if self.allows:
            self.send_header("Access-Control-Allow-Origin", self.allows)
        self.end_headers()
        self.wfile.write(part)


class OwnPagesOnly(Parts):
    """As a server does that nobody told of Label Studio."""

    allows = ""


@pytest.fixture
def web(request, tmp_path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "web"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(request.param, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("web", [Parts], indirect=True)
def test_films_from_the_web(label_studio, request, tmp_path, web):
    url, folder = web
    design = CrowdDesign(films=url)
    with dataset(tmp_path / "d", ["a b", "c"], []) as workspace, connect(label_studio.address()) as server:
        title = request.node.name[:50]
        with pytest.raises(BadInput, match=r"404.*rsync"):
            push(workspace, project=title, design=design, server=server, quiet=True)
        (folder / "clips").symlink_to(tmp_path / "d" / "clips")
        assert push(workspace, project=title, design=design, server=server, quiet=True).tasks_added == 2
        # The folder of the dataset lies outside what Label Studio serves, and that doesn't matter.
        found = {task.clip_id: task.data["video"] for task in tasks_of(server, open_project(server, title).id)}
        assert found["a b"] == f"{url}/clips/v1/a%20b.mp4"
        assert read_design(workspace).films == url
        # What was pushed stays where it is, and the next push needs no option.
        assert push(workspace, project=title, server=server, quiet=True).tasks_added == 0
        (folder / "clips").unlink()
        (folder / "clips" / "v1").mkdir(parents=True)
        for clip in ("a b", "c"):
            (folder / "clips" / "v1" / f"{clip}.mp4").write_bytes(b"half")
        with pytest.raises(BadInput, match="has 4 bytes, the dataset's file"):
            push(workspace, project=title, server=server, quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("web", [Parts], indirect=True)
def test_a_browser_plays_them(label_studio, request, tmp_path, web):
    url, folder = web
    with (
        dataset(folder, ["c0"], [proposal("c0", 5, 20, "head_up")]) as workspace,
        connect(label_studio.address()) as server,
    ):
        report = push(
            workspace, project=request.node.name[:50], design=CrowdDesign(films=url), server=server, quiet=True
        )
        (task,) = tasks_of(server, report.project_id)
        with labelling_page(label_studio.url, label_studio.users["annotator-1"], tmp_path / "profile") as page:
            page.open(f"{report.url}/data?task={task.task_id}", regions=1)
            assert page.film("currentSrc") == f"{url}/clips/v1/c0.mp4"
            page.play(0.2)


@pytest.fixture
def elsewhere(label_studio) -> Iterator[Server]:
    with connect(label_studio.address()) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("web", "message"),
    [
        (WholeFiles, "sent whole"),
        (OwnPagesOnly, r"browsers would not play it.*Access-Control-Allow-Origin: http://127"),
    ],
    indirect=["web"],
)
def test_a_server_that_browsers_cannot_use_is_refused(elsewhere, web, message):
    url, folder = web
    (folder / "c.mp4").write_bytes(b"film")
    with pytest.raises(BadInput, match=message):
        WebFilms(url).open(Showing(elsewhere, 0, folder), [Path("c.mp4")])


@pytest.mark.slow
def test_nobody_listens(elsewhere, tmp_path):
    (tmp_path / "c.mp4").write_bytes(b"film")
    with pytest.raises(Unavailable, match="can't be reached"):
        WebFilms("http://127.0.0.1:9").open(Showing(elsewhere, 0, tmp_path), [Path("c.mp4")])


# --- an S3 store --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A server that speaks S3, on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:  # as long as a busy machine takes; pytest's own limit ends it
            try:
                httpx.get(url, trust_env=False, timeout=60)
                break
            except httpx.TransportError:
                assert process.poll() is None, "the server ended"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def bucket(store, monkeypatch, request) -> Iterator[tuple[str, object]]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": store, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    name = request.node.name.replace("_", "-")[:50]
    client.create_bucket(Bucket=name)
    yield name, client
    client.close()


@pytest.mark.slow
def test_films_from_an_s3_store(label_studio, request, tmp_path, bucket):
    name, client = bucket
    design, title = CrowdDesign(films=f"s3://{name}/press one"), request.node.name[:50]

    def stored() -> dict[str, int]:
        listed = client.list_objects_v2(Bucket=name).get("Contents", ())
        return {item["Key"]: item["Size"] for item in listed}

    # The server is shared with other files' tests, whose clips are called otherwise: a withdrawal goes by clip.
    with dataset(tmp_path / "d", ["s3-a", "s3-b"], []) as workspace, connect(label_studio.address()) as server:
        report = push(workspace, project=title, design=design, server=server, quiet=True)
        assert report.tasks_added == 2
        size = (tmp_path / "d" / "clips" / "v1" / "s3-a.mp4").stat().st_size
        assert stored() == {f"press one/clips/v1/{clip}.mp4": size for clip in ("s3-a", "s3-b")}
        # What is there already isn't sent again; what is there in another size is.
        client.put_object(Bucket=name, Key="press one/clips/v1/s3-b.mp4", Body=b"half")
        before = client.head_object(Bucket=name, Key="press one/clips/v1/s3-a.mp4")["LastModified"]
        assert push(workspace, project=title, server=server, quiet=True).tasks_added == 0
        assert stored()["press one/clips/v1/s3-b.mp4"] == size
        assert client.head_object(Bucket=name, Key="press one/clips/v1/s3-a.mp4")["LastModified"] == before
        # An annotator gets the film, though the bucket is nobody's to read.
        number = open_project(server, title).id
        assert len(server.client.import_storage.s3.list(project=number)) == 1
        annotator = label_studio.address("annotator-1")
        headers = {"Authorization": f"Token {annotator.token}"}
        task = next(task for task in tasks_of(server, number) if task.clip_id == "s3-a")
        shown = httpx.get(
            f"{annotator.url}/api/tasks/{task.task_id}", headers=headers, trust_env=False, timeout=60
        ).json()
        address = shown["data"]["video"]
        address = address if address.startswith("http") else annotator.url + address
        film = httpx.get(address, headers=headers | {"Range": "bytes=0-9"}, trust_env=False, timeout=60)
        assert (film.status_code, len(film.content)) == (206, 10), "passed on by Label Studio, part by part"
        # No secret stands in the dataset.
        for path in (tmp_path / "d").rglob("*"):
            if path.is_file():
                assert KEYS["AWS_SECRET_ACCESS_KEY"].encode() not in path.read_bytes(), path
        # Forgetting reaches the store and the tasks.
        workspace.write("videos", table("videos", [samples.video("v1", player_id="P0001")]))
        gone = forget_in(workspace, video="v1")
        assert stored() == {}
        assert any("2 films" in line for line in gone.left)
        assert withdraw(server, {"s3-a"}, set()).tasks == 1


def test_a_wrong_bucket_is_named(tmp_path, bucket, monkeypatch):
    (tmp_path / "c.mp4").write_bytes(b"film")
    with pytest.raises(Unavailable, match=r"s3://no-such-bucket.*AWS_ACCESS_KEY_ID"):
        S3Films("no-such-bucket", "x").open(Showing(None, 0, tmp_path), [Path("c.mp4")])
    for key in KEYS:
        monkeypatch.delenv(key)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="AWS_ACCESS_KEY_ID"):
        S3Films(bucket[0], "x").open(Showing(None, 0, tmp_path), [Path("c.mp4")])
