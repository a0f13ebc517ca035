"""Output of `paintjob submit`."""

from __future__ import annotations

from service.api.openapi.job_examples import build_job_example
from service.client import Job
from service.commands.submit import describe_proof


def test_line_about_a_proof_explains_what_a_lossy_format_changed() -> None:
    document = build_job_example("inpaint", "succeeded")
    job = Job.model_validate(document)
    assert "lossy" not in describe_proof(job)
    (output, *_) = document["outputs"]
    output["format"], output["proof"]["kept_pixels_changed"] = "jpeg", 5
    told = describe_proof(Job.model_validate(document))
    assert told.endswith("changed: 5 (jpeg is lossy; png keeps all)")
