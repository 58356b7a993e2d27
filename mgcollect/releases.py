"""release: build one, verify one, compare two, take one from another format or give one in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manifests.errors import BadInput
from manifests.workspace import Workspace, open_workspace
from mgcollect.options import Dataset, EngineOption, Out, Quiet, ReleaseDir, RetryOption, Workers
from mgcollect.show import console, show_build, show_stage, show_verify
from mgcollect.show_releases import show_anonymity, show_diff, show_export, show_warnings

__all__ = ["add_to", "newest_release"]


def build(
    version: Annotated[str, typer.Option("--version", help="Three numbers, such as 1.0.0.")],
    dataset: Dataset = Path("dataset"),
    out: Out = None,
    license_file: Annotated[Path | None, typer.Option("--license-file", help="The terms to publish under.")] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What every reader must know; stands in the README.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    subjects: Annotated[
        Path | None,
        typer.Option("--subjects", help="CSV of who is in train, val and test: player_id,part (unless given: drawn)."),
    ] = None,
    with_clips: Annotated[
        bool, typer.Option("--with-clips", help="Put the clips in; without it no pixel leaves the dataset.")
    ] = False,
    blur: Annotated[
        bool, typer.Option("--blur-faces", help="Hide the player's face in every frame of the clips.")
    ] = False,
    coarsen: Annotated[
        list[str] | None,
        typer.Option(
            "--coarsen", help="Say less of people: gender, country, birth_year, birth_year:5 or :10; may be repeated."
        ),
    ] = None,
    engine: EngineOption = "local",
    workers: Workers = 1,
    retry: RetryOption = None,
    quiet: Quiet = False,
) -> None:
    """Write the agreed labels, poses and splits as Parquet with checksums: no names; pixels with --with-clips only.

    --engine, --workers and --retry are for --blur-faces.

    Example:  mgcollect release build --version 1.0.0
    """
    from manifests.release_build import build as run

    if blur and not with_clips:
        raise BadInput("--blur-faces hides faces in clips, and without --with-clips there are none in the release.")
    with open_workspace(dataset) as workspace:
        if blur:
            _blur(workspace, engine, workers, retry, quiet)
        report = run(
            workspace,
            version,
            out=out,
            license_file=license_file,
            note=note,
            seed=seed,
            subjects=subjects,
            pixels="blurred" if blur else "clips" if with_clips else "none",
            coarsen=coarsen or (),
            quiet=quiet,
        )
    if not quiet:
        show_build(report)
        show_anonymity(report.anonymity)


def _blur(workspace: Workspace, engine: str, workers: int, retry: str | None, quiet: bool) -> None:
    from collector.blur import blur_faces
    from collector.engine import parse_retry

    report = blur_faces(workspace, engine=engine, workers=workers, retry=parse_retry(retry), quiet=quiet)
    if not quiet or report.failed:
        show_stage(report)
    if report.failed:
        console.print("Nothing was released: a clip that couldn't be blurred must not be.")
        raise typer.Exit(report.exit_code)


def verify(
    release: Annotated[
        Path | None, typer.Argument(help="The release's folder (unless given: the dataset's newest).")
    ] = None,
    dataset: Dataset = Path("dataset"),
    quiet: Quiet = False,
) -> None:
    """Check a release: checksums, schemas, references, ranges, frames; people, footage and outcomes of its parts; leaks.

    Example:  mgcollect release verify dataset/releases/1.0.0
    """
    from collector.released import clip_frames
    from manifests.checks import verify as run

    report = run(release or newest_release(dataset), {"clip frames": clip_frames})
    if not quiet or report.findings:
        show_verify(report)
    if not quiet:
        show_warnings(report)
        show_anonymity(report.anonymity)
    raise typer.Exit(report.exit_code)


def diff(
    a: Annotated[Path, typer.Argument(help="The earlier release's folder.")],
    b: Annotated[Path, typer.Argument(help="The later release's folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Every change as a row: a .parquet or a .json file.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Say what changed between two releases: rows added, removed and changed, and in which columns.

    Example:  mgcollect release diff dataset/releases/1.0.0 dataset/releases/1.1.0 --out changes.parquet
    """
    from manifests.diff import diff as run
    from manifests.diff import write_diff

    found = run(a, b)
    if out is not None:
        write_diff(found, out)
    if not quiet:
        show_diff(found)


_FORMATS = "imigue, smg, pyskl, openpose, mmpose, coco_wholebody or elan."
Format = Annotated[str, typer.Argument(metavar="FORMAT", help=_FORMATS)]


def import_(
    format: Format,
    path: Annotated[Path, typer.Argument(help="The data set's file or folder.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the release to write.")],
    version: Annotated[str, typer.Option("--version", help="Three numbers, such as 1.0.0.")] = "1.0.0",
    fps: Annotated[
        str | None, typer.Option("--fps", help="Frames a second where the files don't say: 25 or 30000/1001.")
    ] = None,
    width: Annotated[int, typer.Option(min=0, help="Of the picture, in pixels.")] = 0,
    height: Annotated[int, typer.Option(min=0, help="Of the picture, in pixels.")] = 0,
    skeleton: Annotated[str | None, typer.Option(help="Joint set of the poses, such as coco17.")] = None,
    unit: Annotated[str | None, typer.Option(help="Of the coordinates: pixel, metre, arbitrary, or body.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Text file with the class names, one a line, in their order.")
    ] = None,
    license_file: Annotated[Path | None, typer.Option("--license-file", help="The terms to publish under.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What every reader must know.")] = None,
    quiet: Quiet = False,
) -> None:
    """Make a release of a data set in another format: imigue, smg, pyskl, openpose, mmpose, coco_wholebody, elan.

    Example:  mgcollect release import pyskl ntu60_hrnet.pkl --out ntu60 --fps 30 --skeleton coco17
    """
    from manifests.importers.convert import import_release
    from manifests.importers.options import reading_of

    reading = reading_of(fps=fps, width=width, height=height, skeleton=skeleton, unit=unit, labels=labels)
    report = import_release(
        format, path, out, version=version, reading=reading, license_file=license_file, note=note, quiet=quiet
    )
    if not quiet:
        show_build(report)


def export(
    format: Format,
    release: ReleaseDir,
    out: Annotated[Path, typer.Option("--out", help="A new folder; a .pkl for pyskl, a .json for coco_wholebody.")],
    quiet: Quiet = False,
) -> None:
    """Write a release's clips, poses and labels in another format, as far as that has a place for them.

    Example:  mgcollect release export pyskl dataset/releases/1.0.0 --out gestures.pkl
    """
    from manifests.importers.convert import export_release

    report = export_release(format, release, out, quiet=quiet)
    if not quiet:
        show_export(report)


def newest_release(dataset: Path) -> Path:
    """Folder of the newest release in a dataset.

    Raises:
        BadInput: there is no dataset, or no release in it.
    """
    with open_workspace(dataset) as workspace:
        releases = [path.parent.parent for path in (workspace.root / "releases").glob("*.*.*/meta/info.json")]
    if not releases:
        raise BadInput(f"{dataset}: no release here. Build one with `mgcollect release build --version 1.0.0`.")
    return max(releases, key=lambda path: [int(number) for number in path.name.split(".")])


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    group = typer.Typer(
        help="Build a release, verify and compare, and convert from and to other formats.", no_args_is_help=True
    )
    for command in (build, verify, diff, export):
        group.command()(command)
    group.command("import")(import_)
    app.add_typer(group, name="release")
