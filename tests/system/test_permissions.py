"""The service with the users of `deploy/valkey.acl`, over TLS, as a user without a name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import PaintjobClient
from tests.support.brokers import Servers, find_free_port, forwarding, running_servers
from tests.support.certificates import make_certificate
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import mask, picture
from tests.support.programs import ROOT, Program, Programs, running_programs

pytestmark = pytest.mark.slow

ACL = ROOT / "deploy" / "valkey.acl"
SECRET = "correct-horse"  # noqa: S105
ADMIN = f"user admin on >{SECRET} ~* &* +@all\n"
NO_PLACE = {
    "HOME": "/nonexistent",
    # numba looks in no other place than the one that is not named, as on a read-only root.
    "NUMBA_CACHE_LOCATOR_CLASSES": "_UserProvidedCacheLocator",
}


@contextmanager
def _guarded_broker(servers: Servers, directory: Path) -> Iterator[tuple[str, Any]]:
    """Yield the address of a broker with our users behind TLS, and an admin's client."""
    file = directory / "users.acl"
    file.write_text(ACL.read_text() + ADMIN)
    port = servers.start("--aclfile", str(file))
    certificate = make_certificate(directory, "localhost")
    with forwarding(port, certificate) as tls:
        admin = servers.connect(port, username="admin", password=SECRET)
        yield f"localhost:{tls.port}/0?ssl_ca_certs={certificate}", admin
        admin.close()


def _as_nobody() -> tuple[str, ...]:
    """Return a prefix that runs a program as a user without a name, where the system lets us."""
    prefix = ("unshare", "--user", "--map-user=12345")
    try:
        done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return ()
    return prefix if done.returncode == 0 else ()


def _start(programs: Programs, address: str, name: str, *prefix: str, **settings: str) -> Program:
    role = {"serve": "api"}.get(name, name)
    url = f"rediss://paintjob-{role}:change-me-{role}@{address}"
    return programs.start(name, *prefix, PAINTJOB_REDIS_URL=url, **settings)


def _run(address: str, tmp_path: Path, *arguments: str) -> str:
    url = f"rediss://paintjob-operator:change-me-operator@{address}"
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments],
        env={"PATH": "", "PAINTJOB_REDIS_URL": url, "PAINTJOB_DATA_DIR": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_service_needs_no_more_than_the_permissions_that_its_users_have(tmp_path: Path) -> None:
    port = str(find_free_port())
    with (
        running_servers() as servers,
        _guarded_broker(servers, tmp_path) as (address, admin),
        running_programs(tmp_path, PAINTJOB_AUTH="keys") as programs,
    ):
        _start(programs, address, "serve", PAINTJOB_HOST="::1", PAINTJOB_PORT=port)
        worker = _start(
            programs,
            address,
            "worker",
            *_as_nobody(),
            PAINTJOB_HEALTH_FILE=str(tmp_path / "alive"),
            **NO_PLACE,
        )
        metrics = str(find_free_port())
        _start(programs, address, "courier", PAINTJOB_METRICS_PORT=metrics)
        key = _run(address, tmp_path, "keys", "create", "--tenant", "acme")

        def is_ready() -> bool:
            assert "not_permitted" not in programs.logs(), programs.logs()
            return '"event": "horse_ready"' in worker.output

        wait_for(is_ready, programs.logs)
        with PaintjobClient(f"http://[::1]:{port}", api_key=key) as client:
            _use(client)
        assert worker.output.count("kernels_not_kept") == 1
        assert (tmp_path / "alive").exists()
        gauges = httpx2.get(f"http://127.0.0.1:{metrics}/metrics").text
        assert "paintjob_broker_up 1.0" in gauges, programs.logs()
        _run(address, tmp_path, "workers")
        _run(address, tmp_path, "keys", "list")
        denied = [(entry["username"], entry["object"]) for entry in admin.acl_log()]
        assert denied == [], programs.logs()
        assert "not_permitted" not in programs.logs()


def _use(client: PaintjobClient) -> None:
    """Make one call of each kind."""
    image, hole = ("a.png", picture(64, 64)), ("m.png", mask(64, 64, (16, 16, 48, 48)))
    job = client.submit("inpaint", image, hole, {"method": "patch"})
    assert client.wait(job.id, timeout_seconds=PATIENCE_SECONDS).status == "succeeded"
    list(client.events(job.id))
    client.get_result(job.id)
    upload = client.upload(image)
    client.delete_upload(upload.id)
    list(client.list_jobs())
    client.get_methods()
    client.get_limits()
    client.get_usage()
    client.delete(job.id)
    item = {"operation": "outpaint", "method": "mirror", "right": 8, "image": {"part": "a"}}
    batch = client.submit_batch([item], {"a": image})
    client.wait_batch(batch.id, timeout_seconds=PATIENCE_SECONDS)
    list(client.list_batch_items(batch.id))
    client.delete_batch(batch.id)
