"""Bodies that are accepted, for the OpenAPI document: one for each form of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.api.openapi.data import load_documents
from service.contract.params import Operation


def get_samples() -> Mapping[str, str]:
    """Return pictures as base64: gray, and black with a white square."""
    samples: Mapping[str, str] = load_documents()["samples"]
    return samples


def get_examples() -> Mapping[Operation, Mapping[str, dict[str, Any]]]:
    """Return the fields of bodies besides the picture, by operation and name."""
    bodies: Mapping[Operation, Mapping[str, dict[str, Any]]] = load_documents()["bodies"]
    return bodies


def build_example(operation: Operation, name: str = "smallest") -> dict[str, Any]:
    """Return a JSON body that is accepted."""
    return {"image": get_samples()["image"], **get_examples()[operation][name]}
