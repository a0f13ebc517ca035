"""The examples that no code makes, from `answers.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load_documents() -> dict[str, Any]:
    """Return the documents by name; not to be changed."""
    text = files(__package__).joinpath("answers.yaml").read_text(encoding="utf-8")
    documents: dict[str, Any] = yaml.safe_load(text)
    return documents
