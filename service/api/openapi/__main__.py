"""`python -m service.api.openapi [FILE]`: write the document, by default to `openapi.yaml`.

Without a file, the documents of the Python client are written too, which are made from it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from service.api.openapi.client_documents import render_documents
from service.api.openapi.document import build_document, render_yaml

CLIENT_DOCUMENTS = Path("service/client/documents.py")


def main(arguments: list[str]) -> None:
    """Write the document."""
    Path(arguments[0] if arguments else "openapi.yaml").write_text(render_yaml())
    if not arguments:
        schemas = build_document()["components"]["schemas"]
        CLIENT_DOCUMENTS.write_text(render_documents(schemas))


if __name__ == "__main__":
    main(sys.argv[1:])
