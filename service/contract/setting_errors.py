"""Describe what is wrong with settings: variable, value and rule, a line for each."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from pydantic import ValidationError

from service.contract.faults import reword

EXIT_BAD_SETTINGS = 2
"""Exit status of every process that cannot work with its settings."""

_PASSWORD = re.compile(r"(?<=://)([^/?#\s]*):[^/?#\s]*@")
_SECRET_OPTION = re.compile(r"((?:password|secret|token)=)[^&\s]+", re.IGNORECASE)
_LINK_NAME = re.compile(
    r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$"
)
_LINK_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


class SettingsError(ValueError):
    """Error: a process cannot work with its settings.

    Args:
        lines: what is wrong, a line for each, without secrets.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def describe_faults(error: ValidationError, prefix: str, given: Mapping[str, str]) -> SettingsError:
    """Return a validation error as one that names variables, values and rules."""
    return SettingsError(*(_describe(fault, prefix, given) for fault in error.errors()))


def _describe(fault: Mapping[str, object], prefix: str, given: Mapping[str, str]) -> str:
    location, rule = fault["loc"], reword(str(fault["msg"]))
    if not isinstance(location, tuple) or not location:
        return rule
    name = str(location[0])
    value = f"={hide_passwords(given[name])}" if name in given else ""
    return f"{prefix}{name.upper()}{value}: {rule}"


def hide_passwords(text: str) -> str:
    """Return a text with the passwords of its URLs replaced by `***`."""
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


def is_service_link(name: str, value: str) -> bool:
    """Return whether a variable is what Kubernetes sets for a Service whose name begins like ours.

    Source: "Accessing the Service", kubernetes.io; Docker's legacy container links.
    """
    if _LINK_NAME.search(name):
        return True
    return name.endswith("_PORT") and _LINK_ADDRESS.match(value) is not None


def report(process: str, error: Exception) -> int:
    """Write to standard error why a process cannot start; return its exit status."""
    lines = error.lines if isinstance(error, SettingsError) else (str(error),)
    for line in lines:
        sys.stderr.write(f"paintjob {process}: {hide_passwords(' '.join(line.split()))}\n")
    return EXIT_BAD_SETTINGS
