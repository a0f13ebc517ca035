from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from service.cli import app
from service.pictures.xmp import EDITED_BY_MODEL, write_packet
from tests.support.files import insert_in_png, make_chunk, make_png
from tests.support.pictures import encode, make_box_mask, make_image, make_profile

MASK = make_box_mask(70, 50, (20, 10, 40, 30))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an original, its mask, and results that are right and wrong."""
    image = make_image("RGB", 70, 50)
    painted, broken = image.copy(), image.copy()
    painted.paste("red", (20, 10, 40, 30))
    broken.putpixel((60, 40), (1, 2, 3))
    canvas = Image.new("RGB", (90, 60))
    canvas.paste(image, (15, 10))
    mask = Image.fromarray(MASK)
    files = {"original": image, "mask": mask, "right": painted, "wrong": broken, "wide": canvas}
    for name, picture in files.items():
        (tmp_path / f"{name}.png").write_bytes(encode(picture))
    (tmp_path / "all.png").write_bytes(encode(Image.new("L", image.size, 255)))
    (tmp_path / "dark16.png").write_bytes(encode(Image.new("I;16", image.size, 300)))
    (tmp_path / "profiled.png").write_bytes(encode(painted, icc_profile=make_profile()))
    (tmp_path / "right.tiff").write_bytes(encode(painted, "TIFF"))
    (tmp_path / "text.png").write_text("no picture")
    return tmp_path


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    found = [str(folder / word) if "." in word else word for word in arguments]
    result = CliRunner().invoke(app, ["verify", *found])
    return result.exit_code, result.output


def test_verify_proves(folder: Path) -> None:
    status, told = run(folder, "original.png", "right.png", "--mask", "mask.png")
    assert status == 0
    assert re.search(r"kept pixels: +3100\nchanged: +0\nlargest difference: +0\n", told)


def test_verify_notes_another_color_profile(folder: Path) -> None:
    arguments = ("original.png", "profiled.png", "--mask", "mask.png")
    status, told = run(folder, *arguments)
    assert status == 0
    assert re.search(r"note: +the result has another color profile than the original\n", told)
    status, told = run(folder, *arguments, "--json")
    assert status == 0
    assert len(json.loads(told)["notes"]) == 1


def test_verify_tells_the_digital_source_type(folder: Path) -> None:
    xmp = make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + write_packet(EDITED_BY_MODEL))
    (folder / "marked.png").write_bytes(insert_in_png((folder / "right.png").read_bytes(), xmp))
    arguments = ("original.png", "marked.png", "--mask", "mask.png")
    status, told = run(folder, *arguments)
    assert status == 0
    assert f"digital source type: {EDITED_BY_MODEL}\n" in told
    assert (
        json.loads(run(folder, *arguments, "--json")[1])["digital_source_type"] == EDITED_BY_MODEL
    )


def test_verify_finds_what_changed(folder: Path) -> None:
    status, told = run(folder, "original.png", "wrong.png", "--mask", "mask.png")
    assert status == 1
    assert re.search(r"changed: +1\n", told)
    assert "[60, 40, 61, 41]" in told


def test_verify_takes_where_the_original_lies(folder: Path) -> None:
    place = ("--left", "15", "--top", "10")
    assert run(folder, "original.png", "wide.png", *place)[0] == 0
    assert run(folder, "original.png", "wide.png", "--left", "14", "--top", "10")[0] == 1
    status, told = run(folder, "original.png", "wide.png", *place, "--overlap", "4")
    assert status == 0
    assert re.search(r"in the band: +\d+", told)


@pytest.mark.parametrize(
    "arguments",
    [
        ("original.png", "wide.png", "--mask", "mask.png"),
        ("original.png", "text.png", "--mask", "mask.png"),
        ("original.png", "absent.png", "--mask", "mask.png"),
        ("original.png", "right.png", "--mask", "text.png"),
        ("original.png", "right.png", "--left", "1"),
        ("original.png", "right.png", "--job", "text.png"),
        ("original.png", "right.png", "--mask", "all.png"),
        ("original.png", "wide.png", "--left", "15", "--top", "10", "--overlap", "400"),
        ("original.png", "dark16.png", "--mask", "mask.png"),
        ("original.png", "right.tiff", "--mask", "mask.png"),
    ],
)
def test_verify_says_what_cannot_be_compared(folder: Path, arguments: tuple[str, ...]) -> None:
    status, told = run(folder, *arguments)
    assert status == 2
    assert "cannot be compared" in told
    status, told = run(folder, *arguments, "--json")
    assert status == 2
    assert json.loads(told)["proven"] is None


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--overlap", "3"),
        ("--mask", "mask.png", "--left", "0"),
        ("--left", "0", "--mask-threshold", "9"),
        ("--job", "job.json", "--left", "0"),
        ("--job", "job.json", "--mask", "mask.png", "--mask-polarity", "black_repaints"),
    ],
)
def test_verify_refuses_options_that_do_not_go_together(
    folder: Path, options: tuple[str, ...]
) -> None:
    status, told = run(folder, "original.png", "right.png", *options)
    assert status == 2
    assert "Usage" in told


def job_of(folder: Path, result: str, **changes: Any) -> dict[str, Any]:
    digests = {
        name: hashlib.sha256((folder / f"{file}.png").read_bytes()).hexdigest()
        for name, file in {"image": "original", "mask": "mask", "output": result}.items()
    }
    proof = {
        "kept_pixels": 3100,
        "kept_pixels_changed": 0,
        "max_difference": 0,
        "touched_box": [20, 10, 40, 30],
        "band_pixels": 0,
        "image_sha256": digests["image"],
        "mask_sha256": digests["mask"],
        "output_sha256": digests["output"],
        **changes,
    }
    data = (folder / f"{result}.png").read_bytes()
    width, height = Image.open(BytesIO(data)).size
    output = {"index": 0, "url": "/", "sha256": digests["output"], "proof": proof}
    output |= {"width": width, "height": height, "bytes": len(data)}
    job = {"id": "job_1", "operation": "inpaint", "params": {"seed": 1}, "outputs": [output]}
    (folder / "job.json").write_text(json.dumps(job))
    return job


def test_verify_checks_what_the_job_says(folder: Path) -> None:
    arguments = ("original.png", "right.png", "--mask", "mask.png", "--job", "job.json")
    job_of(folder, "right")
    assert run(folder, *arguments)[0] == 0
    job_of(folder, "right", kept_pixels=3099)
    status, told = run(folder, *arguments)
    assert status == 1
    assert "kept_pixels is 3100, but the job document says 3099" in told
    job_of(folder, "wrong")
    assert "not one of the output files of the job" in run(folder, *arguments)[1]


def test_verify_takes_a_lossy_result_that_is_what_the_job_says(folder: Path) -> None:
    plain = ("original.png", "wrong.png", "--mask", "mask.png")
    largest = json.loads(run(folder, *plain, "--json")[1])["max_difference"]
    arguments = (*plain, "--job", "job.json")
    job = job_of(folder, "wrong", kept_pixels_changed=1, max_difference=largest)
    assert run(folder, *arguments)[0] == 1
    job["outputs"][0]["format"] = "jpeg"
    (folder / "job.json").write_text(json.dumps(job))
    assert run(folder, *arguments)[0] == 0
    answer = json.loads(run(folder, *arguments, "--json")[1])
    assert (answer["proven"], answer["as_stated"]) == (False, True)
    job["outputs"][0]["proof"]["kept_pixels_changed"] = 2
    (folder / "job.json").write_text(json.dumps(job))
    assert run(folder, *arguments)[0] == 1


def test_verify_needs_the_mask_of_an_inpainting_job(folder: Path) -> None:
    job_of(folder, "right")
    status, told = run(folder, "original.png", "right.png", "--job", "job.json")
    assert status == 2
    assert "links.mask" in told


def test_verify_takes_the_geometry_of_the_job(folder: Path) -> None:
    touched = [0, 0, 90, 60]
    job = job_of(folder, "wide", kept_pixels=3500, mask_sha256=None, touched_box=touched)
    job |= {
        "operation": "outpaint",
        "params": {"overlap": 0},
        "geometry": {
            "width": 90,
            "height": 60,
            "original": {"left": 15, "top": 10, "right": 85, "bottom": 60},
            "margins": {"left": 15, "top": 10, "right": 5, "bottom": 0},
            "asked": "margins",
        },
    }
    (folder / "job.json").write_text(json.dumps(job))
    assert run(folder, "original.png", "wide.png", "--job", "job.json")[0] == 0
    job["geometry"]["width"] = 95
    (folder / "job.json").write_text(json.dumps(job))
    status, told = run(folder, "original.png", "wide.png", "--job", "job.json")
    assert status == 1
    assert "geometry.width is 90, but the job document says 95" in told
    status, told = run(
        folder, "original.png", "wide.png", "--job", "job.json", "--mask", "mask.png"
    )
    assert status == 2
    assert "geometry" in told


def test_verify_speaks_json(folder: Path) -> None:
    status, told = run(folder, "original.png", "wrong.png", "--mask", "mask.png", "--json")
    assert status == 1
    answer = json.loads(told)
    assert answer["proven"] is False
    assert answer["kept_pixels_changed"] == 1
    assert answer["changed_box"] == [60, 40, 61, 41]


def run_script(
    folder: Path, original: str, result: str, *, deep: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the script that the document shows, or that for 16 bits."""
    text = Path("docs/proof.md").read_text()
    scripts = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (folder / "check.py").write_text(scripts[deep])
    return subprocess.run(
        [sys.executable, "check.py", original, result, "mask.png"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("result", "status"), [("right.png", 0), ("wrong.png", 1)])
def test_the_script_in_the_document_checks_a_result(folder: Path, result: str, status: int) -> None:
    done = run_script(folder, "original.png", result)
    assert done.returncode == status
    assert ("proven" in done.stdout) == (status == 0)


@pytest.mark.parametrize(("changed", "status"), [(0, 0), (1, 1)])
def test_the_script_for_16_bits_checks_a_result(folder: Path, changed: int, status: int) -> None:
    with Image.open(folder / "original.png") as original:
        numbers = np.asarray(original.convert("RGB")).astype(np.uint16) * 129
    (folder / "deep.png").write_bytes(make_png(numbers, 2, depth=16))
    numbers[0, 0, 1] ^= changed
    (folder / "result.png").write_bytes(make_png(numbers, 2, depth=16))
    done = run_script(folder, "deep.png", "result.png", deep=True)
    assert done.returncode == status, done.stderr
    assert ("proven" in done.stdout) == (status == 0)


def test_the_script_in_the_document_lets_xmp_turn_nothing(folder: Path) -> None:
    xmp = b'<rdf:Description tiff:Orientation="3"/>'
    chunk = make_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + xmp)
    original = (folder / "original.png").read_bytes()
    marked = insert_in_png(original, chunk)
    webp = encode(Image.open(BytesIO(original)), "WEBP", lossless=True, xmp=xmp)
    for name, data in {"marked.png": marked, "marked.webp": webp}.items():
        assert Image.open(BytesIO(data)).getexif()[0x0112] == 3
        (folder / name).write_bytes(data)
        done = run_script(folder, name, "right.png")
        assert done.returncode == 0, done.stderr
