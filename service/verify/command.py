"""`paintjob verify`: check offline that every kept pixel of a result is the original's.

And tell what the result's file says of how it came to be.
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
    Claims,
    find_broken_signature,
    find_contradictions,
    read_claims,
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
    typer.Option(help="The effective mask, as links.mask gives it, or one that was not grown."),
]
PolarityOption = Annotated[
    Polarity | None, typer.Option(help="Which end was repainted; white_repaints by default.")
]
Threshold = Annotated[
    int | None, typer.Option(min=1, max=255, help="Luminance of white; 128 by default.")
]
Offset = Annotated[
    int | None, typer.Option(min=0, help="Where the original lies on an outpainted result.")
]
Overlap = Annotated[
    int | None, typer.Option(min=0, help="Band inside each extended side that may differ.")
]
JobFile = Annotated[
    Path | None, typer.Option(help="The job's JSON: gives geometry, digests and claims to check.")
]
TrustFile = Annotated[
    Path | None, typer.Option(help="Certificates (PEM) of whom to trust as signers by C2PA.")
]
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
    """Check offline that every kept pixel of RESULT is ORIGINAL's, color and alpha.

    An inpainted result needs --mask, an outpainted one --left and --top, or else --job.

    Exit status 0: proven. 1: a pixel or a claim differs, or a signature does not hold. 2: they
    cannot be compared, or nothing was to be kept.
    """
    reading = {"--mask-polarity": mask_polarity, "--mask-threshold": mask_threshold}
    placing = {"--left": left, "--top": top, "--overlap": overlap}
    _check_options(mask, job, reading, placing)
    try:
        claims = None if job is None else read_claims(job.read_bytes())
        before, after = original.read_bytes(), result.read_bytes()
        hole = None if mask is None else mask.read_bytes()
        if hole is None:
            given = Placement(left or 0, top or 0, overlap or 0)
            found = compare_outpainted(before, after, _place(claims, given))
        else:
            _check_is_inpainted(claims)
            polarity: MaskPolarity = (
                "black_repaints" if mask_polarity is Polarity.BLACK else "white_repaints"
            )
            threshold = mask_threshold or DEFAULT_THRESHOLD
            found = compare_inpainted(before, after, hole, polarity, threshold)
        files = {"image": before, "mask": hole, "output": after}
        faults = [] if claims is None else find_contradictions(claims, found, files)
        origin = read_provenance(after, None if trust is None else _read_anchors(trust))
        if origin.manifest is not None:
            faults += find_broken_signature(origin.manifest, found, files)
    except (PaintjobError, OSError) as error:
        _give_up(str(error), as_json)
    _tell(found, faults, origin, as_json)
    raise typer.Exit(CHANGED if found.kept_pixels_changed or faults else PROVEN)


def _check_options(
    mask: Path | None,
    job: Path | None,
    reading: Mapping[str, Polarity | int | None],
    placing: Mapping[str, int | None],
) -> None:
    """Refuse options that do not go together.

    Raises:
        typer.BadParameter: they do not.
    """
    read = [name for name, value in reading.items() if value is not None]
    placed = [name for name, value in placing.items() if value is not None]
    if job is not None and (read or placed):
        raise typer.BadParameter(f"--job says this already: {', '.join(read + placed)}")
    if mask is not None and placed:
        raise typer.BadParameter(f"--mask is for inpainted results; not so {', '.join(placed)}")
    if mask is None and read:
        raise typer.BadParameter(f"without --mask there is no use for {', '.join(read)}")
    if mask is None and job is None and placed in ([], ["--overlap"]):
        raise typer.BadParameter("say what was kept: --mask, --left and --top, or --job")


def _read_anchors(file: Path) -> str:
    """Read the certificates of whom to trust.

    Raises:
        OSError: the file cannot be read.
        InvalidField: it holds none.
    """
    text = file.read_bytes().decode(errors="replace")
    if "BEGIN CERTIFICATE" not in text:
        raise InvalidField("--trust names a file without certificates in PEM")
    return text


def _place(claims: Claims | None, given: Placement) -> Placement:
    """Give where the original lies: by the job if there is one, else as given.

    Raises:
        InvalidField: the job has inpainted.
    """
    if claims is None:
        return given
    if claims.operation == "inpaint":
        raise InvalidField("the job has inpainted: give its effective mask, from links.mask")
    return claims.placement()


def _check_is_inpainted(claims: Claims | None) -> None:
    """Refuse a mask for an outpainted result.

    Raises:
        InvalidField: the job has outpainted.
    """
    if claims is not None and claims.operation == "outpaint":
        raise InvalidField("the job has outpainted: its geometry says what was kept, not a mask")


def _tell(found: Comparison, faults: list[str], origin: Provenance, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        proven = not found.kept_pixels_changed and not faults
        told = {"contradictions": faults, "digital_source_type": origin.source_type}
        manifest = None if origin.manifest is None else _describe(origin.manifest)
        typer.echo(json.dumps({"proven": proven, **asdict(found), **told, "manifest": manifest}))
        return
    typer.echo(f"kept pixels:         {found.kept_pixels}")
    if found.band_pixels:
        typer.echo(f"in the band:         {found.band_pixels}")
    typer.echo(f"changed:             {found.kept_pixels_changed}")
    typer.echo(f"largest difference:  {found.max_difference}")
    if found.changed_box is not None:
        typer.echo(f"they lie within:     {list(found.changed_box)}")
    if origin.source_type is not None:
        typer.echo(f"digital source type: {origin.source_type}")
    if origin.manifest is not None:
        _tell_manifest(origin.manifest)
    for note in found.notes:
        typer.echo(f"note:                {note}")
    for fault in faults:
        typer.echo(f"contradiction:       {fault}")


def _tell_manifest(manifest: Manifest) -> None:
    """Print what the result's manifest comes to."""
    if manifest.state == "unread":
        typer.echo("C2PA manifest:       there; reading it needs paintjob[provenance]")
        return
    typer.echo(
        f"C2PA manifest:       {manifest.state}, signed by {manifest.signer or 'nobody known'}"
    )
    if manifest.source_type is not None:
        typer.echo(f"signed source type:  {manifest.source_type}")


def _describe(manifest: Manifest) -> dict[str, Any]:
    """Give a manifest for machines."""
    proof = None if manifest.proof is None else manifest.proof.model_dump(exclude={"output_sha256"})
    told = {"state": manifest.state, "signer": manifest.signer, "failures": manifest.failures}
    return {**told, "digital_source_type": manifest.source_type, "proof": proof}


def _give_up(reason: str, as_json: bool) -> NoReturn:
    """Say why nothing can be compared."""
    if as_json:
        typer.echo(json.dumps({"proven": None, "reason": reason}))
    else:
        typer.echo(f"paintjob: cannot be compared: {reason}", err=True)
    raise typer.Exit(INCOMPARABLE)
