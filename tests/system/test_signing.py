"""A worker that signs with the operator's certificate, from its start to the delivered file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from service.verify.provenance import read_provenance
from tests.support.identities import make_identity
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow


def test_worker_delivers_what_is_signed(private_broker: EmbeddedBroker, tmp_path: Path) -> None:
    identity = make_identity()
    settings = {name: str(file) for name, file in identity.write(tmp_path).items()}
    with running_stack(private_broker.url, tmp_path) as stack:
        stack.start_worker(**settings)
        record = stack.wait_ended(stack.submit())
        assert record.status is JobStatus.SUCCEEDED, stack.logs()
        [output] = record.outputs
        data = stack.blobs.get_checked(output.path, output.sha256)
        told = read_provenance(data, identity.root.decode())
        assert told.manifest is not None
        assert told.manifest.state == "trusted"
        assert told.manifest.source_type == told.source_type
        assert output.proof.output_sha256 == output.sha256


def test_worker_refuses_to_start_with_the_key_of_another(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    mixed = replace(make_identity(), key=make_identity().key)
    settings = {name: str(file) for name, file in mixed.write(tmp_path).items()}
    with running_stack(private_broker.url, tmp_path) as stack:
        worker = stack.start("worker", **settings)
        assert worker.wait(120) == 2
        assert "certificate and key cannot sign" in stack.logs()
