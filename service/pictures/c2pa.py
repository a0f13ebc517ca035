"""C2PA manifests, read from results offline. Reading needs the extra `provenance`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.contract.geometry import Box
from service.contract.jobs import Proof

# By default the library asks hosts that the file names: whoever sends a picture could choose them.
OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
"""Settings of the library with which it opens no connection."""

PROOF: Final = "paintjob.proof"
"""Parameter of the action under which a signed manifest tells the proof."""

_LABEL: Final = b"c2pa.claim"
"""What every embedded manifest is known by: its claim's label, which is stored in the clear."""

State = Literal["trusted", "valid", "invalid", "unread"]

_STATES: Final[Mapping[str | None, State]] = {"Trusted": "trusted", "Valid": "valid"}


@dataclass(frozen=True)
class Manifest:
    """What a file's manifest comes to.

    Attributes:
        state: `valid`: the file is as it was signed; `trusted`: likewise, by somebody who is
            trusted; `invalid`: it is not; `unread`: the library is not installed.
        signer: whom the certificate names.
        failures: codes of what does not hold.
        source_type: URI of the digital source type that its actions tell.
        proof: what it says of kept pixels, where Paintjob has signed it.
    """

    state: State
    signer: str | None = None
    failures: tuple[str, ...] = ()
    source_type: str | None = None
    proof: Proof | None = None


class _SignedProof(BaseModel):
    # A later release may say more than this one can check.
    model_config = ConfigDict(frozen=True, extra="ignore")

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    touched_box: Box
    band_pixels: int = 0
    image_sha256: str | None = None
    mask_sha256: str | None = None


def write_proof(proof: Proof) -> dict[str, Any]:
    """Give a proof as a manifest tells it: without the digest of the file that it stands in."""
    told = proof.model_dump(exclude={"output_sha256", "touched_box"}, exclude_none=True)
    # Not as a list: the library takes lists of small numbers for bytes.
    left, top, right, bottom = proof.touched_box
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return told | {"touched_box": box.model_dump()}


def read_manifest(data: bytes, media_type: str, anchors: str | None = None) -> Manifest | None:
    """Read and check a file's manifest, opening no connection; `None` if it has none.

    Args:
        data: the file.
        media_type: such as `image/png`.
        anchors: certificates in PEM of whom to trust; without any, nobody is.
    """
    if _LABEL not in data:
        return None
    try:
        import c2pa  # type: ignore[import-untyped]
    except ImportError:
        return Manifest("unread")
    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    try:
        context = c2pa.Context.from_dict(OFFLINE | trust)
        with c2pa.Reader(media_type, BytesIO(data), context=context) as reader:
            state, report = reader.get_validation_state(), json.loads(reader.json())
    except c2pa.C2paError as error:
        return Manifest("invalid", failures=(str(error).partition(":")[0],))
    return _sum_up(state, report)


def _sum_up(state: str | None, report: Mapping[str, Any]) -> Manifest:
    active = report["manifests"][report["active_manifest"]]
    actions = list(_iter_actions(active))
    types = (action.get("digitalSourceType") for action in actions)
    proofs = (_find_proof(action) for action in actions)
    signature = active.get("signature_info", {})
    told = [each["code"] for each in report.get("validation_status", ())]
    return Manifest(
        _STATES.get(state, "invalid"),
        signature.get("common_name") or signature.get("issuer"),
        # That nobody vouches for the signer is said by the state.
        tuple(code for code in told if code != "signingCredential.untrusted"),
        next((found for found in types if found), None),
        next((found for found in proofs if found), None),
    )


def _iter_actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in manifest.get("assertions", ()):
        if assertion["label"].startswith("c2pa.actions"):
            yield from assertion["data"].get("actions", ())


def _find_proof(action: Mapping[str, Any]) -> Proof | None:
    """Give the proof that an action tells; one that cannot be read is none."""
    try:
        found = _SignedProof.model_validate(action.get("parameters", {})[PROOF])
    except (KeyError, ValidationError):
        return None
    return Proof.model_validate(found.model_dump() | {"touched_box": found.touched_box.as_list()})
