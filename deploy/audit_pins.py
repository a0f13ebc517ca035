"""Look up known vulnerabilities of what is pinned: `audit_pins.py PATH/TO/pip-audit`.

Where no advisory data can be reached, the audit is skipped and says so: a build machine without
the internet must not fail, and must not pass silently either.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "requirements"
AUDITED = ("api", "extras", "weightfree", "provenance", "erase", "generate")


def audit(pip_audit: str, file: Path) -> tuple[int, str]:
    """Audit one requirements file.

    Returns:
        The number of vulnerable packages, and a report in one or more lines.
    """
    command = [pip_audit, "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run(  # noqa: S603 - our own command line
        [*command, "--requirement", str(file)], capture_output=True, text=True, timeout=600
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return 0, f"SKIPPED, the advisory data cannot be read: {reason}"
    return _report(packages)


def _report(packages: list[dict[str, Any]]) -> tuple[int, str]:
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        return 0, f"SKIPPED, no advisory data can be reached for any of {len(packages)} packages"
    vulnerable = [package for package in known if package["vulns"]]
    lines = [f"{len(known)} of {len(packages)} packages audited, {len(vulnerable)} vulnerable"]
    for package in vulnerable:
        ids = ", ".join(each["id"] for each in package["vulns"])
        lines.append(f"  {package['name']} {package['version']}: {ids}")
    return len(vulnerable), "\n".join(lines)


def main(pip_audit: str) -> int:
    """Audit the pins of what is deployed, and return the exit status."""
    count = 0
    for name in AUDITED:
        vulnerable, report = audit(pip_audit, FOLDER / f"{name}.txt")
        print(f"audit of {name}.txt: {report}")  # noqa: T201 - a command's output
        count += vulnerable
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
