"""OpenCV, bounded to the processors that this process may use."""

from __future__ import annotations

import cv2

from worker.processors import count_threads


def bound_opencv() -> None:
    """Have OpenCV use no more threads than may run at once."""
    cv2.setNumThreads(min(cv2.getNumThreads(), count_threads()))
