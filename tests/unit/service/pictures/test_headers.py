from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from service.contract.errors import ImageTooLarge, ImageUndecodable
from service.pictures.checks import open_picture
from service.pictures.headers import decoding, read_header
from tests.support.files import insert_in_png, make_chunk
from tests.support.pictures import encode, make_image

FILES = {
    **{f"png {mode}": ("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    **{f"jpeg {mode}": ("JPEG", mode) for mode in ("L", "RGB")},
    **{f"webp {mode}": ("WEBP", mode) for mode in ("L", "RGB", "RGBA")},
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("lossless", [False, True])
def test_read_header_tells_what_pillow_sees(name: str, lossless: bool) -> None:
    kind, mode = FILES[name]
    options = {"lossless": True} if lossless and kind == "WEBP" else {}
    data = encode(make_image(mode, 70, 50), kind, **options)
    header = read_header(BytesIO(data))
    with Image.open(BytesIO(data)) as image:
        assert (header.mode, header.width, header.height) == (image.mode, *image.size)
    opened = open_picture(BytesIO(data), header)
    assert opened.mode == header.mode
    assert opened.size == (70, 50)


def test_read_header_shows_decoders_the_pixels_alone() -> None:
    plain = encode(make_image("L", 70, 50))
    data = insert_in_png(plain, make_chunk(b"tEXt", b"key\0secret"), make_chunk(b"prVt", b"x"))
    header = read_header(BytesIO(data))
    assert b"".join(data[start:stop] for start, stop in header.pixels) == plain
    assert "key" not in open_picture(BytesIO(data), header).info


def test_open_picture_shows_pillow_no_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "JPEG"):
        data = encode(make_image("L", 70, 50), kind, exif=exif, icc_profile=b"profile")
        header = read_header(BytesIO(data))
        assert (header.orientation, header.profile) == (6, b"profile")
        info = open_picture(BytesIO(data), header).info
        assert not {"exif", "icc_profile"} & set(info)


@pytest.mark.parametrize("kind", [OSError, SyntaxError, ValueError, IndexError, OverflowError])
def test_decoding_gives_one_error_for_whatever_decoders_raise(kind: type[Exception]) -> None:
    with pytest.raises(ImageUndecodable, match="broken"), decoding(ImageUndecodable("broken")):
        raise kind


def test_decoding_lets_want_of_memory_and_known_errors_through() -> None:
    for error in (MemoryError(), ImageTooLarge("large")):
        with pytest.raises(type(error)), decoding(ImageUndecodable("broken")):
            raise error
    with pytest.raises(ImageTooLarge), decoding(ImageUndecodable("broken")):
        raise Image.DecompressionBombError
