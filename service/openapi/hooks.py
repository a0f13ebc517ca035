"""What is sent to a job's `webhook_url`, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

_HEADERS = {
    "webhook-id": "The same in every try of one event.",
    "webhook-timestamp": "Seconds since 1970 of this try.",
    "webhook-signature": "`v1,` and an HMAC-SHA256 in base64 over id, timestamp and body, joined "
    "by dots; one for each active key, separated by spaces.",
}


def describe_webhooks() -> dict[str, Any]:
    """Describe what a receiver takes and may answer."""
    job = {"schema": {"$ref": "#/components/schemas/Job"}}
    return {
        "jobChanged": {
            "post": {
                "operationId": "receiveJob",
                "tags": ["jobs"],
                "summary": "A job began or ended",
                "description": "Signed after Standard Webhooks. The body is the job, without its "
                "place in the queue; `status` says what happened.",
                "parameters": [
                    {
                        "name": name,
                        "in": "header",
                        "required": True,
                        "description": text,
                        "schema": {"type": "string"},
                    }
                    for name, text in _HEADERS.items()
                ],
                "requestBody": {"required": True, "content": {"application/json": job}},
                "responses": {
                    "2XX": {"description": "It was received, and is not sent again."},
                    "410": {"description": "It is not wanted, and is not sent again."},
                    "default": {"description": "It is sent again later."},
                },
            }
        }
    }
