"""`paintjob keys`: create API keys, list them, revoke them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from service import store
from service.commands.operating import DEFAULTS, DataDir, Namespace, RedisUrl, open_store
from service.contract.faults import reword
from service.contract.keys import CALLER_SCOPES, SCOPES, ApiKey, KeyLimits, Scope, draw_key

keys_app = typer.Typer(help="The API keys of a deployment.", no_args_is_help=True)

_LIMITS = ", ".join(KeyLimits.model_fields)


@keys_app.command()
def create(
    tenant: Annotated[str, typer.Option(help="The tenant whose jobs it submits and manages.")],
    scopes: Annotated[
        str, typer.Option(help=f"Its scopes, separated by commas: {', '.join(SCOPES)}.")
    ] = ",".join(CALLER_SCOPES),
    limits: Annotated[
        str, typer.Option(help=f"name=number, separated by commas, of {_LIMITS}.")
    ] = "",
    redis_url: RedisUrl = DEFAULTS.redis_url,
    namespace: Namespace = DEFAULTS.namespace,
    data_dir: DataDir = DEFAULTS.data_dir,
) -> None:
    """Create a key and print it: only now, because only a digest of it is stored."""
    parsed_scopes, parsed_limits = parse_scopes(scopes), parse_limits(limits)
    key = draw_key()
    with open_store(redis_url, namespace, data_dir) as jobs:
        kept = store.try_twice(lambda: jobs.keys.add(key, tenant, parsed_scopes, parsed_limits))
    typer.echo(f"Key {kept.id} of {tenant}. It is shown only now:", err=True)
    typer.echo(key)


@keys_app.command("list")
def list_keys(
    redis_url: RedisUrl = DEFAULTS.redis_url,
    namespace: Namespace = DEFAULTS.namespace,
    data_dir: DataDir = DEFAULTS.data_dir,
) -> None:
    """List all keys, without their secrets."""
    with open_store(redis_url, namespace, data_dir) as jobs:
        for key in jobs.keys.load_all():
            typer.echo(_describe(key))


@keys_app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Its id: the part between pj_ and the next _.")],
    redis_url: RedisUrl = DEFAULTS.redis_url,
    namespace: Namespace = DEFAULTS.namespace,
    data_dir: DataDir = DEFAULTS.data_dir,
) -> None:
    """Revoke a key: it stops working at once. Its jobs stay with the tenant."""
    with open_store(redis_url, namespace, data_dir) as jobs:
        if not store.try_twice(lambda: jobs.keys.revoke(key_id)):
            raise ValueError("no key has this id; `paintjob keys list` shows all keys")
    typer.echo(f"Key {key_id} is revoked")


def parse_scopes(text: str) -> frozenset[Scope]:
    """Parse scopes separated by commas.

    Raises:
        ValueError: one does not exist, or the text is empty.
    """
    given: Any = {name.strip() for name in text.split(",") if name.strip()}
    if not given or not given <= set(SCOPES):
        raise ValueError(f"scopes are one or more of {', '.join(SCOPES)}, separated by commas")
    return frozenset(given)


def parse_limits(text: str) -> KeyLimits:
    """Parse limits, `name=number` separated by commas.

    Raises:
        ValueError: one does not exist, is given twice, or is out of range.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    names = [name.strip() for name, _, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("limits: give each only once")
    try:
        values = [value.strip() for _, _, value in pairs]
        return KeyLimits.model_validate(dict(zip(names, values, strict=True)))
    except ValidationError as error:
        fault = error.errors()[0]
        raise ValueError(
            f"limits: {fault['loc'][0]}: {reword(fault['msg'])}; the limits are {_LIMITS}"
        ) from None


def _describe(key: ApiKey) -> str:
    limits = ",".join(f"{name}={value:g}" for name, value in key.limits if value is not None)
    state = f"revoked {key.revoked_at:%F %T}" if key.revoked_at else "active"
    scopes = ",".join(sorted(key.scopes))
    return f"{key.id}  {key.tenant:<20} {scopes:<20} {key.created_at:%F %T}  {state:<8}  {limits}"
