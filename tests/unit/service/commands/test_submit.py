"""Output of `paintjob submit`."""

from __future__ import annotations

import pytest
import typer

from service.api.openapi.job_examples import build_job_example
from service.client import Job
from service.commands.submit import describe_proof, parse_lora


def test_line_about_a_proof_explains_what_a_lossy_format_changed() -> None:
    document = build_job_example("inpaint", "succeeded")
    job = Job.model_validate(document)
    assert "lossy" not in describe_proof(job)
    (output, *_) = document["outputs"]
    output["format"], output["proof"]["kept_pixels_changed"] = "jpeg", 5
    told = describe_proof(Job.model_validate(document))
    assert told.endswith("changed: 5 (jpeg is lossy; png keeps all)")


def test_a_lora_is_a_name_and_perhaps_a_scale() -> None:
    assert parse_lora("snow") == {"name": "snow"}
    assert parse_lora("snow:-0.5") == {"name": "snow", "scale": -0.5}
    with pytest.raises(typer.BadParameter, match="NAME or NAME:SCALE"):
        parse_lora("snow:much")
