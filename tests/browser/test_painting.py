"""What a user does on the page, from choosing a picture to using the call elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from playwright.sync_api import Browser, expect

from tests.support.pictures import encode
from tests.support.playground import PHONE, Pixels, Playground, read_pixels

ROOT = Path(__file__).parents[2]
ROCKET = (ROOT / "demo" / "pictures" / "rocket.jpg").read_bytes()


def _make_picture(width: int, height: int) -> bytes:
    """Make a picture of which no two pixels that matter are alike: grain on a gradient."""
    down, across = np.mgrid[0:height, 0:width]
    channels = np.stack([across * 200 // width, down * 200 // height, (across + down) % 200], 2)
    grain = np.random.default_rng(7).integers(0, 50, channels.shape)
    return encode((channels + grain).astype(np.uint8))


def _make_disc(width: int, height: int) -> tuple[Pixels, npt.NDArray[np.bool_]]:
    """Make a picture of a red disc on a gray ground with grain, and the mask of the disc."""
    down, across = np.mgrid[0:height, 0:width]
    disc = (across - width // 2) ** 2 + (down - height // 2) ** 2 < (height // 4) ** 2
    pixels = np.where(disc[..., None], (180, 40, 50), (205, 210, 212))
    grain = np.random.default_rng(3).integers(-4, 5, pixels.shape)
    return (pixels + grain).astype(np.uint8), disc


def test_painted_mask_is_repainted_and_every_other_pixel_kept(playground: Playground) -> None:
    sent = _make_picture(320, 240)
    playground.choose(sent)
    paint = playground.page.get_by_role("button", name="Paint", exact=True)
    expect(paint).to_be_disabled()
    playground.drag([(0.4, 0.4), (0.6, 0.6)])
    mask = playground.save_mask() == 255
    assert mask[120, 160]
    assert 0 < mask.mean() < 0.1
    playground.paint()
    kept = f"{np.count_nonzero(~mask):,} pixels kept, 0 changed"
    expect(playground.badge).to_contain_text(kept)
    before, after = read_pixels(sent), read_pixels(playground.download())
    assert np.array_equal(before[~mask], after[~mask])
    assert not np.array_equal(before[mask], after[mask])


def test_pictures_are_dropped_and_pasted(playground: Playground) -> None:
    for kind, name in (("drop", "DragEvent"), ("paste", "ClipboardEvent")):
        playground.page.evaluate(
            """async ([kind, name, bytes]) => {
              const data = new DataTransfer();
              const file = new File([new Uint8Array(bytes)], `${kind}.png`, { type: "image/png" });
              data.items.add(file);
              const init = { dataTransfer: data, clipboardData: data, bubbles: true };
              document.body.dispatchEvent(new window[name](kind, init));
            }""",
            [kind, name, list(_make_picture(32, 24))],
        )
        other = playground.page.get_by_label(f"Choose another picture than {kind}.png")
        expect(other).to_be_attached()


def test_mask_tools_add_erase_invert_undo_and_load(playground: Playground) -> None:
    playground.choose(_make_picture(320, 240))
    playground.use("Box")
    playground.drag([(0.25, 0.25), (0.75, 0.75)])
    box = playground.save_mask()
    assert (box[60:180, 80:240] == 255).all()
    assert np.count_nonzero(box) == 160 * 120
    playground.use("Eraser")
    playground.drag([(0.2, 0.5), (0.8, 0.5)])
    erased = playground.save_mask()
    assert not erased[118:122].any()
    playground.use("Lasso")
    playground.drag([(0.05, 0.05), (0.2, 0.05), (0.05, 0.2)])
    assert playground.save_mask()[20, 25]
    playground.page.keyboard.press("Control+z")
    assert np.array_equal(playground.save_mask(), erased)
    playground.page.keyboard.press("Control+z")
    assert np.array_equal(playground.save_mask(), box)
    playground.page.keyboard.press("Control+Shift+z")
    assert np.array_equal(playground.save_mask(), erased)
    playground.page.keyboard.press("i")
    inverted = playground.save_mask()
    assert np.array_equal(inverted, 255 - erased)
    playground.page.keyboard.press("Delete")
    expect(playground.page.get_by_label("Save the mask")).to_be_disabled()
    playground.load_mask(inverted)
    assert np.array_equal(playground.save_mask(), inverted)
    playground.load_mask(inverted[:-1])
    alert = playground.page.get_by_role("alert")
    expect(alert).to_contain_text("The mask has 320 \u00d7 239 pixels")


def test_things_are_found_and_seen_before_they_are_painted(playground: Playground) -> None:
    page = playground.page
    playground.choose(encode(np.full((200, 300, 3), 200, np.uint8)))
    page.get_by_role("button", name="Subject", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was found here.")
    pixels, disc = _make_disc(300, 200)
    playground.choose(encode(pixels))
    page.get_by_role("button", name="Subject", exact=True).click()
    save = page.get_by_label("Save the mask")
    expect(save).to_be_enabled()
    found = playground.save_mask() > 0
    # With the disc's rim.
    assert found[disc].mean() > 0.99
    assert (found & disc).sum() > 0.85 * (found | disc).sum()
    playground.use("Undo")
    expect(save).to_be_disabled()
    # The thing in a box; the brush adds to it.
    page.get_by_label("Boxes mark only the thing in them").check()
    playground.drag([(0.02, 0.02), (0.98, 0.98)])
    expect(save).to_be_enabled()
    boxed = playground.save_mask() > 0
    assert (boxed & disc).sum() > 0.8 * (boxed | disc).sum()
    playground.use("Brush")
    playground.drag([(0.01, 0.5), (0.03, 0.5)])
    mask = playground.save_mask() > 0
    assert mask[boxed].all()
    assert mask.sum() > boxed.sum()
    playground.paint()
    kept = f"{np.count_nonzero(~mask):,} pixels kept, 0 changed"
    expect(playground.badge).to_contain_text(kept)


def test_keyboard_alone_paints_zooms_and_pans(playground: Playground) -> None:
    playground.choose(_make_picture(320, 240))
    keyboard, stage = playground.page.keyboard, playground.page.locator(".pointer-layer")
    stage.focus()
    for key in ("ArrowRight", "Space", *["ArrowRight"] * 6, "Space"):
        keyboard.press(key)
    mask = playground.save_mask()
    assert mask[120, 165]
    assert not mask[120, 100]
    zoom = playground.page.locator(".zoom")
    [fitted] = re.findall(r"[0-9]+ %", zoom.inner_text())
    keyboard.press("+")
    expect(zoom).not_to_contain_text(fitted)
    keyboard.press("0")
    expect(zoom).to_contain_text(fitted)
    keyboard.press("?")
    expect(playground.page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    keyboard.press("Escape")
    keyboard.press("Control+Enter")
    expect(playground.badge).to_be_visible()


def test_borders_are_dragged_and_snap_to_ratios(playground: Playground) -> None:
    sent = _make_picture(300, 200)
    playground.choose(sent)
    playground.page.get_by_text("Extend", exact=True).click()
    playground.drag([(1.0, 0.5), (1.19, 0.5)])
    # 355.56 is 16:9, and where the border was let go is near it.
    expect(playground.page.get_by_label("Right")).to_have_value("56")
    expect(playground.page.get_by_text("becomes 356 \u00d7 200 (16:9).")).to_be_visible()
    playground.page.get_by_label("Unit of the margins").select_option("%")
    playground.page.get_by_label("Top").fill("10")
    playground.page.get_by_label("Top").press("Tab")
    playground.page.get_by_label("Unit of the margins").select_option("px")
    expect(playground.page.get_by_label("Top")).to_have_value("20")
    playground.paint()
    expect(playground.badge).to_contain_text("60,000 pixels kept, 0 changed")
    playground.page.get_by_label("Show what was repainted").check()
    after = read_pixels(playground.download())
    assert after.shape == (220, 356, 3)
    assert np.array_equal(after[20:, :300], read_pixels(sent))


def test_result_is_compared_continued_and_found_again(playground: Playground) -> None:
    page = playground.page
    page.get_by_role("button", name="Try a sample").click()
    playground.page.get_by_role("toolbar", name="Mask").wait_for()
    playground.drag([(0.5, 0.3), (0.5, 0.4)])
    page.get_by_label("Variants").fill("2")
    playground.paint()
    page.get_by_role("list", name="Variants").get_by_role("button").nth(1).click()
    expect(page.get_by_role("button", name="Variant 2")).to_have_attribute("aria-pressed", "true")
    line = page.get_by_label("Line between before and after")
    line.focus()
    page.keyboard.press("End")
    expect(line).to_have_value("100")
    page.get_by_label("Show what was repainted").check()
    painted = playground.download()
    page.get_by_role("button", name="Continue from it").click()
    expect(page.get_by_text("Paint over what should go")).to_be_visible()
    page.reload()
    page.get_by_role("button", name=re.compile("^Open rocket.jpg")).click()
    expect(playground.badge).to_contain_text("0 changed")
    page.get_by_role("button", name="Variant 2", exact=True).last.click()
    assert playground.download() == painted
    page.get_by_role("button", name="Edit").click()
    assert playground.save_mask().any()


def _run_snippet(playground: Playground, language: str, folder: Path) -> list[Pixels]:
    playground.page.get_by_role("button", name=language, exact=True).click()
    text = playground.page.locator("#snippet").inner_text()
    commands = {
        "curl": ["sh", "-c", text],
        "Python": [sys.executable, "-c", text],
        "JavaScript": [shutil.which("node") or "", "--input-type=module", "--eval", text],
    }
    subprocess.run(commands[language], cwd=folder, check=True, capture_output=True)
    results = sorted(folder.glob("result*.png"))
    pixels = [read_pixels(result.read_bytes()) for result in results]
    for result in results:
        result.unlink()
    return pixels


def test_copied_calls_paint_the_same_again(playground: Playground, tmp_path: Path) -> None:
    page = playground.page
    playground.choose(ROCKET, "it's a rocket.jpg")
    (tmp_path / "it's a rocket.jpg").write_bytes(ROCKET)
    playground.drag([(0.3, 0.4), (0.35, 0.6), (0.3, 0.7)])
    page.get_by_text("Fast").click()
    playground.paint()
    page.get_by_text("Copy as curl, Python or JavaScript").click()
    [again] = _run_snippet(playground, "curl", tmp_path)
    assert np.array_equal(again, read_pixels(playground.download()))
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Variants").fill("2")
    playground.paint()
    painted = []
    for number in (1, 2):
        page.get_by_role("button", name=f"Variant {number}", exact=True).last.click()
        painted.append(read_pixels(playground.download()))
    page.get_by_text("Copy as curl, Python or JavaScript").click()
    for language in ("curl", "Python", *(["JavaScript"] if shutil.which("node") else [])):
        results = _run_snippet(playground, language, tmp_path)
        assert [np.array_equal(*pair) for pair in zip(results, painted, strict=True)] == [True] * 2


def test_refusals_stand_at_their_fields_in_words(playground: Playground) -> None:
    page = playground.page
    playground.choose(_make_picture(320, 240))
    playground.drag([(0.5, 0.5), (0.6, 0.6)])
    page.get_by_label("Seed").fill("-1")
    page.get_by_text("More options").click()
    page.get_by_label("Grow the mask").fill("300")
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    seed = page.get_by_label("Seed")
    expect(seed).to_have_attribute("aria-invalid", "true")
    expect(seed).to_be_focused()
    expect(page.locator("#seed-fault")).to_contain_text("greater than or equal to 0")
    expect(page.locator("#grow-fault")).to_contain_text("less than or equal to 256")
    expect(page.get_by_role("alert")).to_contain_text("See what is marked above.")
    seed.fill("1")
    expect(seed).to_have_attribute("aria-invalid", "false")
    # The browser itself notes each answer that is an error.
    assert all("status of 422" in each for each in playground.complaints)
    playground.complaints.clear()


def test_large_pictures_are_painted_on_by_tiles(
    playground: Playground,
) -> None:
    big = np.zeros((3000, 4000, 3), np.uint8)
    big[::7] = 90
    playground.choose(encode(big))
    playground.drag([(0.1, 0.1), (0.9, 0.9), (0.1, 0.5), (0.9, 0.1)])
    playground.page.mouse.wheel(0, -300)
    mask = playground.save_mask()
    assert mask.shape == (3000, 4000)
    assert mask[300, 400]
    assert mask[2700, 3600]
    assert 0 < np.count_nonzero(mask) < 0.4 * mask.size


def test_phone_paints_by_touch_and_scrolls_nowhere_sideways(
    browser: Browser, service_url: str
) -> None:
    context = browser.new_context(**PHONE)
    phone = Playground(context.new_page())
    phone.open(service_url)
    phone.choose(_make_picture(320, 240))
    touch = context.new_cdp_session(phone.page)
    start, end = phone.place((0.4, 0.5)), phone.place((0.6, 0.5))
    points = [start, end]
    kinds = ("touchStart", "touchMove")
    for kind, (x, y) in zip(kinds, points, strict=True):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    before = phone.page.locator(".zoom").inner_text()
    _pinch(touch, start, end)
    expect(phone.page.locator(".zoom")).not_to_have_text(before)
    mask = phone.save_mask()
    assert mask[120, 160]
    assert np.count_nonzero(mask) < 0.1 * mask.size
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    phone.paint()
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()
    assert phone.complaints == []


def _pinch(touch: object, left: tuple[float, float], right: tuple[float, float]) -> None:
    """Move two fingers apart."""
    steps = [("touchStart", 0), ("touchMove", 15), ("touchMove", 30)]
    for kind, apart in steps:
        points = [{"x": left[0] - apart, "y": left[1], "id": 1}]
        points.append({"x": right[0] + apart, "y": right[1], "id": 2})
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})  # type: ignore[attr-defined]
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})  # type: ignore[attr-defined]
