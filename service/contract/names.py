"""Names that both processes and the broker use: queues, keys, blob paths, identifiers."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import MutableMapping

RUN_JOB = "worker.tasks.run_job"
"""The function that wake-ups name. It is never run: workers claim from the records."""

CPU_QUEUE = "paint-cpu"
"""Queue of the weight-free methods."""

DEFAULT_NAMESPACE = "{paintjob}"
DEFAULT_TENANT = "default"

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = "[0-9A-HJKMNP-TV-Z]{26}"
_JOB_ID = re.compile(f"job_{_ULID}")
BATCH_PREFIX = "batch_"

_BATCH_ID = re.compile(f"{BATCH_PREFIX}{_ULID}")
_UPLOAD_ID = re.compile(f"upl_{_ULID}")


def gpu_queue(model_group: str) -> str:
    """Return the queue of the models that one worker can hold together."""
    return f"paint-gpu:{model_group}"


def new_job_id() -> str:
    """Draw a job id: `job_` and a ULID, so that ids sort by time.

    Source: https://github.com/ulid/spec
    """
    return "job_" + _draw_ulid()


def new_batch_id() -> str:
    """Draw a batch's id: `batch_` and a ULID."""
    return BATCH_PREFIX + _draw_ulid()


def new_upload_id() -> str:
    """Draw the id of a picture that is uploaded once and used by several jobs."""
    return "upl_" + _draw_ulid()


def _draw_ulid() -> str:
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def is_job_id(text: str) -> bool:
    """Return whether a text has the form of a job id."""
    return _JOB_ID.fullmatch(text) is not None


def is_batch_id(text: str) -> bool:
    """Return whether a text has the form of a batch's id."""
    return _BATCH_ID.fullmatch(text) is not None


def is_upload_id(text: str) -> bool:
    """Return whether a text has the form of an upload's id."""
    return _UPLOAD_ID.fullmatch(text) is not None


def new_token() -> str:
    """Draw a claim's id; it fences the claim's writes and names its blobs."""
    return secrets.token_hex(12)


def rq_prefix(namespace: str) -> str:
    """Return the prefix of RQ's own keys; it shares the hash tag, so that one slot holds all."""
    return f"{namespace}:rq"


def rq_list(namespace: str, queue: str) -> str:
    """Return the key of RQ's list of the wake-ups of a queue."""
    return f"{rq_prefix(namespace)}:queue:{queue}"


def export_rq_prefix(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set RQ's key prefix from the namespace; call it before rq is first imported.

    RQ reads `RQ_KEY_PREFIX` once, at import, so an entry module calls this above its other imports.
    """
    environ["RQ_KEY_PREFIX"] = rq_prefix(environ.get("PAINTJOB_NAMESPACE", DEFAULT_NAMESPACE))


def job_prefix(job_id: str) -> str:
    """Return the blob prefix that holds all of a job, with the closing slash."""
    return f"jobs/{job_id}/"


def input_path(job_id: str, name: str) -> str:
    """Return the blob path of an input (`image`, `mask`)."""
    return f"{job_prefix(job_id)}input/{name}"


def owner_of(path: str) -> str:
    """Return the id of the job or the upload that a blob belongs to."""
    return path.split("/")[1]


def claim_prefix(job_id: str, token: str) -> str:
    """Return the blob prefix of what one claim wrote, with the closing slash."""
    return f"{job_prefix(job_id)}{token}/"


def output_path(job_id: str, token: str, index: int, extension: str) -> str:
    """Return the blob path of one output."""
    return f"{claim_prefix(job_id, token)}{index}.{extension}"


def resized_path(job_id: str, token: str, index: int, extension: str) -> str:
    """Return the blob path of the resized copy of one output."""
    return f"{claim_prefix(job_id, token)}{index}-resized.{extension}"


def preview_path(job_id: str, token: str, number: int) -> str:
    """Return the blob path of a claim's preview, a JPEG.

    Two names take turns: the record changes with every preview, and no more than two are kept.
    """
    return f"{claim_prefix(job_id, token)}preview-{number % 2}.jpg"


def mask_path(job_id: str, token: str) -> str:
    """Return the blob path of the effective mask, a PNG."""
    return f"{claim_prefix(job_id, token)}mask.png"
