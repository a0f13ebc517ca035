"""The pictures of a folder, their masks and their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from service.commands.batch import Task, find_tasks


def _find(
    folder: Path,
    names: Sequence[str],
    *,
    masks: str = "",
    operation: str = "inpaint",
    **params: object,
) -> list[Task]:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())
    params = {"output_format": "png", **params}
    given = folder / masks if masks else None
    return find_tasks(folder, given, folder / "out", operation, params)


def test_masks_are_found_by_the_names_of_their_pictures(tmp_path: Path) -> None:
    names = ("b.jpg", "b-mask.png", "a.PNG", "a_mask.webp", "c.webp", "c.mask.png", "notes.txt")
    tasks = _find(tmp_path, names, output_format="jpeg")
    assert [(task.image.name, task.mask and task.mask.name) for task in tasks] == [
        ("a.PNG", "a_mask.webp"),
        ("b.jpg", "b-mask.png"),
        ("c.webp", "c.mask.png"),
    ]
    assert [task.output.name for task in tasks] == ["a.jpg", "b.jpg", "c.jpg"]


def test_masks_of_a_folder_may_have_the_name_of_the_picture(tmp_path: Path) -> None:
    [task] = _find(tmp_path, ("my-mask.jpg", "masks/my-mask.png"), masks="masks")
    assert task.mask == tmp_path / "masks" / "my-mask.png"


def test_pictures_need_no_mask_where_the_request_says_it_otherwise(tmp_path: Path) -> None:
    [task] = _find(tmp_path, ("a.png",), mask_source="alpha")
    assert task.mask is None
    [task] = _find(tmp_path, (), operation="outpaint")
    assert task.mask is None


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        ((), {}, "has no pictures"),
        (("a.png",), {}, "no mask for a.png; put a-mask.png beside it"),
        (("a.png", "a.jpg"), {"operation": "outpaint"}, "would become a.png: a.jpg, a.png"),
        (("a.png",), {"operation": "upscale"}, "inpaint or outpaint"),
        (("a.png",), {"output_format": "gif"}, "must be one of png"),
    ],
)
def test_folder_is_refused_before_anything_is_sent(
    names: Sequence[str], options: dict[str, str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(typer.BadParameter, match=told):
        _find(tmp_path, names, **options)


def test_key_is_that_of_the_request_unless_it_is_made_again(tmp_path: Path) -> None:
    [first, second] = _find(tmp_path, ("a.png", "b.png"), operation="outpaint", left=8)
    [other, _] = _find(tmp_path, (), operation="outpaint", left=9)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    keys = [task.draw_key("outpaint", again=False) for task in (first, second, other)]
    assert first.draw_key("outpaint", again=False) == keys[0]
    again = {first.draw_key("outpaint", again=True) for _ in range(2)}
    assert len({*keys, *again}) == 5
    assert all(len(key) < 200 for key in keys)
