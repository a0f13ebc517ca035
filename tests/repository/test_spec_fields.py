"""The fields of a job's spec, which two releases share: no change of them goes unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from service.contract.jobs import SCHEMA, JobSpec

FILE = Path(__file__).with_name("spec_fields.json")

ADVICE = f"""
A job's spec has other fields than {FILE.name} has for schema {SCHEMA}, and two releases share specs
while a deployment is upgraded (docs/adr/0034-two-releases.md). If a worker of the release before,
which ignores fields that it does not know, would paint such a job in another way: raise SCHEMA and
add the number to KNOWN_SCHEMAS. Then write the list anew:
    python -m tests.repository.test_spec_fields"""


def _find_fields() -> Iterator[str]:
    schema = JobSpec.model_json_schema()
    for name, model in {"JobSpec": schema, **schema["$defs"]}.items():
        yield from (f"{name}.{field}" for field in model.get("properties", {}))
        yield from (f"{name}={value}" for value in model.get("enum", ()))


def _describe() -> dict[str, object]:
    return {"schema": SCHEMA, "fields": sorted(_find_fields())}


def test_fields_of_a_spec_are_those_of_its_schema() -> None:
    assert json.loads(FILE.read_text()) == _describe(), ADVICE


if __name__ == "__main__":
    FILE.write_text(json.dumps(_describe(), indent=1) + "\n")
