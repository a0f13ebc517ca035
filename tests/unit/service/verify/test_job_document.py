from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from service.contract.errors import InvalidField
from service.verify.comparison import Comparison
from service.verify.job_document import find_contradictions, read_job_document

FILES = {"image": b"a", "mask": b"b", "output": b"cc"}
FOUND = Comparison(3100, 0, 0, None, 70, 50, (20, 10, 40, 30))


def digest(name: str) -> str:
    return hashlib.sha256(FILES[name]).hexdigest()


def job_of(proof: dict[str, Any], output: dict[str, Any], effective: dict[str, Any]) -> bytes:
    """Return the document of a job that says what was found, but for some changes."""
    whole = {
        "kept_pixels": 3100,
        "kept_pixels_changed": 0,
        "max_difference": 0,
        "touched_box": [20, 10, 40, 30],
        "band_pixels": 0,
        "image_sha256": digest("image"),
        "mask_sha256": digest("mask"),
        "output_sha256": digest("output"),
        **proof,
    }
    file = {"index": 0, "sha256": digest("output"), "width": 70, "height": 50, "bytes": 2}
    mask = {"coverage": 400 / 3500, "box": [20, 10, 40, 30], "components": 1, **effective}
    job = {
        "operation": "inpaint",
        "params": {},
        "mask": {"coverage": 0.1, "box": [21, 11, 39, 29], "effective": mask},
        "outputs": [{**file, "proof": whole, **output}],
    }
    return json.dumps(job).encode()


def find(**changes: dict[str, Any]) -> list[str]:
    given: dict[str, dict[str, Any]] = {"proof": {}, "output": {}, "effective": {}, **changes}
    return find_contradictions(read_job_document(job_of(**given)), FOUND, FILES)


def test_read_job_document_refuses_what_is_no_finished_job() -> None:
    for document in (b"{", b"[]", json.dumps({"id": "job_1"}).encode()):
        with pytest.raises(InvalidField, match="cannot be read"):
            read_job_document(document)
    with pytest.raises(InvalidField, match="no outputs"):
        read_job_document(b'{"operation": "inpaint", "params": {}, "outputs": []}')


def test_read_job_document_refuses_a_job_that_painted_nothing() -> None:
    document = json.loads(job_of({}, {}, {})) | {"operation": "mask"}
    with pytest.raises(InvalidField, match="painted nothing"):
        read_job_document(json.dumps(document).encode())


def test_find_contradictions_finds_none_where_nothing_was_found_to_paint() -> None:
    nothing = {"touched_box": [0, 0, 0, 0]}
    effective = {"coverage": 0.0, "box": [0, 0, 0, 0], "components": 0, "found": []}
    document = read_job_document(job_of({**nothing, "kept_pixels": 3500}, {}, effective))
    found = Comparison(3500, 0, 0, None, 70, 50, None)
    assert find_contradictions(document, found, FILES) == []


def test_document_of_an_inpainting_has_no_placement() -> None:
    with pytest.raises(InvalidField, match="no geometry"):
        read_job_document(job_of({}, {}, {})).placement()


def test_find_contradictions_finds_none_where_all_is_true() -> None:
    assert not find()


@pytest.mark.parametrize(
    ("part", "name", "stated"),
    [
        ("proof", "kept_pixels", 3099),
        ("proof", "kept_pixels_changed", 1),
        ("proof", "max_difference", 1),
        ("proof", "band_pixels", 1),
        ("proof", "touched_box", [20, 10, 40, 31]),
        ("proof", "image_sha256", "11"),
        ("proof", "mask_sha256", None),
        ("proof", "output_sha256", "33"),
        ("output", "width", 71),
        ("output", "height", 51),
        ("output", "bytes", 3),
        ("effective", "coverage", 0.2),
        ("effective", "box", [20, 10, 40, 31]),
    ],
)
def test_find_contradictions_finds_each(part: str, name: str, stated: object) -> None:
    prefix = "mask.effective." if part == "effective" else ""
    [fault] = find(**{part: {name: stated}})
    assert fault.startswith(f"{prefix}{name} is ")
    assert fault.endswith(f", but the job document says {stated}")


def test_find_contradictions_returns_what_another_file_contradicts() -> None:
    faults = find(output={"sha256": "00", "bytes": 3}, proof={"touched_box": [0, 0, 1, 1]})
    told = [fault.split(" is ")[0] for fault in faults]
    assert told == ["the result", "touched_box"]
