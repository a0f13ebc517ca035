"""Build the C2PA manifest of an output: its input, the actions, and the proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.contract.geometry import Box
from service.contract.jobs import Proof
from service.contract.version import get_version
from service.pictures.c2pa import PROOF, write_proof
from worker.operations.preparation import Prepared

INGREDIENT: Final = "source"
"""Name of the input in a manifest's actions."""

OPENED: Final = {"action": "c2pa.opened", "parameters": {"ingredientIds": [INGREDIENT]}}
"""The first action of every manifest."""


@dataclass(frozen=True)
class File:
    """A picture's file.

    Attributes:
        data: its bytes.
        media_type: such as `image/png`.
    """

    data: bytes
    media_type: str


def make_manifest(title: str, actions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a manifest definition.

    Args:
        title: what the file is called.
        actions: what was done, in order.

    Source: C2PA specification 2.4, 10 (claims).
    """
    return {
        "claim_generator_info": [{"name": "Paintjob", "version": get_version()}],
        "title": title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": list(actions)}}],
    }


def describe_actions(prepared: Prepared, source_type: str, proof: Proof) -> list[Mapping[str, Any]]:
    """Return the actions that led from the input to one output, in order.

    The touched box, and the proof in the action's parameters, are signed along with the rest.

    Args:
        prepared: the job.
        source_type: URI of the digital source type.
        proof: of the output as it was before it is signed.

    Source: C2PA specification 2.4, 18.15 (actions) and 18.2 (regions of interest).
    """
    edited = _describe_edit(prepared, source_type)
    edited["changes"] = [{"region": [_describe_region(prepared, proof)]}]
    edited["parameters"][PROOF] = write_proof(proof)
    return [OPENED, edited]


def describe_resized(prepared: Prepared, source_type: str) -> list[Mapping[str, Any]]:
    """Return the actions that led from the input to the resized copy of an output, in order.

    Args:
        prepared: the job.
        source_type: URI of the digital source type.
    """
    return [OPENED, _describe_edit(prepared, source_type), {"action": "c2pa.resized"}]


def _describe_edit(prepared: Prepared, source_type: str) -> dict[str, Any]:
    spec = prepared.job.spec
    parameters = {"paintjob.operation": str(spec.operation), "paintjob.method": spec.method}
    if spec.model is not None:
        parameters["paintjob.model"] = spec.model
    return {
        "action": "c2pa.edited",
        "digitalSourceType": source_type,
        "softwareAgent": {"name": "Paintjob", "version": get_version()},
        "parameters": parameters,
    }


def _describe_region(prepared: Prepared, proof: Proof) -> dict[str, Any]:
    """Return where was painted: within a box, or in outpainting all around what is kept."""
    if prepared.geometry is not None:
        return _describe_box(prepared.geometry.original, is_inside=False)
    left, top, right, bottom = proof.touched_box
    return _describe_box(Box(left=left, top=top, right=right, bottom=bottom), is_inside=True)


def _describe_box(box: Box, *, is_inside: bool) -> dict[str, Any]:
    shape = {
        "type": "rectangle",
        "unit": "pixel",
        "origin": {"x": box.left, "y": box.top},
        "width": box.width,
        "height": box.height,
        "inside": is_inside,
    }
    return {"type": "spatial", "shape": shape}
