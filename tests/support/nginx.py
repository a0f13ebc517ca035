"""A real nginx before the API, with the settings that are deployed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.support.brokers import find_free_port
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.required import find_required

SETTINGS = Path(__file__).parents[2] / "deploy" / "nginx" / "paintjob.conf"

_MAIN = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream paintjob {{
        zone paintjob 256k;
{servers}
        keepalive 32;
        keepalive_timeout 30s;
    }}
    include {folder}/paintjob.conf;
}}
"""


@contextmanager
def running_nginx(folder: Path, ports: Sequence[int]) -> Iterator[str]:
    """Run nginx before APIs on these ports until the block ends; yields its URL."""
    binary, port = find_required("nginx"), find_free_port()
    folder.mkdir()
    settings = SETTINGS.read_text()
    assert settings.count("listen 8000;") == 1
    settings = settings.replace("listen 8000;", f"listen 127.0.0.1:{port};")
    (folder / "paintjob.conf").write_text(settings)
    servers = "\n".join(f"        server 127.0.0.1:{each} max_fails=0;" for each in ports)
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, servers=servers, user=user))
    with (folder / "start.log").open("wb") as log:
        process = subprocess.Popen([binary, "-p", str(folder), "-c", str(main)], stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _answers(url), (folder / "start.log").read_text)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live", timeout=PATIENCE_SECONDS).is_success
    except httpx2.TransportError:
        return False
