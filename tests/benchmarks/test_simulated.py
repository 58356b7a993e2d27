"""The corpus that is scored where no release is given: a real release, and called simulated wherever it is named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.rebuilt import rebuilt
from benchmarks.simulated import Size, simulated_release
from benchmarks.suite import benchmark
from manifests.checks import verify
from manifests.errors import BadInput
from manifests.release import open_release

SMALL = Size(people=4, videos=4, minutes=1.0, seed=3)


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    return simulated_release(tmp_path_factory.mktemp("simulated"), SMALL, quiet=True)


def test_it_is_a_release_that_verifies_and_has_what_every_task_needs(release):
    assert not verify(release).findings
    opened = open_release(release)
    assert "nobody was filmed" in opened.info["note"]
    assert opened.table("players").num_rows == 4
    assert set(opened.table("videos")["platform"].to_pylist()) == {"simulated"}
    assert all(opened.table(name).num_rows for name in ("gestures", "proposals", "splits"))


def test_it_is_used_again_and_another_size_is_another_release(release):
    folder, digest = release.parent, open_release(release).digest
    marker = (release / "SHA256SUMS").stat().st_mtime_ns
    assert simulated_release(folder, SMALL, quiet=True) == release
    assert (release / "SHA256SUMS").stat().st_mtime_ns == marker
    assert [path.name for path in folder.iterdir()] == [release.name]  # the dataset it was built from is gone
    other = simulated_release(folder, Size(people=4, videos=4, minutes=1.0, seed=4), quiet=True)
    assert open_release(other).digest != digest


def test_the_same_seed_gives_the_same_bytes_after_a_run_that_was_cut_off(release, tmp_path):
    left = tmp_path / f".{release.name}.dataset" / "tables"
    left.mkdir(parents=True)
    (left / "videos.parquet").write_bytes(b"half a file")
    again = simulated_release(tmp_path, SMALL, quiet=True)
    assert open_release(again).digest == open_release(release).digest


def test_its_splits_are_drawn_again_from_it_by_its_seed(release, tmp_path):
    said, wrong = rebuilt(open_release(release))
    assert (said, wrong) == ("drawn again by seed 3, people included: the same", None)

    copy = tmp_path / "copy"
    shutil.copytree(release, copy)
    (path,) = (copy / "data" / "splits").glob("*.parquet")
    rows = pq.read_table(path).to_pylist()
    first = next(row for row in rows if row["protocol"] == "retrieval" and row["part"] == "query")
    first["part"] = "gallery"
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    said, wrong = rebuilt(open_release(copy))
    assert said == "drawn again by seed 3, people included: retrieval not the same"
    assert f"retrieval: 1 of {len(rows):,} rows differ" in wrong


def test_every_heading_says_simulated(release, tmp_path):
    report = benchmark(release, tmp_path / "out", methods=["majority"], seeds=1, quiet=True)
    assert report.run["splits"].endswith(": the same")
    markdown = (tmp_path / "out" / "report.md").read_text()
    page = (tmp_path / "out" / "report.html").read_text()
    headings = re.findall(r"^#+ (.*)$", markdown, re.M) + re.findall(r"<h[12][^>]*>(.*?)</h[12]>", page)
    assert len(headings) >= 8
    assert all(heading.startswith("Simulated corpus: ") for heading in headings)
    assert report.summary().startswith("Simulated corpus: benchmark of release")


def test_out_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Exception, match="file"):
        simulated_release(tmp_path / "file" / "below", SMALL, quiet=True)


def test_a_size_out_of_range(tmp_path):
    with pytest.raises(BadInput, match="at least one of each"):
        simulated_release(tmp_path, Size(people=0), quiet=True)


def test_copying_the_folder_keeps_the_digest(release, tmp_path):
    shutil.copytree(release, tmp_path / "copy")
    assert open_release(tmp_path / "copy").digest == open_release(release).digest
