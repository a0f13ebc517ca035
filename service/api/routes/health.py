"""`/health/*` and `/version`: for operators of the service."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.context import get_context
from service.api.routes.rendering import render
from service.contract.errors import ShuttingDown
from service.contract.jobs import SCHEMA
from service.contract.version import get_version
from service.documents.schemas import Health, Readiness, VersionAnswer


def build_blueprint() -> Blueprint:
    """Build the routes of health and version."""
    routes = Blueprint("health", __name__)
    routes.add_url_rule("/health/live", view_func=get_liveness, methods=["GET"])
    routes.add_url_rule("/health/ready", view_func=get_readiness, methods=["GET"])
    routes.add_url_rule("/version", view_func=show_version, methods=["GET"])
    return routes


def get_liveness() -> Response:
    """Return 200 if this process answers."""
    return render(Health(status="ok"))


def get_readiness() -> Response:
    """Return 200 if jobs can be accepted: broker and blob store answer, and have room.

    What is wrong with the broker's settings is a warning: it answers, and jobs can be painted.

    Raises:
        ShuttingDown: this process stops.
    """
    context = get_context()
    if context.is_stopping():
        raise ShuttingDown("this process of the API stops; another one takes requests")
    context.store.check_ready()
    context.admission.check_ready(context.catalogue.queues())
    # Logged here if the broker did not answer at the start.
    context.broker_check.run()
    return render(Readiness(status="ok", warnings=context.store.queues.load_memory().warnings))


def show_version() -> Response:
    """Return the version of the service."""
    return render(VersionAnswer(name="paintjob", version=get_version(), job_schema=SCHEMA))
