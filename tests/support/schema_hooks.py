"""Real pictures for schemathesis: a schema tells it only that a file is binary."""

from __future__ import annotations

import base64

import schemathesis
from hypothesis import strategies

from tests.support.http import mask, picture

# One size: a picture and a mask that are drawn apart must fit each other.
PICTURES = [
    picture(64, 64),
    picture(64, 64, kind="JPEG"),
    picture(64, 64, kind="WEBP", lossless=True),
    mask(64, 64, (16, 16, 48, 48)),
    mask(64, 64, (8, 8, 24, 60)),
]
FORMAT = "x-picture"

files = strategies.sampled_from(PICTURES)
for media_type in (
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/png, image/jpeg, image/webp",
):
    schemathesis.openapi.media_type(media_type, files)
schemathesis.openapi.format(FORMAT, files.map(lambda data: base64.b64encode(data).decode()))
