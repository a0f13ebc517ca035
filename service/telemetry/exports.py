"""Starts and stops what a process sends elsewhere: traces, and errors."""

from __future__ import annotations

from typing import Protocol

from service.telemetry import crashes, traces


class ExportSettings(Protocol):
    """The settings of exports."""

    @property
    def otlp_url(self) -> str:
        """Where traces go."""

    @property
    def trace_share(self) -> float:
        """Share of the traces that begin here."""

    @property
    def sentry_dsn(self) -> str:
        """Where errors go."""


def check(settings: ExportSettings) -> None:
    """Check that the libraries are there which the settings need.

    Raises:
        ValueError: one is not.
    """
    traces.check(settings.otlp_url)
    crashes.check(settings.sentry_dsn)


def start(process: str, settings: ExportSettings, version: str) -> None:
    """Begin to export what a process's settings ask for; call it after any fork.

    Raises:
        ValueError: a library is not installed.
    """
    traces.start(process, settings.otlp_url, settings.trace_share, version)
    crashes.start(process, settings.sentry_dsn, version)


def stop() -> None:
    """Export what is left; call it before the process ends."""
    traces.stop()
    crashes.stop()
