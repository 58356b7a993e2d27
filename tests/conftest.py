"""What tests of several rooms share: one real Label Studio for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

from annotate.local_server import LocalLabelStudio, find_executable
from manifests.errors import Unavailable

# A busy machine takes as long as it takes.
settings.register_profile("mgcollect", deadline=None)
settings.load_profile("mgcollect")


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLabelStudio]:
    """A running Label Studio; the datasets that a test pushes lie under its `document_root`."""
    try:
        executable = find_executable()
    except Unavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("label-studio")
    root = folder / "files"
    root.mkdir()
    with LocalLabelStudio(
        folder / "server", document_root=root, executable=executable, port=0, calls_loopback=True
    ) as server:
        yield server
