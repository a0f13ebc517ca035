"""Webhooks of jobs and batches, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from service.api.openapi.parameters import describe_header

_HEADERS = {
    "webhook-id": "The same in every try of one event.",
    "webhook-timestamp": "Seconds since 1970 of this try.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64 over id, timestamp and body, joined "
    "by dots; one for each active key, separated by spaces.",
}


def describe_webhooks() -> dict[str, Any]:
    """Describe the requests to a receiver, and its possible responses."""
    return {
        "jobChanged": _describe(
            "receiveJob",
            "jobs",
            "A job has started or ended",
            "The body is the job, without its position in the queue; `type` is the event.",
            "JobWebhook",
        ),
        "batchCompleted": _describe(
            "receiveBatch",
            "batches",
            "A batch has ended",
            "The body is the batch; `counts` has the states of its items. Its `id` begins with "
            "`batch_`, that of a job with `job_`.",
            "BatchWebhook",
        ),
    }


def _describe(
    operation_id: str, tag: str, summary: str, description: str, model: str
) -> dict[str, Any]:
    body = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    return {
        "post": {
            "operationId": operation_id,
            "tags": [tag],
            "summary": summary,
            "description": f"Signed by Standard Webhooks. {description}",
            "parameters": [
                {**describe_header(name, text), "required": True} for name, text in _HEADERS.items()
            ],
            "requestBody": {"required": True, "content": {"application/json": body}},
            "responses": {
                "2XX": {"description": "It is delivered."},
                "410": {"description": "The receiver is gone; it is not sent again."},
                "default": {"description": "It is sent again later."},
            },
        }
    }
