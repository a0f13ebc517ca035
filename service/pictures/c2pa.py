"""C2PA manifests of results, read offline. Reading them needs the extra `provenance`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from service.contract.geometry import Box
from service.contract.jobs import Proof

# By default the library contacts hosts that the file names, which a sender could choose.
OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
"""Settings with which the library opens no connection."""

PROOF: Final = "paintjob.proof"
"""Parameter of the action that holds the proof in a signed manifest."""

_LABEL: Final = b"c2pa.claim"
"""Label of the claim, which every embedded manifest holds as plain bytes."""

State = Literal["trusted", "valid", "invalid", "unread"]

_STATES: Final[Mapping[str | None, State]] = {"Trusted": "trusted", "Valid": "valid"}


@dataclass(frozen=True)
class Manifest:
    """The checked manifest of a file.

    Attributes:
        state: `valid`: the file is unchanged since it was signed; `trusted`: valid, and signed by a
            trusted signer; `invalid`: it was changed; `unread`: the library is not installed.
        signer: name in the certificate.
        failures: codes of the checks that failed.
        source_type: URI of the digital source type in its actions.
        proof: its proof of kept pixels, if Paintjob signed it.
    """

    state: State
    signer: str | None = None
    failures: tuple[str, ...] = ()
    source_type: str | None = None
    proof: Proof | None = None


class _SignedProof(BaseModel):
    # A later release may add fields that this one cannot check.
    model_config = ConfigDict(frozen=True, extra="ignore")

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    touched_box: Box
    band_pixels: int = 0
    image_sha256: str | None = None
    mask_sha256: str | None = None


def write_proof(proof: Proof) -> dict[str, Any]:
    """Return a proof as a manifest holds it: without the digest of the file that it is part of."""
    fields = proof.model_dump(exclude={"output_sha256", "touched_box"}, exclude_none=True)
    # Not a list: the library reads lists of small numbers as bytes.
    left, top, right, bottom = proof.touched_box
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return fields | {"touched_box": box.model_dump()}


def read_manifest(data: bytes, media_type: str, anchors: str | None = None) -> Manifest | None:
    """Read and check the manifest of a file without opening a connection.

    Args:
        data: the file.
        media_type: such as `image/png`.
        anchors: certificates of trusted signers, in PEM; without any, no signer is trusted.

    Returns:
        The manifest; `None` if the file has none.
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
    return _summarize(state, report)


def _summarize(state: str | None, report: Mapping[str, Any]) -> Manifest:
    active = report["manifests"][report["active_manifest"]]
    actions = list(_iter_actions(active))
    types = (action.get("digitalSourceType") for action in actions)
    proofs = (_find_proof(action) for action in actions)
    signature = active.get("signature_info", {})
    failures = [each["code"] for each in report.get("validation_status", ())]
    return Manifest(
        _STATES.get(state, "invalid"),
        signature.get("common_name") or signature.get("issuer"),
        # That the signer is not trusted is in the state.
        tuple(code for code in failures if code != "signingCredential.untrusted"),
        next((found for found in types if found), None),
        next((found for found in proofs if found), None),
    )


def _iter_actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in manifest.get("assertions", ()):
        if assertion["label"].startswith("c2pa.actions"):
            yield from assertion["data"].get("actions", ())


def _find_proof(action: Mapping[str, Any]) -> Proof | None:
    """Return the proof that an action holds; `None` if it has none, or one that cannot be read."""
    try:
        found = _SignedProof.model_validate(action.get("parameters", {})[PROOF])
    except (KeyError, ValidationError):
        return None
    return Proof.model_validate(found.model_dump() | {"touched_box": found.touched_box.as_list()})
