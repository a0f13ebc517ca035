"""Choose which previews of a running call are made, and report them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

import cv2
import structlog

from worker.engines.base import MakePreviews
from worker.imaging import ImageArray
from worker.operations.preparation import Prepared
from worker.reporting import Reporter

MIN_GAP_SECONDS: Final = 1.0
MAX_SHARE: Final = 0.02
"""Of the time that passes, what making previews may take."""

JPEG_QUALITY: Final = 80
MAX_SIDE: Final = 256

log = structlog.get_logger()


class Previews:
    """Makes previews of one engine call, rarely enough to cost little; no failure leaves it.

    A job that asked for several pictures is shown by the first of those in work.

    Args:
        jobs: of the call.
        report: is given the previews.
        clock: seconds that only grow; tests replace it.
    """

    def __init__(
        self,
        jobs: Sequence[Prepared],
        report: Reporter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._clock = clock
        self._job_ids = [ready.job.job_id for ready in jobs for _ in range(ready.count)]
        self._due_at = clock() + MIN_GAP_SECONDS
        self._is_last_step = False
        self._has_failed = False

    def note_step(self, step: int, steps: int) -> None:
        """Note a finished step: after the last one, no preview is needed."""
        self._is_last_step = step >= steps

    def take(self, make: MakePreviews) -> None:
        """Make previews and report them, if one is due; see `PreviewCallback`."""
        started = self._clock()
        if self._has_failed or self._is_last_step or started < self._due_at:
            return
        try:
            self._show(make)
        except Exception as error:
            # The next would fail too. Logged without its message, which may contain a prompt.
            log.warning("preview_failed", error=type(error).__name__)
            self._has_failed = True
        ended = self._clock()
        self._due_at = ended + max(MIN_GAP_SECONDS, (ended - started) / MAX_SHARE)

    def _show(self, make: MakePreviews) -> None:
        images: dict[str, ImageArray] = {}
        for index, image in sorted(make().items(), key=itemgetter(0)):
            images.setdefault(self._job_ids[index], image)
        for job_id, image in images.items():
            if not self._report.is_aborted(job_id):
                self._report.preview(job_id, encode_preview(image))


def encode_preview(image: ImageArray) -> bytes:
    """Return a JPEG of at most `MAX_SIDE` px a side.

    Args:
        image: RGB uint8 (H, W, 3).
    """
    height, width = image.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale < 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    options = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)
    succeeded, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    if not succeeded:
        raise ValueError("the preview could not be encoded")
    return encoded.tobytes()
