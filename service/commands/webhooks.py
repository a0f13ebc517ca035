"""`paintjob webhooks`: the keys that sign webhooks, and a test of a receiver."""

from __future__ import annotations

import os
import re
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from service.commands.operating import open_store_of
from service.contract.jobs import BlobRef, JobRecord, JobSpec
from service.contract.names import CPU_QUEUE, DEFAULT_TENANT, new_job_id
from service.contract.params import OutpaintParams
from service.contract.settings import PREFIX, read_settings
from service.documents.jobs import describe_webhook
from service.outbound.webhook_settings import WebhookSettings
from service.outbound.webhooks import Message, Posted, post
from service.store import draw_secret, try_twice

webhooks_app = typer.Typer(help="Webhooks: signing keys, and a test.", no_args_is_help=True)
keys_app = typer.Typer(help="The keys that sign webhooks.", no_args_is_help=True)
webhooks_app.add_typer(keys_app, name="keys")

_MEANINGS = {
    "refused": "the receiver must return 2xx",
    "gone": "the receiver returned 410, which ends all tries",
    "redirected": "redirects are not followed; name the last URL",
    "timeout": "no response came within PAINTJOB_WEBHOOK_TIMEOUT_SECONDS",
    "unresolvable": "the host of the URL has no address in DNS",
    "unreachable": "nothing answers at the host and port of the URL",
    "tls_failed": "its certificate is not trusted for this host; see PAINTJOB_WEBHOOK_CA_FILE",
    "invalid_answer": "the response is not valid HTTP",
    "address_refused": "the address is private; see PAINTJOB_WEBHOOK_ALLOW_PRIVATE",
    "url_refused": "the URL must be https, without user and fragment; see "
    "PAINTJOB_WEBHOOK_ALLOW_HTTP and PAINTJOB_WEBHOOK_ALLOW_PRIVATE",
}
"""Meaning of each reason of a failed try, and what to do."""

Tenant = Annotated[str, typer.Option(help="The tenant whose webhooks it signs.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the embedded broker [PAINTJOB_DATA_DIR].")
]

RedisUrl = Annotated[
    str | None,
    typer.Option(help="The broker; default: the embedded one [PAINTJOB_REDIS_URL]."),
]

_TENANT = re.compile(r"[A-Za-z0-9._-]{1,64}")


@keys_app.command("create")
def create_key(
    tenant: Tenant = DEFAULT_TENANT, data_dir: DataDir = None, redis_url: RedisUrl = None
) -> None:
    """Create a signing key and print it, for the receiver. A tenant has at most two."""
    if not _TENANT.fullmatch(tenant):
        raise ValueError("a tenant's name is 1 to 64 letters, digits, dots, dashes or underscores")
    key_id, secret = f"whk_{secrets.token_hex(4)}", draw_secret()
    with open_store_of(_read_settings(data_dir, redis_url)) as store:
        try_twice(lambda: store.signing_keys.add(tenant, key_id, secret))
    typer.echo(f"Key {key_id} of {tenant} signs from now on; receivers verify with:", err=True)
    typer.echo(secret)


@keys_app.command("list")
def list_keys(
    tenant: Tenant = DEFAULT_TENANT, data_dir: DataDir = None, redis_url: RedisUrl = None
) -> None:
    """List a tenant's signing keys, newest first, without their secrets."""
    with open_store_of(_read_settings(data_dir, redis_url)) as store:
        for key in store.signing_keys.load_all(tenant):
            typer.echo(f"{key.key_id}  {tenant:<20} {key.created_at:%F %T}")


@keys_app.command("retire")
def retire_key(
    key_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")],
    tenant: Tenant = DEFAULT_TENANT,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
) -> None:
    """Delete a signing key: it signs nothing any more."""
    with open_store_of(_read_settings(data_dir, redis_url)) as store:
        if not store.signing_keys.retire(tenant, key_id):
            raise ValueError(f"tenant {tenant} has no such key")
        left = len(store.signing_keys.load_all(tenant))
    typer.echo(f"Key {key_id} is retired; {tenant} has {left} left")


@webhooks_app.command("test")
def test_receiver(
    url: Annotated[str, typer.Argument(help="The receiver of a sample job's document.")],
    tenant: Tenant = DEFAULT_TENANT,
    key: Annotated[
        str | None, typer.Option(help="Sign with this whsec_ key; needs no broker.")
    ] = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
) -> None:
    """Send one webhook as the courier would; exit status 1 unless the response is 2xx."""
    settings = _read_settings(data_dir, redis_url)
    keys = [key] if key is not None else _read_keys(settings, tenant)
    message = Message(url, f"{new_job_id()}-1", _build_sample(settings.public_url), keys)
    started = time.monotonic()
    deadline = started + settings.webhook_timeout_seconds
    posted = post(message, settings.webhook_policy, deadline, settings.webhook_ca_file)
    seconds = time.monotonic() - started
    if posted.error is not None:
        raise ValueError(f"not delivered: {_explain(posted)} ({seconds:.2f} s)")
    typer.echo(f"Delivered: {posted.status} ({seconds:.2f} s), webhook-id {message.webhook_id}")


def _explain(posted: Posted) -> str:
    status = "" if posted.status is None else f", {posted.status}"
    meaning = _MEANINGS.get(posted.error or "")
    return f"{posted.error}{status}" + (f": {meaning}" if meaning else "")


def _read_keys(settings: WebhookSettings, tenant: str) -> list[str]:
    with open_store_of(settings) as store:
        keys = [key.secret for key in store.signing_keys.load_all(tenant)]
    if not keys:
        command = f"paintjob webhooks keys create --tenant {tenant}"
        raise ValueError(f"tenant {tenant} has no key; create one: `{command}`")
    return keys


def _build_sample(base_url: str) -> bytes:
    """Build the document of a sample job."""
    job_id, now = new_job_id(), datetime.now(UTC)
    picture = BlobRef(path="", bytes=0, sha256="", format="png", width=64, height=64, mode="RGB")
    spec = JobSpec(
        job_id=job_id,
        tenant=DEFAULT_TENANT,
        operation="outpaint",
        method="mirror",
        queue=CPU_QUEUE,
        params=OutpaintParams(method="mirror", right=32, tags=["webhook-test"]),
        image=picture,
    )
    milliseconds = str(round(now.timestamp() * 1000))
    times = dict.fromkeys(("created_at", "finished_at", "finish_by_at"), milliseconds)
    fields = {"spec": spec.model_dump_json(), "status": "canceled", "version": "1", **times}
    record = JobRecord.from_hash(fields)
    body: str = describe_webhook(record, base_url).model_dump_json()
    return body.encode()


def _read_settings(data_dir: Path | None, redis_url: str | None) -> WebhookSettings:
    options = {"DATA_DIR": data_dir, "REDIS_URL": redis_url}
    given = {f"{PREFIX}{name}": str(value) for name, value in options.items() if value is not None}
    return read_settings(WebhookSettings, {**os.environ, **given})
