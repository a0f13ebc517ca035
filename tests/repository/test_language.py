"""Sentences are plain English: docstrings, and all texts that callers read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service.contract import errors

ROOT = Path(__file__).parents[2]
FORBIDDEN_OPENINGS = re.compile(r"(Gives?|Tells?|What|How|Whether)\b")
FORBIDDEN_IN_MESSAGES = re.compile(
    r"\b(told|tells?|he|him|his|she|her|shall|whoever|nobody|somebody|may come to"
    r"|no decoder|as many|thereof|hand(s|ed)? in)\b",
    re.IGNORECASE,
)
"""Words of older texts that a reader stumbles over, and pronouns that leave callers out."""

TITLES = {
    "already_finished": "The job has already finished",
    "body_too_large": "The body is too large",
    "broker_full": "The broker is nearly full",
    "broker_unavailable": "The broker does not answer",
    "conflicting_fields": "Fields exclude each other",
    "deadline_exceeded": "A deadline passed",
    "forbidden": "The caller may not do this",
    "gpu_out_of_memory": "The accelerator ran out of memory",
    "hung": "The painting hung",
    "idempotency_conflict": "The idempotency key was used with another request",
    "image_not_served": "The picture is not where its URL says",
    "image_too_large": "The picture is too large",
    "image_undecodable": "The picture cannot be decoded",
    "image_unreachable": "The picture could not be fetched",
    "input_lost": "An input was lost",
    "input_refused": "The picture is refused by the safety check",
    "internal": "Internal error",
    "invalid_field": "A field breaks its rule",
    "job_expired": "The job has been wiped",
    "job_too_new": "The job is of a later release",
    "kept_pixels_changed": "Kept pixels would have changed",
    "length_required": "Content-Length is required",
    "licence_refused": "The license of the model is refused by policy",
    "malformed_body": "The body could not be parsed",
    "mask_empty": "The mask marks nothing to repaint",
    "mask_full": "The mask leaves nothing to keep",
    "mask_size_mismatch": "Mask and picture differ in size",
    "mask_undecodable": "The mask cannot be decoded",
    "method_unavailable": "The method is not available",
    "model_output_invalid": "The model's output is invalid",
    "model_required": "A model is required",
    "model_unavailable": "The model is not available",
    "no_change": "The request changes nothing",
    "no_result": "The job has no result",
    "no_webhook": "There is no such webhook",
    "no_worker": "No worker serves this method",
    "not_acceptable": "No representation matches the Accept header",
    "not_finished": "The job has not finished",
    "not_found": "Not found",
    "nothing_found": "Nothing was found",
    "out_of_memory": "The worker ran out of memory",
    "output_refused": "The result is refused by the safety check",
    "parameter_not_supported": "The method does not support this parameter",
    "prompt_refused": "The prompt is refused by the safety check",
    "queue_full": "The queue is full",
    "rate_limited": "Too many requests",
    "requeued_too_often": "The job was requeued too often",
    "shutting_down": "This process is stopping",
    "signing_failed": "The result could not be signed",
    "store_unavailable": "The blob store does not answer",
    "too_many_jobs": "Too many unfinished jobs",
    "too_many_waiters": "Too many waiting clients",
    "too_much_stored": "Too much is stored",
    "too_much_work": "Too much work for one request",
    "unauthorized": "A valid API key is required",
    "unknown_field": "Unknown field",
    "unsupported_media_type": "The media type is not supported",
    "webhook_key_required": "A webhook needs a signing key",
    "worker_lost": "The worker was lost while painting",
}
"""The reviewed title of every error; a person reads a new one before it is entered here."""


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for package in ("service", "worker"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield every docstring with its line, those of constants too."""
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.lineno, value.value


def test_docstrings_begin_with_what_a_reader_looks_for() -> None:
    found = [
        f"{path}:{line} {text.splitlines()[0]}"
        for path, tree in _sources()
        for line, text in _docstrings(tree)
        if FORBIDDEN_OPENINGS.match(text)
    ]
    assert not found, "\n".join(found)


def test_titles_of_errors_are_the_reviewed_ones() -> None:
    assert {error.code: error.title for error in errors.iter_error_classes()} == TITLES


def _error_names() -> set[str]:
    found = {name for name, value in vars(errors).items() if _is_error(value)}
    return found | {"Fault", "ValueError"}


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, errors.PaintjobError)


def _messages(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the texts of the errors that a module makes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                for part in ast.walk(argument):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.lineno, part.value


def test_messages_of_errors_are_plain() -> None:
    names = _error_names()
    found = [
        f"{path}:{line} {text}"
        for path, tree in _sources()
        for line, text in _messages(tree, names)
        if FORBIDDEN_IN_MESSAGES.search(text)
    ]
    assert not found, "\n".join(found)
