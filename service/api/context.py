"""The state that the views of one app share: settings, and connections made at first use.

At first use means after any fork, which connections do not survive.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import cast

import structlog
from flask import Flask, current_app

from service.api.requests.batch_body import BatchReader
from service.api.requests.reader import BodyReader
from service.batches.batching import BatchSubmitter
from service.config import ServiceSettings
from service.contract.catalogue import Catalogue, read_catalogue
from service.contract.errors import BrokerUnavailable, StoreUnavailable
from service.store import BrokerCheck, JobStore, connect
from service.store.blobs import BlobStore
from service.store.wakeups import Wakeups
from service.submission.admission import Admission
from service.submission.job_masks import JobMasks
from service.submission.picture_urls import PictureUrls
from service.submission.submitter import Submitter
from service.submission.uploads import UploadStore
from service.telemetry.metrics import Metrics
from service.waiting.streams import Streams, count_slots

EXTENSION = "paintjob"

log = structlog.get_logger()


class Context:
    """Settings, catalogue and connections of one app.

    Args:
        settings: as read at the entry.

    Attributes:
        metrics: those of all processes of the API, if they are counted; set at the entry.
        is_stopping: returns whether this process stops; set at the entry.

    Raises:
        ValueError, OSError: the models file cannot be read, or breaks a rule.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.catalogue: Catalogue = read_catalogue(settings)
        self.reader = BodyReader(settings)
        self.picture_urls = PictureUrls(settings)
        slots = count_slots(settings.http_threads)
        self.slots_of_key = settings.key_waiting_clients or max(1, slots // 2)
        self.streams = Streams(lambda: self.store, slots, self.slots_of_key)
        self.batch_reader = BatchReader(settings, self.reader)
        self.metrics: Metrics | None = None
        self.is_stopping: Callable[[], bool] = lambda: False

    @cached_property
    def store(self) -> JobStore:
        """The job records.

        Raises:
            BrokerUnavailable: no broker is configured and no embedded one runs.
        """
        try:
            url = self.settings.resolved_redis_url()
        except ValueError as error:
            raise BrokerUnavailable(
                "the broker is not running yet; retry", retry_after_seconds=2, cause=str(error)
            ) from error
        settings = self.settings
        return connect(url, namespace=settings.namespace, lease_seconds=settings.lease_seconds)

    @cached_property
    def broker_check(self) -> BrokerCheck:
        """The check of the broker's settings.

        Raises:
            BrokerUnavailable: as `store`.
        """
        return BrokerCheck(self.store.scripts.link)

    @cached_property
    def blobs(self) -> BlobStore:
        """The pictures.

        Raises:
            StoreUnavailable: the folder cannot be made.
        """
        try:
            endpoint = self.settings.blob_signing_endpoint
            return BlobStore.open(self.settings.resolved_blob_url(), endpoint)
        except ValueError as error:
            log.warning("store_unavailable", cause="not_opened", detail=str(error))
            raise StoreUnavailable("the blob store cannot be opened") from error

    @cached_property
    def admission(self) -> Admission:
        """The check whether another job may come in."""
        return Admission(self.settings, self.store, self.blobs)

    @cached_property
    def submitter(self) -> Submitter:
        """The use case behind `POST /inpaint`, `POST /outpaint` and `POST /masks`."""
        wakeups = Wakeups(self.store.redis, self.settings.namespace)
        settings, catalogue, store = self.settings, self.catalogue, self.store
        return Submitter(settings, catalogue, store, self.blobs, wakeups, self.admission)

    @cached_property
    def uploads(self) -> UploadStore:
        """Pictures that are uploaded once and used by several jobs."""
        return UploadStore(self.settings, self.store, self.blobs)

    @cached_property
    def job_masks(self) -> JobMasks:
        """Masks of jobs that stand where a mask stands."""
        return JobMasks(self.store, self.blobs)

    @cached_property
    def batches(self) -> BatchSubmitter:
        """The use case behind `/batches`."""
        return BatchSubmitter(self.store, self.blobs, self.submitter, self.settings)

    def check_broker(self) -> None:
        """Log why the broker cannot be used, or what is wrong with its settings."""
        try:
            check = self.broker_check
        except BrokerUnavailable as error:
            log.warning("broker_unavailable", cause="not_configured", detail=error.cause)
            return
        with suppress(BrokerUnavailable):
            check.run()
            self.store.check_ready()


def install(app: Flask, context: Context) -> None:
    """Attach a context to an app."""
    app.extensions[EXTENSION] = context


def get_context() -> Context:
    """Return the context of the app that handles this request."""
    return cast(Context, current_app.extensions[EXTENSION])
