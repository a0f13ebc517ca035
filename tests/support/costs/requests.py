"""Hostile requests for every route that takes a body, headers or a query, by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.support.costs.files import FILES, make_png, plain_mask, plain_png, small_rows

BOUNDARY = "costs"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
JSON = "application/json"
BOX = json.dumps([{"box": [8, 8, 24, 24]}])

_LARGE = frozenset(name for name in FILES if name.startswith("large") or name == "JPEG of scans")

Parts = Mapping[str, bytes | str]


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        path: with its query.
        kind: Content-Type; empty for a request without a body.
        build: returns the body.
        headers: further headers.
        method: of HTTP.
        pixels: of the pictures that it sends.
    """

    path: str
    kind: str
    build: Callable[[], bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    pixels: int = 64 * 64

    @property
    def route(self) -> str:
        """Path without its query, and Content-Type without parameters."""
        return f"{self.path.partition('?')[0]} {self.kind.partition(';')[0]}"


def multipart(parts: Parts) -> bytes:
    """Return a multipart body; bytes are sent as files, texts as fields."""
    pieces = []
    for name, value in parts.items():
        is_file = isinstance(value, bytes)
        head = f'Content-Disposition: form-data; name="{name}"'
        head += f'; filename="{name}.png"' if is_file else ""
        data = value if isinstance(value, bytes) else value.encode()
        pieces += [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


REFERENCES = (
    *(
        (path, kind)
        for path in ("/inpaint", "/outpaint", "/masks", "/batches")
        for kind in (FORM, JSON)
    ),
    ("/uploads", FORM),
    ("/v1/images/edits", FORM),
    ("/v1/images/edits", JSON),
)
"""Routes that take bodies, with the types that they take."""


def build_large(path: str, kind: str) -> bytes:
    """Build a plain body whose picture has 16 megapixels."""
    if path == "/inpaint" and kind == FORM:
        return multipart({"image": _large_image(), "mask": plain_mask(4000)})
    if path == "/v1/images/edits" and kind == FORM:
        clear = FILES["large and clear"]()
        return multipart({"image": _large_image(), "mask": clear, "prompt": "x", "n": "0"})
    return _build(path, kind, _large_image())


def build_reference(path: str, kind: str, length: int) -> bytes:
    """Build a plain body of about this length for a route.

    Args:
        path: of the route, without a query.
        kind: Content-Type of the body.
        length: in bytes.
    """
    return _build(path, kind, plain_png(length * 3 // 4 if kind == JSON else length))


def _build(path: str, kind: str, image: bytes) -> bytes:
    if path == "/uploads":
        return multipart({"file": image})
    if path == "/v1/images/edits" and kind == JSON:
        return json.dumps({"image": _text(image), "prompt": "x", "n": 0}).encode()
    if path == "/v1/images/edits":
        return multipart({"image": image, "prompt": "x", "n": "0"})
    if path == "/batches":
        return _batch(
            {"image": _text(image)} if kind == JSON else {"image": {"part": "a"}}, image, kind
        )
    fields = {"left": 8} if path == "/outpaint" else {"regions": json.loads(BOX)}
    if kind == JSON:
        return json.dumps({"image": _text(image), **fields}).encode()
    texts = {name: json.dumps(value) for name, value in fields.items()}
    return multipart({"image": image, **texts})


def _batch(picture: Mapping[str, object], image: bytes, kind: str) -> bytes:
    item = {"operation": "outpaint", "left": 8, **picture}
    text = json.dumps({"items": [item]})
    return text.encode() if kind == JSON else multipart({"batch": text, "a": image})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def list_requests() -> dict[str, Request]:
    """Return all hostile requests by name."""
    return dict(
        [*_iter_pictures(), *_iter_json(), *_iter_multipart(), *_iter_regions(), *_iter_heads()]
    )


def _iter_pictures() -> Iterator[tuple[str, Request]]:
    for name, build in FILES.items():
        side = 4000 if name in _LARGE else 64
        ways = {
            "image": ("/inpaint", FORM, partial(_as_image, build)),
            "alpha": ("/inpaint?dry_run=true", FORM, partial(_as_alpha, build)),
            "mask": ("/inpaint", FORM, partial(_as_mask, build, side)),
            "source mask": ("/inpaint", FORM, partial(_as_source, build, side)),
            "metadata": ("/outpaint", JSON, partial(_as_json, build)),
            "upload": ("/uploads", FORM, partial(_as_upload, build)),
            "edits": ("/v1/images/edits", FORM, partial(_as_edits, build)),
            "batch": ("/batches", FORM, partial(_as_item, build)),
        }
        for way, (path, kind, body) in ways.items():
            yield f"{way}: {name}", Request(path, kind, body, pixels=side * side)


def _as_image(build: Callable[[], bytes]) -> bytes:
    return multipart({"image": build(), "regions": BOX, "keep_metadata": "true"})


def _as_alpha(build: Callable[[], bytes]) -> bytes:
    return multipart({"image": build(), "mask_source": "alpha"})


def _large_image() -> bytes:
    return FILES["large and black"]()


def _small_image() -> bytes:
    return make_png(small_rows())


def _as_mask(build: Callable[[], bytes], side: int) -> bytes:
    image = _small_image() if side == 64 else _large_image()
    return multipart({"image": image, "mask": build()})


def _as_source(build: Callable[[], bytes], side: int) -> bytes:
    image = _small_image() if side == 64 else _large_image()
    return multipart({"image": image, "regions": BOX, "source_mask": build()})


def _as_json(build: Callable[[], bytes]) -> bytes:
    fields = {"left": 8, "keep_metadata": True, "output_format": "jpeg"}
    return json.dumps({"image": _text(build()), **fields}).encode()


def _as_upload(build: Callable[[], bytes]) -> bytes:
    return multipart({"file": build()})


def _as_edits(build: Callable[[], bytes]) -> bytes:
    # Refused for `n`, after everything was checked: what is accepted waits for its job.
    return multipart({"image": _small_image(), "mask": build(), "prompt": "x", "n": "0"})


def _as_item(build: Callable[[], bytes]) -> bytes:
    return _batch({"image": {"part": "a"}}, build(), FORM)


_TEXTS: Mapping[str, Callable[[], str]] = {
    "brackets": lambda: "[" * 900_000,
    "closed brackets": lambda: "[" * 450_000 + "]" * 450_000,
    "braces": lambda: '{"a":' * 180_000 + "1" + "}" * 180_000,
    "small lists": lambda: "[" + "[]," * 300_000 + "0]",
    "small objects": lambda: "[" + "{}," * 300_000 + "0]",
    "zeros": lambda: "[" + "0," * 450_000 + "0]",
    "reals": lambda: "[" + "1e9," * 220_000 + "0]",
    "digits": lambda: "[" + "1" * 900_000 + "]",
    "one name": lambda: "{" + '"a":0,' * 150_000 + '"b":0}',
    "names": lambda: json.dumps({f"f{index}": 0 for index in range(70_000)}),
    "escapes": lambda: '["' + "\\u0041" * 150_000 + '"]',
    "lone surrogates": lambda: '["' + "\\ud800" * 150_000 + '"]',
    "long text": lambda: '["' + "a" * 900_000 + '"]',
    "blanks": lambda: " " * 900_000 + "[]",
    "not closed": lambda: '["' + 'a","' * 220_000,
    "astral text": lambda: '["' + "\U0001f600" * 220_000 + '"]',
}
"""JSON that is small and could be expensive, as a value of some field."""


_MEMBERS = {
    "/inpaint": "tags",
    "/outpaint": "tags",
    "/masks": "regions",
    "/batches": "items",
    "/v1/images/edits": "images",
}
"""Routes that take JSON, and a member of each that is a list."""

_DATA_URLS: Mapping[str, Callable[[], str]] = {
    "parameters": lambda: ";a=b" * 220_000,
    "names": lambda: ";" + "a" * 900_000,
    "semicolons": lambda: ";" * 900_000,
    "equals": lambda: ";a" + "=" * 900_000,
    "slashes": lambda: "a/" * 450_000,
    "escapes of base64": lambda: ";base64," + "%41" * 300_000,
    "spaces of base64": lambda: ";base64," + "YWJj " * 180_000,
    "hyphens of base64": lambda: ";base64," + "-" * 900_000,
}
"""Texts behind `data:` that could be expensive."""


def _iter_json() -> Iterator[tuple[str, Request]]:
    for name, build in _TEXTS.items():
        for path, listed in _MEMBERS.items():
            yield f"body of {path}: {name}", Request(path, JSON, partial(_encode, "{}", build))
            member = f'{{{{"{listed}":{{}}}}}}'
            yield f"member of {path}: {name}", Request(path, JSON, partial(_encode, member, build))
        for part, path in (
            ("params", "/inpaint"),
            ("regions", "/inpaint"),
            ("batch", "/batches"),
            ("tags", "/outpaint"),
            ("prompt", "/v1/images/edits"),
        ):
            yield f"{part} of {path}: {name}", Request(path, FORM, partial(_as_part, part, build))
        defaults = '{{"defaults":{{"tags":{}}},"items":[{{}},{{}},{{}}]}}'
        yield f"defaults: {name}", Request("/batches", JSON, partial(_encode, defaults, build))
        data_url = '{{"image":"data:image/png;base64,{}"}}'
        build_escaped = partial(_escape, build)
        yield (
            f"data URL: {name}",
            Request("/inpaint", JSON, partial(_encode, data_url, build_escaped)),
        )

    for name, build in _DATA_URLS.items():
        pattern = '{{"image":"data:{}"}}'
        yield f"data URL: {name}", Request("/inpaint", JSON, partial(_encode, pattern, build))


def _escape(build: Callable[[], str]) -> str:
    return json.dumps(build())[1:-1]


def _encode(pattern: str, build: Callable[[], str]) -> bytes:
    return pattern.format(build()).encode()


def _as_part(part: str, build: Callable[[], str]) -> bytes:
    parts: dict[str, bytes | str] = {part: build()}
    return multipart({**parts, **({} if part == "batch" else {"image": _small_image()})})


def _head(text: str) -> bytes:
    return f"--{BOUNDARY}\r\n{text}\r\n\r\n".encode()


def _named(name: str, further: str = "") -> bytes:
    return _head(f'Content-Disposition: form-data; name="{name}"{further}') + b"x\r\n"


_END = f"--{BOUNDARY}--\r\n".encode()

_BODIES: Mapping[str, Callable[[], bytes]] = {
    "long headers": lambda: (
        b"".join(
            _head(f'Content-Disposition: form-data; name="f{index}"\r\nX: ' + "a" * 14_000)
            + b"x\r\n"
            for index in range(60)
        )
        + _END
    ),
    "one long header": lambda: (
        _head('Content-Disposition: form-data; name="a"\r\nX: ' + "a" * 490_000) + b"x\r\n" + _END
    ),
    "many headers": lambda: (
        _head('Content-Disposition: form-data; name="a"' + "\r\nX: a" * 80_000) + b"x\r\n" + _END
    ),
    "parameters": lambda: _named("a", '; a="b"' * 60_000) + _END,
    "quoted": lambda: _named("a", '; filename="' + '\\"' * 200_000 + '"') + _END,
    "no header": lambda: f"--{BOUNDARY}\r\n".encode() + b"a" * 900_000,
    "many parts": lambda: b"".join(_named(f"f{index}") for index in range(14_000)) + _END,
    "equal parts": lambda: _named("a") * 15_000 + _END,
    "empty parts": lambda: f"--{BOUNDARY}\r\n".encode() * 100_000 + _END,
    "near boundaries": lambda: (
        _named("image", '; filename="a"')[:-3]
        + f"\r\n--{BOUNDARY[:-1]}".encode() * 90_000
        + b"\r\n"
        + _END
    ),
    "near boundaries behind": lambda: (
        _named("image", '; filename="a"')[:-3]
        + f"\r\n--{BOUNDARY}x".encode() * 90_000
        + b"\r\n"
        + _END
    ),
    "line breaks": lambda: _named("image", '; filename="a"')[:-3] + b"\r\n" * 450_000 + _END,
    "returns": lambda: _named("image", '; filename="a"')[:-3] + b"\r" * 900_000 + b"\r\n" + _END,
    "hyphens": lambda: _named("image", '; filename="a"')[:-3] + b"\r\n-" * 300_000 + b"\r\n" + _END,
    "preamble": lambda: b"a" * 900_000 + b"\r\n" + _END,
    "broken preamble": lambda: b"\r\n--" * 225_000,
    "no end": lambda: _named("image", '; filename="a"')[:-2] + b"a" * 900_000,
    "long name": lambda: _named("a" * 400_000) + _END,
    "no text": lambda: _named("tags")[:-3] + b"\xff" * 900_000 + b"\r\n" + _END,
    "blanks": lambda: f"--{BOUNDARY}".encode() + b" " * 900_000 + b"\r\n" + _END,
}
"""Multipart bodies that are small and could be expensive, whatever the route."""


def _iter_multipart() -> Iterator[tuple[str, Request]]:
    for name, build in _BODIES.items():
        for path in ("/inpaint", "/outpaint", "/batches", "/uploads", "/v1/images/edits"):
            yield f"multipart of {path}: {name}", Request(path, FORM, build)


_REGIONS: Mapping[str, Callable[[], list[Any]]] = {
    "zigzag": lambda: [{"polygon": [[index % 2 * 4000, index % 3999] for index in range(60_000)]}],
    "upright zigzag": lambda: [
        {"polygon": [[index // 8, index % 2 * 4000] for index in range(9000)]}
    ],
    "holes": lambda: [
        {"polygon": [[0, 0], [4000, 0], [4000, 4000]], "holes": [[[0, 0], [9, 0], [9, 4000]]] * 900}
    ],
    "boxes": lambda: [{"box": [0, 0, 4000, 4000]}] * 20_000,
    "runs": lambda: [{"rle": {"size": [4000, 4000], "counts": [0, 1] * 90_000}}],
    "run text": lambda: [{"rle": {"size": [4000, 4000], "counts": "01" * 400_000}}],
    "many texts": lambda: [{"rle": {"size": [4000, 4000], "counts": "0" * 90_000}}] * 10,
    "far away": lambda: [{"polygon": [[-1e300, -1e300], [1e300, 1e300], [0, 1e300]]}] * 9000,
    "layers": lambda: [{"box": [0, 0, 9, 9]}, {"box": [0, 0, 1, 1], "subtract": True}] * 30,
    "wrong": lambda: [{"box": "x"}] * 60_000,
    "unknown": lambda: [{"x": 0}] * 90_000,
    "empty": lambda: [{}] * 200_000,
}


def _iter_regions() -> Iterator[tuple[str, Request]]:
    for name, build in _REGIONS.items():
        for path, wanted in (("/inpaint", []), ("/masks", [{"find": "subject"}])):
            body = partial(_as_regions, build, wanted)
            yield f"regions of {path}: {name}", Request(path, FORM, body, pixels=4000**2)


def _as_regions(build: Callable[[], list[Any]], wanted: list[Any]) -> bytes:
    text = json.dumps([*build(), *wanted], separators=(",", ":"))
    return multipart({"image": _large_image(), "regions": text})


_LONG: Mapping[str, str] = {
    "commas": "," * 8000,
    "semicolons": ";" * 8000,
    "quotes": '"' * 8000,
    "open quote": '"' + "\\" * 8000,
    "equals": "a=" * 4000,
    "blanks": "a" + " " * 8000 + "a",
    "types": "a/b;q=0.1," * 800,
    "charsets": "a/b" + "; charset=" * 750,
    "waits": "wait=1," * 1000,
    "digits": "9" * 8000,
}


def _iter_heads() -> Iterator[tuple[str, Request]]:
    build = partial(build_reference, "/outpaint", FORM, 10_000)
    for name, text in _LONG.items():
        for header in ("Prefer", "Accept", "Idempotency-Key", "Authorization", "X-Request-ID"):
            headers = {header: text}
            yield f"{header}: {name}", Request("/outpaint?dry_run=true", FORM, build, headers)
        kind = f"{FORM}; {text}"
        yield f"Content-Type: {name}", Request("/outpaint?dry_run=true", kind, build)
        path = f"/jobs?cursor={text.replace(' ', '+')}&tag={text.replace(' ', '+')}"[:4000]
        yield f"query: {name}", Request(path, "", bytes, method="GET")
    statuses = "&status=queued" * 280
    yield "query: statuses", Request(f"/jobs?{statuses}", "", bytes, method="GET")
