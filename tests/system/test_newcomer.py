"""The path of a newcomer, in the README's own commands: demonstration, page, curl, client.

In a copy of what a clone holds. Its environment has the packages of this one; that they can be
installed from nothing, for every Python, is what `tests/installed` shows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.support.brokers import find_free_port
from tests.support.documents import ROOT, Step, read_steps
from tests.support.following import follow, make_desk, write_strict
from tests.support.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

# With what is compiled already: a clone compiles it, ten seconds, in `make demo`.
LEFT_OUT = shutil.ignore_patterns(".*", "*.egg-info", "demo-output", "build")
STAMPS = ("weightfree", "dev", "generate")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the repository with an environment in which all is installed."""
    clone = tmp_path / "paintjob"
    shutil.copytree(ROOT, clone, symlinks=True, ignore=LEFT_OUT)
    venv.create(clone / ".venv", symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(clone / ".venv")}))
    (packages / "all.pth").write_text("\n".join([str(clone), *filter(None, sys.path)]))
    for stamp in STAMPS:
        (clone / ".venv" / f"{stamp}.stamp").touch()
    return clone


def test_readme_leads_from_nothing_to_a_painted_picture(clone: Path, tmp_path: Path) -> None:
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"PAINTJOB_PORT": str(port), "PAINTJOB_SELF_MODEL": "false", "SERVICE": url}
    environ = make_desk(tmp_path, {**settings, "PAINTJOB_DATA_DIR": str(tmp_path / "data")})
    python = clone / ".venv" / "bin" / "python"
    write_strict(python.with_name("paintjob"), f"{python} -m service.cli")

    first, *others = read_steps(clone / "README.md")
    assert first.code.split()[:2] == ["make", "demo"]
    done = subprocess.run(
        ["/bin/sh", "-c", "make demo"],
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "demo-output" / "contact-sheet.png").is_file()

    serving, *painting = others
    page = Step(0, "python", OPEN_THE_PAGE.format(url=url, patience=PATIENCE_SECONDS), "run")
    follow([serving, page, *painting], clone, environ, {"8080": str(port)})
    for result in ("result.png", "wide.png"):
        assert (clone / result).is_file()


OPEN_THE_PAGE = """
import httpx2
asked = {{"headers": {{"Accept": "text/html"}}, "follow_redirects": True, "timeout": {patience}}}
page = httpx2.get("{url}/", **asked)
assert page.status_code == 200 and "text/html" in page.headers["Content-Type"]
guide = httpx2.get("{url}/guide/", **asked)
assert guide.status_code == 200 and "Five-minute start" in guide.text
"""
