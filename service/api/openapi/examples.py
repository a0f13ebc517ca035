"""Bodies that are accepted, for the OpenAPI document: one for each form of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.contract.params import Operation

_MASK = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAGUlEQVR4"
    "2mNgGL7g/38GBgYmGG9gGcMVAADoVwIdTCJ3EgAAAABJRU5ErkJggg=="
)
SAMPLES = {
    "image": (
        "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAK0lEQVR42u3MMREAAAgE"
        "oNfkRjeEmwcBqMlNRyAQCAQCgUAgEAgEAsHzYAFAdAEArKmlZAAAAABJRU5ErkJggg=="
    ),
    "mask": _MASK,
    "source_mask": _MASK,
}
"""Gray, and black with a white square; both 64x64, as base64."""

_CUT_OUT = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAQAAAAAYLlVAAAATUlEQVR42u3WMQoAMAgDQC19eH9u"
    "n+AoyGWNw0EW81WM5kQAAAAAAAAAzOa2F9n0ZQIAAAAAAID1/0CZAAAAAAAAAAAAAAAAAABgOeAD"
    "n+QEAlo9UxoAAAAASUVORK5CYII="
)
"""Gray with a transparent square."""

EXAMPLES: Mapping[Operation, Mapping[str, dict[str, Any]]] = {
    "inpaint": {
        "smallest": {"mask": _MASK},
        "alpha": {"image": _CUT_OUT, "mask_source": "alpha"},
        "regions": {
            "regions": [
                {"box": [8, 8, 24, 24]},
                {
                    "polygon": [[30, 30], [60, 30], [60.5, 58.25], [30, 60]],
                    "holes": [[[40, 40], [50, 40], [45, 50]]],
                },
                {"rle": {"size": [64, 64], "counts": [2050, 4, 60, 4, 1978]}},
                {"rle": {"size": [64, 64], "counts": "`98h10000000000000`V3"}},
            ],
            "grow": 2,
            "feather": 3,
        },
    },
    "outpaint": {
        "smallest": {"right": 32},
        "margins": {"left": 16, "top": 8, "right": 16, "bottom": 0},
        "percent": {"left_percent": 12.5, "right_percent": 12.5},
        "aspect_ratio": {"aspect_ratio": "16:9", "anchor": "bottom"},
        "canvas": {"width": 100, "height": 80, "anchor": "top_left"},
        "position": {"width": 101, "height": 79, "x": 30, "y": 15},
        "zoom_out": {"zoom_out": 1.5, "overlap": 4, "method": "pattern"},
    },
}
"""The fields of a body besides the picture, by operation and name."""


def build_example(operation: Operation, name: str = "smallest") -> dict[str, Any]:
    """Return a JSON body that is accepted."""
    return {"image": SAMPLES["image"], **EXAMPLES[operation][name]}
