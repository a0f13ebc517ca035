"""`paintjob verify`: checks offline that a result kept every pixel that it had to keep.

It also prints the provenance in the result's file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from service.contract.errors import InvalidField, PaintjobError
from service.contract.params import MaskPolarity
from service.pictures.c2pa import Manifest
from service.pictures.masks import DEFAULT_THRESHOLD
from service.verify.comparison import (
    Comparison,
    Placement,
    compare_inpainted,
    compare_outpainted,
)
from service.verify.job_document import (
    JobDocument,
    find_broken_signature,
    find_contradictions,
    read_job_document,
)
from service.verify.provenance import Provenance, read_provenance

PROVEN, CHANGED, INCOMPARABLE = 0, 1, 2
"""Exit statuses."""


class Polarity(StrEnum):
    """Which end of the mask was repainted."""

    WHITE = "white_repaints"
    BLACK = "black_repaints"


PictureFile = Annotated[Path, typer.Argument(help="The picture that was sent.", dir_okay=False)]
ResultFile = Annotated[Path, typer.Argument(help="The picture that came back.", dir_okay=False)]
MaskFile = Annotated[
    Path | None,
    typer.Option(help="The effective mask, from links.mask, or a mask sent without grow."),
]
PolarityOption = Annotated[
    Polarity | None, typer.Option(help="Which end was repainted; white_repaints by default.")
]
Threshold = Annotated[
    int | None, typer.Option(min=1, max=255, help="Luminance of white; 128 by default.")
]
Offset = Annotated[
    int | None, typer.Option(min=0, help="Position of the original on an outpainted result.")
]
Overlap = Annotated[
    int | None, typer.Option(min=0, help="Band inside each extended side that may differ.")
]
JobFile = Annotated[
    Path | None,
    typer.Option(help="The job document (JSON): geometry, digests and proofs to check."),
]
TrustFile = Annotated[Path | None, typer.Option(help="Certificates (PEM) of trusted C2PA signers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def verify(
    original: PictureFile,
    result: ResultFile,
    mask: MaskFile = None,
    mask_polarity: PolarityOption = None,
    mask_threshold: Threshold = None,
    left: Offset = None,
    top: Offset = None,
    overlap: Overlap = None,
    job: JobFile = None,
    trust: TrustFile = None,
    as_json: AsJson = False,
) -> None:
    """Check offline that every kept pixel of RESULT equals ORIGINAL's, color and alpha.

    An inpainted result needs --mask, an outpainted one --left and --top, or --job.

    Exit status 0: proven; with --job also a lossy result whose changes are those that the document
    states. 1: a pixel or a value of the job document differs, or a signature is not valid. 2: the
    files cannot be compared, or nothing was kept.
    """
    reading = {"--mask-polarity": mask_polarity, "--mask-threshold": mask_threshold}
    placing = {"--left": left, "--top": top, "--overlap": overlap}
    _check_options(mask, job, reading, placing)
    try:
        document = None if job is None else read_job_document(job.read_bytes())
        before, after = original.read_bytes(), result.read_bytes()
        hole = None if mask is None else mask.read_bytes()
        if hole is None:
            given = Placement(left or 0, top or 0, overlap or 0)
            found = compare_outpainted(before, after, _place(document, given))
        else:
            _check_is_inpainted(document)
            polarity: MaskPolarity = (
                "black_repaints" if mask_polarity is Polarity.BLACK else "white_repaints"
            )
            threshold = mask_threshold or DEFAULT_THRESHOLD
            found = compare_inpainted(before, after, hole, polarity, threshold)
        files = {"image": before, "mask": hole, "output": after}
        faults = [] if document is None else find_contradictions(document, found, files)
        origin = read_provenance(after, None if trust is None else _read_anchors(trust))
        if origin.manifest is not None:
            faults += find_broken_signature(origin.manifest, found, files)
    except (PaintjobError, OSError) as error:
        _exit_incomparable(str(error), as_json)
    _print(found, faults, origin, None if document is None else not faults, as_json)
    is_kept = not found.kept_pixels_changed or (document is not None and document.is_lossy)
    raise typer.Exit(PROVEN if is_kept and not faults else CHANGED)


def _check_options(
    mask: Path | None,
    job: Path | None,
    reading: Mapping[str, Polarity | int | None],
    placing: Mapping[str, int | None],
) -> None:
    """Check that the options go together.

    Raises:
        typer.BadParameter: they do not.
    """
    read = [name for name, value in reading.items() if value is not None]
    placed = [name for name, value in placing.items() if value is not None]
    if job is not None and (read or placed):
        raise typer.BadParameter(f"--job contains {', '.join(read + placed)}; leave them out")
    if mask is not None and placed:
        raise typer.BadParameter(f"--mask is for inpainted results, not {', '.join(placed)}")
    if mask is None and read:
        raise typer.BadParameter(f"{', '.join(read)} can only be used with --mask")
    if mask is None and job is None and placed in ([], ["--overlap"]):
        raise typer.BadParameter("give --mask, --left and --top, or --job, to say what was kept")


def _read_anchors(file: Path) -> str:
    """Read the certificates of trusted signers.

    Raises:
        OSError: the file cannot be read.
        InvalidField: it holds none.
    """
    text = file.read_bytes().decode(errors="replace")
    if "BEGIN CERTIFICATE" not in text:
        raise InvalidField("the file of --trust contains no certificate in PEM")
    return text


def _place(document: JobDocument | None, given: Placement) -> Placement:
    """Return where the original lies: by the job document if there is one, else as given.

    Raises:
        InvalidField: the job is an inpainting.
    """
    if document is None:
        return given
    if document.operation == "inpaint":
        raise InvalidField("the job is an inpainting: give its effective mask, from links.mask")
    return document.placement()


def _check_is_inpainted(document: JobDocument | None) -> None:
    """Check that a result compared by a mask is not of an outpainting.

    Raises:
        InvalidField: it is.
    """
    if document is not None and document.operation == "outpaint":
        raise InvalidField("the job is an outpainting: leave out --mask, its geometry is enough")


def _print(
    found: Comparison,
    faults: list[str],
    origin: Provenance,
    is_as_stated: bool | None,
    as_json: bool,
) -> None:
    """Print what was found; `is_as_stated` is None without a job document."""
    if as_json:
        proven = not found.kept_pixels_changed and not faults
        further = {
            "as_stated": is_as_stated,
            "contradictions": faults,
            "digital_source_type": origin.source_type,
        }
        manifest = None if origin.manifest is None else _describe(origin.manifest)
        typer.echo(json.dumps({"proven": proven, **asdict(found), **further, "manifest": manifest}))
        return
    typer.echo(f"kept pixels:         {found.kept_pixels}")
    if found.band_pixels:
        typer.echo(f"in the band:         {found.band_pixels}")
    typer.echo(f"changed:             {found.kept_pixels_changed}")
    typer.echo(f"largest difference:  {found.max_difference}")
    if found.changed_box is not None:
        typer.echo(f"within the box:      {list(found.changed_box)}")
    if origin.source_type is not None:
        typer.echo(f"digital source type: {origin.source_type}")
    if origin.manifest is not None:
        _print_manifest(origin.manifest)
    for note in found.notes:
        typer.echo(f"note:                {note}")
    for fault in faults:
        typer.echo(f"contradiction:       {fault}")


def _print_manifest(manifest: Manifest) -> None:
    """Print the checked manifest."""
    if manifest.state == "unread":
        typer.echo("C2PA manifest:       present; to read it, install paintjob[provenance]")
        return
    typer.echo(
        f"C2PA manifest:       {manifest.state}, signed by {manifest.signer or 'an unknown signer'}"
    )
    if manifest.source_type is not None:
        typer.echo(f"signed source type:  {manifest.source_type}")


def _describe(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as JSON."""
    proof = None if manifest.proof is None else manifest.proof.model_dump(exclude={"output_sha256"})
    fields = {"state": manifest.state, "signer": manifest.signer, "failures": manifest.failures}
    return {**fields, "digital_source_type": manifest.source_type, "proof": proof}


def _exit_incomparable(reason: str, as_json: bool) -> NoReturn:
    """Print why the files cannot be compared, and exit."""
    if as_json:
        typer.echo(json.dumps({"proven": None, "reason": reason}))
    else:
        typer.echo(f"paintjob: the files cannot be compared: {reason}", err=True)
    raise typer.Exit(INCOMPARABLE)
