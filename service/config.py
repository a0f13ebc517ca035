"""Settings of the API process, read once at the entry."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from service.contract.keys import MOST_OF_KEY, KeyLimits, StoredLimits
from service.contract.setting_errors import SettingsError
from service.contract.settings import read_settings
from service.outbound.hosts import HostList
from service.outbound.urls import OutboundPolicy
from service.outbound.webhook_settings import WebhookSettings

ANY_ORIGIN = "*"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
"""Source: Fetch Standard, section 3.2; browsers send origins in this form."""


class ServiceSettings(WebhookSettings):
    """The API's settings, each from `PAINTJOB_` and the field's name in capitals."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8080, ge=0, le=65_535, description="0: a free port, which is printed.")
    auth: Literal["auto", "keys", "open-to-everyone"] = Field(
        "auto",
        description="auto: no keys are required, and only this machine is listened to.",
    )
    queue_limit: int = Field(10_000, ge=1, description="Waiting jobs a queue holds before 503.")
    tenant_job_limit: int = Field(2000, ge=1, description="Unfinished jobs a tenant may have.")
    tenant_stored_jobs: int = Field(
        20_000, ge=0, description="Jobs of a tenant that are not wiped, ended or not; 0: no limit."
    )
    tenant_stored_batches: int = Field(1000, ge=0, description="The same for its batches.")
    tenant_stored_uploads: int = Field(1000, ge=0, description="The same for its uploads.")
    tenant_stored_bytes: int = Field(
        50_000_000_000,
        ge=0,
        description="Bytes of its pictures: inputs, results and uploads; 0: no limit.",
    )
    key_unfinished_jobs: int = Field(
        0,
        ge=0,
        le=MOST_OF_KEY,
        description="Unfinished jobs of a key without its own limit; 0: no limit.",
    )
    key_requests_per_minute: int = Field(
        0, ge=0, le=MOST_OF_KEY, description="The same for its requests."
    )
    key_megapixels_per_minute: float = Field(
        0, ge=0, le=MOST_OF_KEY, description="The same for its jobs' cost."
    )
    worker_absence_seconds: float = Field(
        900.0, ge=0, description="Refuse jobs when no worker was online for so long; 0: never."
    )
    broker_memory_share: float = Field(
        0.8, gt=0, le=1, description="Used share of the broker's memory that makes jobs refused."
    )
    store_reserve_bytes: int = Field(
        500_000_000, ge=0, description="Refuse jobs when less disk space is free."
    )
    max_body_bytes: int = Field(70_000_000, ge=1024)
    max_batch_body_bytes: int = Field(300_000_000, ge=1024)
    batch_cpu_seconds: float = Field(
        20.0, gt=0, description="Seconds of CPU that reading the items of one batch may take."
    )
    max_part_bytes: int = Field(25_000_000, ge=1024)
    max_json_body_bytes: int = Field(20_000_000, ge=1024)
    image_url_hosts: str = Field(
        "", description="Hosts that pictures may be fetched from, separated by commas; empty: none."
    )
    openai_models: str = Field(
        "gpt-image-1=auto,gpt-image-1-mini=auto,gpt-image-1.5=auto,gpt-image-2=auto,"
        "chatgpt-image-latest=auto,dall-e-2=auto",
        description="Values of `model` in `POST /v1/images/edits` and what they stand for: `auto`, "
        "`patch` or a configured model; pairs name=value, separated by commas.",
    )
    cors_origins: str = Field(
        "",
        description="Origins of web pages that may call the API, separated by commas, such as "
        "https://app.example.org; `*`, with API keys only: all; empty: none.",
    )
    playground: bool = Field(True, description="Whether `/` is a page to paint on.")
    image_url_allow_http: bool = False
    image_url_allow_private: bool = False
    image_url_timeout_seconds: float = Field(
        10.0, ge=0.1, le=60, description="Seconds that fetching one picture may take in total."
    )
    image_url_ca_file: Path | None = Field(
        None, description="PEM file of additional trusted certificates."
    )
    guide: bool = Field(True, description="Serve the documents at /guide, and errors as pages.")
    http_workers: int = Field(2, ge=1, le=64)
    http_threads: int = Field(160, ge=1, le=1024)
    keepalive_seconds: int = Field(
        75, ge=1, description="A connection without a request is kept open for so long."
    )
    signed_url_seconds: int = Field(
        300,
        ge=1,
        le=3600,
        description="Seconds for which a URL of the object store that a result redirects to is "
        "valid.",
    )
    blob_signing_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="Endpoint of S3 in such URLs; empty: the one that the service itself uses.",
    )
    http_drain_seconds: int = Field(
        0,
        ge=0,
        le=600,
        description="Seconds after SIGTERM for which requests are accepted, and readiness refused.",
    )
    client_silence_seconds: float = Field(
        60.0, gt=0, description="A client that neither sends nor reads for so long is disconnected."
    )
    client_head_seconds: float = Field(
        15.0, gt=0, description="Seconds that the head of a request may take in total."
    )
    client_bytes_per_second: float = Field(
        16_384.0, gt=0, description="The lowest rate of a body or response; slower is disconnected."
    )
    client_transfer_seconds: float = Field(
        3600.0,
        gt=0,
        description="Seconds that a body or response may wait for its client in total.",
    )
    client_connections: int = Field(
        256, ge=1, description="Connections of one client address, in each process of the API."
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies, separated by commas, whose X-Forwarded-For "
        "is believed and whose connections are not limited.",
    )
    key_waiting_clients: int = Field(
        0, ge=0, description="Wait slots of one key, in each process of the API; 0: half of them."
    )

    @property
    def address(self) -> str:
        """Host and port to listen on; an address of IPv6 stands in brackets."""
        return f"{bracket(self.host)}:{self.port}"

    @property
    def asks_for_keys(self) -> bool:
        """True if callers must send an API key."""
        return self.auth == "keys"

    @property
    def key_limits(self) -> KeyLimits:
        """The limits of a key without its own; without keys, of all callers together."""
        return KeyLimits(
            requests_per_minute=self.key_requests_per_minute or None,
            unfinished_jobs=self.key_unfinished_jobs or None,
            megapixels_per_minute=self.key_megapixels_per_minute or None,
        )

    @property
    def stored_limits(self) -> StoredLimits:
        """The limits of what a tenant stores."""
        return StoredLimits(
            jobs=self.tenant_stored_jobs or None,
            batches=self.tenant_stored_batches or None,
            uploads=self.tenant_stored_uploads or None,
            bytes=self.tenant_stored_bytes or None,
        )

    @cached_property
    def cors_origin_list(self) -> frozenset[str]:
        """The origins of web pages that may call the API."""
        return _parse_origins(self.cors_origins)

    @cached_property
    def openai_aliases(self) -> Mapping[str, str]:
        """Further values of `model` in OpenAI's call, and what they stand for."""
        return _parse_pairs(self.openai_models)

    @property
    def trusted_proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of the trusted proxies."""
        return _parse_networks(self.trusted_proxies)

    @property
    def image_url_host_list(self) -> HostList:
        """The hosts that pictures may be fetched from."""
        return HostList.parse(self.image_url_hosts)

    @property
    def image_url_policy(self) -> OutboundPolicy:
        """The targets that are allowed for fetching pictures."""
        listed = frozenset(entry.name for entry in self.image_url_host_list.entries)
        return OutboundPolicy(self.image_url_allow_http, self.image_url_allow_private, listed)

    def check_address(self) -> None:
        """Check that the host can be resolved, and raise if not.

        Raises:
            SettingsError: it cannot.
        """
        try:
            socket.getaddrinfo(self.host.strip("[]"), self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SettingsError(f"PAINTJOB_HOST={self.host}: {reason}") from None

    def check_reach(self, host: str) -> None:
        """Check that an address may be listened on with these settings, and raise if not.

        Raises:
            ValueError: other machines can reach it, and neither keys nor open access are set.
        """
        if self.auth == "auto" and not is_loopback(host):
            raise ValueError(
                f"other machines can reach {host}, and no API keys are required; set "
                "PAINTJOB_AUTH=keys and make keys with `paintjob keys create`, or, if everyone who "
                "reaches it may use it and see all jobs, PAINTJOB_AUTH=open-to-everyone"
            )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: str) -> str:
        _parse_networks(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: str) -> str:
        _parse_origins(value)
        return value

    @field_validator("openai_models")
    @classmethod
    def _check_pairs(cls, value: str) -> str:
        _parse_pairs(value)
        return value

    @field_validator("image_url_hosts")
    @classmethod
    def _check_hosts(cls, value: str) -> str:
        HostList.parse(value)
        return value

    @model_validator(mode="after")
    def _check_own_reach(self) -> Self:
        try:
            self.check_reach(self.host)
        except ValueError as error:
            raise ValueError(f"PAINTJOB_HOST={self.host}: {error}") from None
        if self.blob_signing_endpoint and not self.blob_url.startswith("s3://"):
            raise ValueError(
                "PAINTJOB_BLOB_SIGNING_ENDPOINT is for S3: set PAINTJOB_BLOB_URL to s3://bucket, "
                "or leave it empty"
            )
        if ANY_ORIGIN in self.cors_origin_list and not self.asks_for_keys:
            raise ValueError(
                "PAINTJOB_CORS_ORIGINS=* needs PAINTJOB_AUTH=keys: without keys any page that is "
                "open in a browser could call the API; list the origins of your pages instead"
            )
        return self

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> ServiceSettings:
        """Read the settings.

        Raises:
            ValueError: a value breaks its rule, or a `PAINTJOB_` name is unknown.
        """
        return read_settings(cls, environ)


def is_loopback(host: str) -> bool:
    """Return whether an address belongs to this machine alone.

    Of names only `localhost` counts, because others may resolve to any address.
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def bracket(host: str) -> str:
    """Return a host as it stands before a port: an address of IPv6 in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def _parse_networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        message = "must be addresses or networks separated by commas, such as 10.0.0.7,10.1.0.0/16"
        raise ValueError(message) from None


def _parse_origins(text: str) -> frozenset[str]:
    origins = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part == ANY_ORIGIN or _ORIGIN.fullmatch(part) for part in origins):
        message = "must be origins in lower case separated by commas, such as https://example.org"
        raise ValueError(f"{message}: a scheme, a host, a port if it is unusual, and no path")
    return frozenset(origins)


def _parse_pairs(text: str) -> dict[str, str]:
    pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
    found = {name.strip(): value.strip() for name, _, value in pairs}
    if len(found) < len(pairs) or not all(name and value for name, value in found.items()):
        raise ValueError("must be pairs separated by commas, each name once: gpt-image-1=auto")
    return found
