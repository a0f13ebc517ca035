"""Webhooks of jobs and batches, for the OpenAPI document: callbacks of the calls that name them."""

from __future__ import annotations

from typing import Any

from service.api.openapi.parameters import describe_header

TAG = "webhooks"
"""A tag of their own: generators write one class a tag, and would replace the calls'."""

_RECEIVER = "{$request.body#/webhook_url}"

_HEADERS = {
    "webhook-id": "The same in every try of one event.",
    "webhook-timestamp": "Seconds since 1970 of this try.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64 over id, timestamp and body, joined "
    "by dots; one for each active key, separated by spaces.",
}


def describe_callbacks(body: str | None) -> dict[str, Any]:
    """Describe the requests to a receiver that a call may lead to, by name; empty without any.

    As callbacks: of `webhooks` some generators make clients that cannot be imported.

    Args:
        body: the kind of the call's body.
    """
    if body not in ("inpaint", "outpaint", "mask", "batch"):
        return {}
    found = {
        "jobChanged": _describe(
            f"receive{body.capitalize()}Job",
            "A job has started or ended",
            "The body is the job, without its position in the queue; `type` is the event.",
            "JobWebhook",
        )
    }
    if body == "batch":
        found["batchCompleted"] = _describe(
            "receiveBatch",
            "A batch has ended",
            "The body is the batch; `counts` has the states of its items. Its `id` begins with "
            "`batch_`, that of a job with `job_`.",
            "BatchWebhook",
        )
    return found


def describe_webhook_headers() -> dict[str, Any]:
    """Describe the headers of webhooks, to be referred to by name."""
    return {
        name: {**describe_header(name, text), "required": True} for name, text in _HEADERS.items()
    }


def _describe(operation_id: str, summary: str, description: str, model: str) -> dict[str, Any]:
    body = {"schema": {"$ref": f"#/components/schemas/{model}"}}
    return {
        _RECEIVER: {
            "post": {
                "operationId": operation_id,
                "tags": [TAG],
                "summary": summary,
                "description": f"Signed by Standard Webhooks. {description}",
                "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in _HEADERS],
                "requestBody": {"required": True, "content": {"application/json": body}},
                "security": [],
                "responses": {
                    "2XX": {"description": "It is delivered."},
                    "410": {"description": "The receiver is gone; it is not sent again."},
                    "default": {"description": "It is sent again later."},
                },
            }
        }
    }
