"""Describe a failure for the job document and for the log."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import cv2
import structlog

from service.contract.errors import Internal, OutOfMemory, PaintjobError
from service.contract.jobs import JobFailure
from service.contract.params import MaskParams
from worker.reporting import ClaimedJob

log = structlog.get_logger()


def describe_failure(error: Exception) -> JobFailure:
    """Return the failure that a caller sees; an unexpected error without its details."""
    known = _to_known(error)
    return JobFailure(
        code=known.code, title=known.title, detail=known.detail, retryable=known.retryable
    )


def log_failure(error: Exception, jobs: Sequence[ClaimedJob]) -> None:
    """Log a failure: one line if it was expected, else with its traceback; never a prompt."""
    job_ids = [job.job_id for job in jobs]
    if isinstance(error, PaintjobError) and error.__cause__ is None:
        log.info("painting_failed", job_ids=job_ids, code=error.code)
        return
    text = _traceback_without_prompts(error, jobs)
    log.error("painting_failed", job_ids=job_ids, traceback=text)


def _to_known(error: Exception) -> PaintjobError:
    if isinstance(error, PaintjobError):
        return error
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return OutOfMemory("the worker's memory does not hold this picture")
    return Internal("an unexpected error occurred while painting")


def _is_out_of_memory(error: Exception) -> bool:
    # OpenCV raises an error of its own where numpy raises MemoryError.
    return isinstance(error, cv2.error) and error.code == cv2.Error.StsNoMem


def _traceback_without_prompts(error: Exception, jobs: Sequence[ClaimedJob]) -> str:
    text = "".join(traceback.format_exception(error))
    for job in jobs:
        if isinstance(job.spec.params, MaskParams):
            continue
        for prompt in (job.spec.params.prompt, job.spec.params.negative_prompt):
            if prompt:
                text = text.replace(prompt, "[prompt]")
    return text
