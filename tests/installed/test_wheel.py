"""The package as others install it: a wheel in a bare environment, run outside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from service.contract.settings import PREFIX
from service.guide.pages import load_pages
from service.local.deployment import READY_LINE
from tests.support.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PICTURES = ROOT / "demo" / "pictures"
SUPPORTED = SpecifierSet(PROJECT["requires-python"])
_SAY_VERSION = "import sys; print(*sys.version_info[:2], sep='.')"


def _find_python(version: str) -> str | None:
    """Find an interpreter of a version: this one, on the PATH, or one that pyenv keeps."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for candidate in (sys.executable, shutil.which(f"python{version}"), *map(str, kept)):
        if candidate is not None:
            command = [candidate, "-c", _SAY_VERSION]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return candidate
    return None


PYTHONS = {
    version: found
    for version in (f"3.{minor}" for minor in range(9, 20))
    if version in SUPPORTED and (found := _find_python(version))
}
"""The interpreters of this machine that the package claims to run on."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: building leaves folders beside the sources."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("service", "worker"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
    # The package's pages are a link to it.
    shutil.copytree(ROOT / "docs", source / "docs")
    for name in ("pyproject.toml", PROJECT["readme"], *PROJECT["license-files"]):
        shutil.copy(ROOT / name, source)
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(source))
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The versions that everything is tested with; without hashes, which bind local files too."""
    file = tmp_path_factory.mktemp("pins") / "pins.txt"
    file.write_text("\n".join(_read_pins("dev.txt")))
    return file


def _read_pins(name: str) -> Iterator[str]:
    text = (ROOT / "deploy" / "requirements" / name).read_text()
    for included in re.findall(r"^-r (\S+)", text, re.MULTILINE):
        yield from _read_pins(included)
    yield from re.findall(r"^[\w.-]+==[\w.]+", text, re.MULTILINE)


@pytest.fixture(params=PYTHONS)
def environment(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A bare environment of one interpreter; its path is short, as sockets will lie in it."""
    with tempfile.TemporaryDirectory(prefix="pj-wheel-") as folder:
        _run(PYTHONS[request.param], "-m", "venv", folder)
        yield Path(folder)


def test_wheel_asks_for_what_the_project_names(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
        data = {"service/contract/intents.toml", "service/contract/models.toml"}
        assert data <= set(archive.namelist())
        assert any(name.endswith(".lua") for name in archive.namelist())
        packed = set(archive.namelist())
    built = ROOT / "service" / "api" / "playground" / "built"
    files = [path.relative_to(ROOT) for path in built.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert {str(path) for path in files} <= packed
    assert not any(name.startswith("service/playground/") for name in packed)
    for page in load_pages():
        assert f"service/guide/pages/{page}" in packed
    for picture in (ROOT / "docs").rglob("*.*g"):
        assert f"service/guide/pages/{picture.relative_to(ROOT / 'docs')}" in packed
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    asked = {str(Requirement(text)) for text in metadata.get_all("Requires-Dist", [])}
    for extra, needs in PROJECT["optional-dependencies"].items():
        for need in map(Requirement, needs):
            assert any(
                need.name == one.name and one.marker and one.marker.evaluate({"extra": extra})
                for one in map(Requirement, asked)
            ), f"{extra} lacks {need}"


def test_installed_package_paints_outside_the_checkout(
    wheel: Path, pins: Path, environment: Path
) -> None:
    binaries = environment / "bin"
    pip = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--constraint", str(pins)]
    _run(*pip, str(wheel))
    paintjob = str(binaries / "paintjob")
    assert PROJECT["version"] in _run(paintjob, "version")
    _run(*pip, f"{wheel}[paint,provenance]")
    with _running_up(paintjob, environment) as url:
        shutil.copy(PICTURES / "rocket.jpg", environment)
        shutil.copy(PICTURES / "rocket-mask.png", environment)
        picture = [paintjob, "submit", "inpaint", "rocket.jpg", "--mask", "rocket-mask.png"]
        _run(*picture, "--url", url, "-o", "result.png", cwd=environment)
    verify = [paintjob, "verify", "rocket.jpg", "result.png", "--mask", "rocket-mask.png"]
    _run(*verify, cwd=environment)


@contextmanager
def _running_up(paintjob: str, folder: Path) -> Iterator[str]:
    command = [paintjob, "up", "--port", "0", "--data-dir", str(folder / "data")]
    up = subprocess.Popen(command, cwd=folder, env=_environ(), stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    try:
        lines = []
        for line in up.stdout:
            lines.append(line)
            if line.startswith(READY_LINE):
                yield line.removeprefix(READY_LINE).strip()
                return
        pytest.fail("".join(lines))
    finally:
        up.terminate()
        up.communicate(timeout=PATIENCE_SECONDS)


def _run(*command: str, cwd: Path | None = None) -> str:
    """Run a program outside the checkout; return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd or tempfile.gettempdir(),
        env=_environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environ() -> dict[str, str]:
    """Return this process' environment without what leads back to the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, "PAINTJOB_SELF_MODEL": "false", "PYTHONPATH": ""}
