"""gunicorn's own log, as lines of JSON."""

from __future__ import annotations

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from service.telemetry.logs import LineFormatter


class GunicornLog(Logger):  # type: ignore[misc]
    """Writes what gunicorn logs in the form of the other lines."""

    def setup(self, cfg: Any) -> None:
        """Set up the handlers as gunicorn does, with a formatter of ours."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(LineFormatter("api"))
