"""The results of a batch as one zip, written while it is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from zipstream import ZIP_DEFLATED, ZipStream  # type: ignore[import-untyped]

from service.contract.errors import MissingResource, StoreUnavailable
from service.contract.formats import EXTENSIONS
from service.contract.jobs import JobStatus, Output, ResizedOutput
from service.documents.jobs import describe_job
from service.store import BatchItem, JobStore
from service.store.blobs import BlobStore

MANIFEST = "manifest.json"


def stream_results(
    items: Iterable[BatchItem], tenant: str, store: JobStore, blobs: BlobStore
) -> Iterator[bytes]:
    """Yield a zip of every result, item by item, and a manifest of all items.

    Nothing is compressed: pictures already are. Each entry can be read while the zip is sent. At
    most one piece of one picture is in memory. A result that is deleted while the zip is sent ends
    the stream, and the zip is seen to be cut.

    Args:
        items: of the batch.
        tenant: its owner.
        store: the job records.
        blobs: the pictures.
    """
    # Deflated at level 0: of a stored entry, whose size follows it, readers of streams cannot tell
    # where it ends. The size of the whole is not known: every record would have to be read first.
    archive = ZipStream(compress_type=ZIP_DEFLATED, compress_level=0)
    # As text: a thousand documents as objects take ten times the memory.
    entries: list[bytes] = []
    for item in items:
        entry = {"index": item.index, "status": item.status or item.kind, "files": []}
        if item.kind == "refused":
            entry["problem"] = json.loads(item.text)
        if item.kind == "job":
            yield from _add_job(archive, item, entry, tenant, store, blobs)
        entries.append(json.dumps(entry).encode())
    archive.add(b'{"items": [\n' + b",\n".join(entries) + b"\n]}\n", MANIFEST)
    yield from archive.finalize()


def _add_job(
    archive: ZipStream,
    item: BatchItem,
    entry: dict[str, Any],
    tenant: str,
    store: JobStore,
    blobs: BlobStore,
) -> Iterator[bytes]:
    try:
        view = store.jobs.load(item.text, tenant)
    except MissingResource:
        entry["status"] = "wiped"
        return
    entry["job"] = describe_job(view, "").model_dump(mode="json")
    if view.record.status is not JobStatus.SUCCEEDED:
        return
    for output in view.record.outputs:
        stem = f"{item.index:04d}-{output.index}"
        for file, suffix in ((output, ""), (output.resized, "-resized")):
            if file is None:
                continue
            name = f"{stem}{suffix}.{EXTENSIONS[file.format]}"
            entry["files"].append(name)
            # With its size an entry needs no 64-bit fields, which Java's streams cannot read.
            archive.add(_read(file, blobs), name, size=file.bytes)
            yield from archive.all_files()


def _read(output: Output | ResizedOutput, blobs: BlobStore) -> Iterator[bytes]:
    try:
        yield from blobs.stream(output.path)
    except FileNotFoundError:
        raise StoreUnavailable("a result was deleted meanwhile; get the zip again") from None
