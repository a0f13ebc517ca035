"""A client of the service that a generator makes from `openapi.yaml`, as others would."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PACKAGE = "generated_paintjob"


def generate_client(folder: Path) -> Path:
    """Generate the client into a folder, with every warning an error; gives the package's path."""
    config = folder / "config.json"
    # It would run formatters that are not its own.
    config.write_text(json.dumps({"post_hooks": []}))
    program = Path(sys.executable).parent / "openapi-python-client"
    options = ["--path", str(ROOT / "openapi.yaml"), "--meta", "none", "--fail-on-warning"]
    package = folder / PACKAGE
    where = ["--config", str(config), "--output-path", str(package)]
    done = subprocess.run([program, "generate", *options, *where], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return package


@contextmanager
def importing(package: Path) -> Iterator[None]:
    """Have a generated package found by its name until the block ends."""
    sys.path.insert(0, str(package.parent))
    try:
        yield
    finally:
        sys.path.remove(str(package.parent))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


def load(module: str) -> ModuleType:
    """Return a module of the generated package."""
    return importlib.import_module(f"{PACKAGE}.{module}")
