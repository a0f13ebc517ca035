"""The routes of `/docs`."""

from __future__ import annotations

from importlib.resources import files

from flask import Blueprint, Response, send_from_directory

from service.api.access.doors import allow_reference

PATH = "/docs/"

_SCRIPT = "page.js"


def build_blueprint() -> Blueprint:
    """Build the routes of the page and of its files."""
    routes = Blueprint("docs", __name__)
    routes.add_url_rule(PATH, view_func=show_page, methods=["GET"])
    routes.add_url_rule(f"{PATH}<path:name>", view_func=send_file, methods=["GET"])
    routes.after_request(allow_reference)
    return routes


def show_page() -> Response:
    """Return the page."""
    return Response(files(__package__).joinpath("index.html").read_bytes(), mimetype="text/html")


def send_file(name: str) -> Response:
    """Send a file that the page names: its script, or one of Swagger UI's."""
    own, foreign = files(__package__), files("flask_swagger_ui") / "dist"
    return send_from_directory(str(own if name == _SCRIPT else foreign), name)
