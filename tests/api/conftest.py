"""The app on a real broker, for tests of what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.http import build_app


@pytest.fixture
def app(broker_url: str, tmp_path: Path) -> Flask:
    """The app on an empty broker."""
    return build_app(broker_url, tmp_path)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the app."""
    return app.test_client()
