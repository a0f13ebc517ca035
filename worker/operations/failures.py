"""What went wrong, as the job tells it and as the log tells it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

import structlog

from service.contract.errors import Internal, OutOfMemory, PaintjobError
from service.contract.jobs import JobFailure
from worker.reporting import ClaimedJob

log = structlog.get_logger()


def describe_failure(error: Exception) -> JobFailure:
    """Give the failure that a caller sees; the unforeseen is told without its particulars."""
    known = _to_known(error)
    return JobFailure(
        code=known.code, title=known.title, detail=known.detail, retryable=known.retryable
    )


def log_failure(error: Exception, rows: Sequence[ClaimedJob]) -> None:
    """Log a failure: a line if it was foreseen, else with its traceback; prompts never."""
    job_ids = [row.job_id for row in rows]
    if isinstance(error, PaintjobError) and error.__cause__ is None:
        log.info("painting_failed", job_ids=job_ids, code=error.code)
        return
    text = _traceback_without_prompts(error, rows)
    log.error("painting_failed", job_ids=job_ids, traceback=text)


def _to_known(error: Exception) -> PaintjobError:
    if isinstance(error, PaintjobError):
        return error
    if isinstance(error, MemoryError):
        return OutOfMemory("the worker's memory does not hold this picture")
    return Internal("something unforeseen went wrong while painting")


def _traceback_without_prompts(error: Exception, rows: Sequence[ClaimedJob]) -> str:
    text = "".join(traceback.format_exception(error))
    for row in rows:
        for prompt in (row.spec.params.prompt, row.spec.params.negative_prompt):
            if prompt:
                text = text.replace(prompt, "[prompt]")
    return text
