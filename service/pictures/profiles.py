"""ICC profiles of curves and primaries: read, and built where a file says its colors otherwise.

Source: ICC.1:2022, sections 7.2, 8.3, 9.2 and 10.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

Matrix = Sequence[Sequence[float]]
"""Three rows of three numbers."""

Chromaticities = Sequence[float]
"""x and y of white, red, green and blue, in the order of a PNG's cHRM chunk."""

SRGB: Final[Chromaticities] = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)

_D50: Final = (0.9642, 1.0, 0.8249)
_BRADFORD: Final = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

_HEADER_BYTES: Final = 128
_MAX_TAGS: Final = 100
_FLOAT_TABLES: Final = frozenset((b"D2B0", b"D2B1", b"D2B2", b"D2B3"))
_LOOKUP_TABLES: Final = frozenset((b"A2B0", b"A2B1", b"A2B2")) | _FLOAT_TABLES
"""Tags that a color management module takes instead of the curves."""

_COLORANTS: Final = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES: Final = (b"rTRC", b"gTRC", b"bTRC")


def read_kind(profile: bytes) -> str | None:
    """Return what channels a profile is for: `GRAY`, `RGB`, `CMYK`; `None` for no profile."""
    if len(profile) < _HEADER_BYTES + 4 or profile[36:40] != b"acsp":
        return None
    return profile[16:20].decode("latin-1").strip()


def hide_float_tables(profile: bytes) -> bytes:
    """Return a profile without the tags of floating point, which need not be used if there are any.

    They chain as many steps as fit: one of a megabyte would be computed for minutes or hours.

    Source: ICC.1:2022, 8.2 and 10.17.
    """
    hidden = bytearray(profile)
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    for index in range(min(count, _MAX_TAGS)):
        place = _HEADER_BYTES + 4 + 12 * index
        if profile[place : place + 4] in _FLOAT_TABLES:
            # By a name that no tag has: readers refuse two of one name.
            hidden[place : place + 4] = struct.pack(">I", index + 1)
    return bytes(hidden)


def make_curve(gamma: float, *more: float) -> bytes:
    """Return a curve from values to light: a power, or the four further factors of type 3."""
    kind = {0: 0, 4: 3}[len(more)]
    factors = b"".join(_pack(value) for value in (gamma, *more))
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + factors


def make_gray_profile(curve: bytes) -> bytes:
    """Return a gray profile of a curve."""
    return _make_profile(b"GRAY", {b"kTRC": curve}, _to_d50(SRGB[:2]))


def make_rgb_profile(curve: bytes, colors: Chromaticities = SRGB) -> bytes | None:
    """Return an RGB profile of one curve; `None` if there can be no such colors."""
    try:
        adaption = _to_d50(colors[:2])
        columns = _multiply(adaption, _find_colorants(colors))
        tags = {
            name: b"XYZ " + bytes(4) + b"".join(_pack(row[index]) for row in columns)
            for index, name in enumerate(_COLORANTS)
        }
        return _make_profile(b"RGB ", {**tags, **dict.fromkeys(_CURVES, curve)}, adaption)
    except (ZeroDivisionError, struct.error, OverflowError):
        return None


def to_gray_profile(profile: bytes) -> bytes | None:
    """Return the gray profile that shows gray as an RGB profile does; `None` if there is none."""
    tags = _read_tags(profile)
    curves = {tags.get(name) for name in _CURVES}
    curve = curves.pop()
    if curves or curve is None or _LOOKUP_TABLES & tags.keys():
        return None
    return make_gray_profile(curve)


def to_rgb_profile(profile: bytes) -> bytes | None:
    """Return an RGB profile that shows gray as a gray profile does; `None` if there is none."""
    tags = _read_tags(profile)
    curve = tags.get(b"kTRC")
    if curve is None or _LOOKUP_TABLES & tags.keys() or profile[20:24] != b"XYZ ":
        return None
    return make_rgb_profile(curve)


def _read_tags(profile: bytes) -> dict[bytes, bytes]:
    """Return the tags of a profile, as far as they lie within it."""
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    table = profile[_HEADER_BYTES + 4 :][: 12 * min(count, _MAX_TAGS)]
    whole = table[: len(table) // 12 * 12]
    return {
        name: profile[start : start + length]
        for name, start, length in struct.iter_unpack(">4sII", whole)
        if start + length <= len(profile)
    }


def _find_colorants(colors: Chromaticities) -> Matrix:
    """Return the matrix from light of the primaries to XYZ. Source: SMPTE RP 177-1993."""
    white, *primaries = (_to_xyz(*colors[index : index + 2]) for index in (0, 2, 4, 6))
    matrix = tuple(zip(*primaries, strict=True))
    scales = [sum(a * b for a, b in zip(row, white, strict=True)) for row in _invert(matrix)]
    return tuple(
        tuple(value * scale for value, scale in zip(row, scales, strict=True)) for row in matrix
    )


def _to_d50(white: Sequence[float]) -> Matrix:
    """Return Bradford's adaption of a white to that of profiles. Source: ICC.1:2022, annex E."""
    here, there = (
        [sum(a * b for a, b in zip(row, xyz, strict=True)) for row in _BRADFORD]
        for xyz in (_to_xyz(*white), _D50)
    )
    scaled = tuple(
        tuple(value * there[index] / here[index] for value in row)
        for index, row in enumerate(_BRADFORD)
    )
    return _multiply(_invert(_BRADFORD), scaled)


def _to_xyz(x: float, y: float) -> tuple[float, float, float]:
    return x / y, 1.0, (1 - x - y) / y


def _multiply(one: Matrix, other: Matrix) -> Matrix:
    columns = tuple(zip(*other, strict=True))
    return tuple(
        tuple(sum(a * b for a, b in zip(row, column, strict=True)) for column in columns)
        for row in one
    )


def _invert(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    whole = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    return (
        ((e * i - f * h) / whole, (c * h - b * i) / whole, (b * f - c * e) / whole),
        ((f * g - d * i) / whole, (a * i - c * g) / whole, (c * d - a * f) / whole),
        ((d * h - e * g) / whole, (b * g - a * h) / whole, (a * e - b * d) / whole),
    )


def _make_profile(space: bytes, tags: Mapping[bytes, bytes], adaption: Matrix) -> bytes:
    chad = b"sf32" + bytes(4) + b"".join(_pack(value) for row in adaption for value in row)
    white = b"XYZ " + bytes(4) + b"".join(_pack(value) for value in _D50)
    texts = {b"desc": _make_text("Paintjob"), b"cprt": _make_text("CC0")}
    every = {**texts, b"wtpt": white, b"chad": chad, **tags}
    table, body, start = b"", b"", _HEADER_BYTES + 4 + 12 * len(every)
    places: dict[bytes, int] = {}
    for name, data in every.items():
        if data not in places:
            places[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    head = struct.pack(">8xI4s4s4s", 0x04200000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s28x", 2026, 1, 1, 0, 0, 0, b"acsp") + white[8:]
    whole = head.ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(every)) + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def _make_text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(encoded), 28) + encoded


def _pack(value: float) -> bytes:
    """Return a number of 16 bits before the point and 16 behind it."""
    return struct.pack(">i", round(value * 65536))
