"""`python -m service.api.openapi [FILE]`: write the document, by default to `openapi.yaml`."""

from __future__ import annotations

import sys
from pathlib import Path

from service.api.openapi.document import render_yaml


def main(arguments: list[str]) -> None:
    """Write the document."""
    Path(arguments[0] if arguments else "openapi.yaml").write_text(render_yaml())


if __name__ == "__main__":
    main(sys.argv[1:])
