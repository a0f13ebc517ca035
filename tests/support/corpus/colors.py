"""Files of every mode, depth and kind of transparency."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from tests.support.corpus.cases import (
    HEIGHT,
    UNDECODABLE,
    UNSUPPORTED,
    WIDTH,
    Case,
    make_files,
    make_gray,
    make_picture,
    put,
    see_with_pillow,
)
from tests.support.files import (
    make_chunk,
    make_png,
)
from tests.support.pictures import encode, make_alpha, make_image


def list_whole() -> Iterator[Case]:
    """Yield files in which nothing is wrong, in every mode and coding."""
    for name, data in make_files().items():
        yield Case(name, data, pixels=see_with_pillow(data))
    for mode in ("1", "L", "LA", "RGB", "RGBA"):
        image = make_image(mode, WIDTH, HEIGHT)
        expected = np.asarray(image.convert("L") if mode == "1" else image)
        yield Case(f"png {mode}", encode(image), pixels=expected)
    for subsampling in (0, 1, 2):
        data = encode(make_picture(), "JPEG", subsampling=subsampling)
        yield Case(f"jpeg subsampling {subsampling}", data, pixels=see_with_pillow(data))
    for option in ("keep_rgb", "restart_marker_rows", "optimize"):
        data = encode(make_picture(), "JPEG", **{option: 1})
        yield Case(f"jpeg {option}", data, pixels=see_with_pillow(data))
    data = encode(make_image("L", WIDTH, HEIGHT), "JPEG")
    yield Case("jpeg gray", data, pixels=see_with_pillow(data))
    transparent = np.dstack((make_picture(), make_alpha(WIDTH, HEIGHT)))
    data = encode(transparent, "WEBP", lossless=True, exact=True)
    yield Case("webp lossless, colors under alpha 0", data, pixels=transparent)
    yield Case("png, colors under alpha 0", encode(transparent), pixels=transparent)


def list_depths() -> Iterator[Case]:
    """Yield pictures of other depths and colors: exact, or refused."""
    for depth in (1, 2, 4):
        samples, step = make_gray(2**depth), 255 // (2**depth - 1)
        data = make_png(samples, 0, depth=depth)
        yield Case(f"gray of {depth} bits", data, pixels=samples * np.uint8(step))
        clear = make_chunk(b"tRNS", struct.pack(">H", 1))
        alpha = np.where(samples == 1, 0, 255).astype(np.uint8)
        data = make_png(samples, 0, depth=depth, head=[clear])
        expected = np.dstack((samples * np.uint8(step), alpha))
        yield Case(f"gray of {depth} bits with tRNS", data, pixels=expected)
    yield from _list_deep()
    cmyk = make_image("CMYK", WIDTH, HEIGHT)
    yield Case("cmyk jpeg", encode(cmyk, "JPEG"), UNSUPPORTED)
    plain = encode(cmyk, "JPEG")
    start = plain.index(b"\xff\xee")
    (length,) = struct.unpack(">H", plain[start + 2 : start + 4])
    without = plain[:start] + plain[start + 2 + length :]
    yield Case("cmyk jpeg without Adobe's marker", without, UNSUPPORTED)
    for transform in (0, 2):
        marked = put(plain, start + 2 + length - 1, bytes([transform]))
        yield Case(f"cmyk jpeg inverted, transform {transform}", marked, UNSUPPORTED)
    jpeg = make_files()["jpeg"]
    frame = jpeg.index(b"\xff\xc0")
    twelve = put(put(jpeg, frame, b"\xff\xc1"), frame + 4, b"\x0c")
    yield Case("jpeg of 12 bits", twelve, UNSUPPORTED)
    yield Case("jpeg arithmetic", put(jpeg, frame, b"\xff\xc9"), UNSUPPORTED)
    yield Case("jpeg lossless", put(jpeg, frame, b"\xff\xc3"), UNSUPPORTED)
    yield Case("png of 3 bits", make_png(make_gray(8), 0, depth=8).replace(*_depth(3)), UNDECODABLE)


def _list_deep() -> Iterator[Case]:
    rng = np.random.default_rng(16)
    for color_type, channels in {0: 1, 2: 3, 4: 2, 6: 4}.items():
        deep = rng.integers(0, 2**16, (HEIGHT, WIDTH, channels)).astype(np.uint16)
        pixels = deep[..., 0] if channels == 1 else deep
        for interlaced in (False, True):
            data = make_png(deep, color_type, depth=16, interlaced=interlaced)
            name = f"16 bits, {channels} channels, {'' if interlaced else 'not '}interlaced"
            yield Case(name, data, pixels=pixels)
        if channels in (1, 3):
            # Another pixel differs in its low byte alone.
            deep[0, 1] = deep[0, 0] ^ 1
            clear = make_chunk(b"tRNS", deep[0, 0].astype(">u2").tobytes())
            data = make_png(deep, color_type, depth=16, head=[clear])
            alpha = np.where((deep == deep[0, 0]).all(axis=2), 0, 0xFFFF).astype(np.uint16)
            expected = np.dstack((deep, alpha))
            yield Case(f"16 bits, {channels} channels, tRNS", data, pixels=expected)


def list_palettes() -> Iterator[Case]:
    """Yield palette pictures, and transparency by value."""
    rng = np.random.default_rng(0)
    for depth in (1, 2, 4, 8):
        colors = rng.integers(0, 256, (2**depth, 3), np.uint8)
        samples = make_gray(2**depth)
        table = make_chunk(b"PLTE", colors.tobytes())
        data = make_png(samples, 3, depth=depth, head=[table])
        yield Case(f"palette of {depth} bits", data, pixels=colors[samples])
        yield Case(
            f"palette of {depth} bits, interlaced",
            make_png(samples, 3, depth=depth, head=[table], interlaced=True),
            pixels=colors[samples],
        )
        some = make_chunk(b"tRNS", b"\x00\x80"[: 2**depth])
        alphas = np.full(256, 255, np.uint8)
        alphas[:2] = 0, 0x80
        expected = np.dstack((colors[samples], alphas[samples]))
        data = make_png(samples, 3, depth=depth, head=[table, some])
        yield Case(f"palette of {depth} bits with tRNS", data, pixels=expected)
        short = make_chunk(b"PLTE", colors[:-1].tobytes())
        samples[0, 0] = 2**depth - 1
        data = make_png(samples, 3, depth=depth, head=[short])
        name = f"palette of {depth} bits lacks an index"
        yield Case(name, data, UNDECODABLE, may_pass=True)
        long = make_chunk(b"tRNS", bytes(2**depth + 1))
        data = make_png(samples, 3, depth=depth, head=[table, long])
        yield Case(f"tRNS longer than the palette of {depth} bits", data, UNDECODABLE)
    yield Case("palette missing", make_png(make_gray(4), 3), UNDECODABLE)
    torn = make_chunk(b"PLTE", bytes(10))
    yield Case("palette torn", make_png(make_gray(4), 3, head=[torn]), UNDECODABLE)
    yield from _list_values()


def _list_values() -> Iterator[Case]:
    rgb, gray = make_picture(), make_gray()
    color = rgb[5, 7]
    alpha = np.where((rgb == color).all(axis=2), 0, 255).astype(np.uint8)
    for name, high in (("", 0), (" with bits above its depth", 0xAB00)):
        value = make_chunk(b"tRNS", struct.pack(">3H", *(high | int(part) for part in color)))
        data = make_png(rgb, 2, head=[value])
        yield Case(f"rgb with tRNS{name}", data, pixels=np.dstack((rgb, alpha)))
        value = make_chunk(b"tRNS", struct.pack(">H", high | int(gray[3, 4])))
        clear = np.where(gray == gray[3, 4], 0, 255).astype(np.uint8)
        data = make_png(gray, 0, head=[value])
        yield Case(f"gray with tRNS{name}", data, pixels=np.dstack((gray, clear)))
    for samples, kind, lengths in ((gray, 0, (0, 1, 3)), (rgb, 2, (2, 5, 7))):
        for length in lengths:
            data = make_png(samples, kind, head=[make_chunk(b"tRNS", bytes(length))])
            yield Case(f"tRNS of {length} bytes, color type {kind}", data, UNDECODABLE)
    late = make_png(gray, 0, tail=[make_chunk(b"tRNS", b"\0\0")])
    yield Case("tRNS behind the pixels", late, pixels=gray)
    beside = np.dstack((gray, make_alpha(WIDTH, HEIGHT)))
    data = make_png(beside, 4, head=[make_chunk(b"tRNS", b"\0\0")])
    yield Case("tRNS beside alpha", data, pixels=beside)


def _depth(bits: int) -> tuple[bytes, bytes]:
    """Return the header chunk of an 8-bit gray picture, and the same with other bits."""
    chunks = [
        make_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, 0, 0, 0, 0))
        for depth in (8, bits)
    ]
    return chunks[0], chunks[1]
