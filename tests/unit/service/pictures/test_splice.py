from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from service.pictures.picture_header import join_spans
from service.pictures.splice import splice

DATA = bytes(range(256)) * 4


@given(
    cuts=st.lists(st.integers(0, len(DATA)), min_size=2, max_size=10),
    moves=st.lists(st.tuples(st.integers(0, 1100), st.integers(0, 400)), max_size=10),
)
def test_splice_reads_as_the_joined_parts_would(
    cuts: list[int], moves: list[tuple[int, int]]
) -> None:
    cuts.sort()
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    joined = io.BytesIO(b"".join(DATA[start:stop] for start, stop in spans))
    view = splice(io.BytesIO(DATA), spans)
    for position, count in moves:
        assert view.seek(position) == joined.seek(position)
        assert view.read(count) == joined.read(count)
        assert view.tell() == joined.tell()
    assert view.seek(0, io.SEEK_END) == len(joined.getvalue())
    view.seek(0)
    assert view.read() == joined.getvalue()


def test_splice_leaves_the_file_open() -> None:
    file = io.BytesIO(DATA)
    splice(file, [(0, 9)]).close()
    assert file.read(2) == DATA[:2]


def test_join_spans_joins_neighbors_only() -> None:
    assert join_spans([(0, 4), (4, 9), (11, 12), (12, 20)]) == ((0, 9), (11, 20))
