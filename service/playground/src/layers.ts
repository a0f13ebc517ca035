/** What each of the stage's canvases shows, by the state of the page. */

import { findContent, sizeOf } from "./content";
import * as drawing from "./drawing";
import { nameRatio } from "./extending";
import type { Area } from "./mask";
import * as state from "./state";
import type { Point, Viewport } from "./viewport";

type Context = CanvasRenderingContext2D;

/** What follows the pointer. */
export interface Trace {
  /** Where the mouse is, on the stage. */
  hover: Point | null;
  /** Where the keyboard's pointer stands, in the picture. */
  caret: Point | null;
  /** A box or lasso in the making, in the picture. */
  outline: Point[] | null;
}

export function drawPictureLayer(context: Context, view: Viewport, element: HTMLElement): void {
  context.clearRect(0, 0, view.width, view.height);
  const picture = state.picture.value;
  if (!picture) return;
  const drawGround = () => drawSquares(context, view, element);
  drawGround();
  if (state.shown.value) drawResult(context, view, drawGround);
  else {
    if (state.isExtending.value) drawPreview(context, view);
    drawing.drawPicture(context, view, picture.levels);
    if (!state.isExtending.value) drawPreview(context, view);
  }
}

/** Draw what is painted so far, where it is painted: previews are small, and would blur the rest. */
function drawPreview(context: Context, view: Viewport): void {
  const preview = state.preview.value;
  if (!preview) return;
  const content = findContent();
  const mask = state.isExtending.value ? null : state.mask.value;
  const { width, height } = context.canvas;
  const scratch = new OffscreenCanvas(width, height).getContext("2d")!;
  scratch.scale(devicePixelRatio, devicePixelRatio);
  if (mask) drawing.drawMask(scratch, view, mask, mask.whole);
  if (mask) scratch.globalCompositeOperation = "source-in";
  drawing.drawPicture(scratch, view, [preview], content, sizeOf(content));
  context.drawImage(scratch.canvas, 0, 0, view.width, view.height);
}

function drawSquares(context: Context, view: Viewport, element: HTMLElement): void {
  const style = getComputedStyle(element);
  const colors = ["--square", "--square-2"].map((name) => style.getPropertyValue(name));
  drawing.drawSquares(context, view, findContent(), colors);
}

function drawResult(context: Context, view: Viewport, drawGround: () => void): void {
  const shown = state.shown.value!;
  const content = findContent();
  const size = sizeOf(content);
  const result = shown.results[state.chosen.value] ?? shown.results[0]!;
  const start = view.toStage({ x: content.left, y: content.top });
  const end = view.toStage({ x: content.right, y: content.bottom });
  const split = start.x + (end.x - start.x) * state.wipe.value;
  drawing.drawPicture(context, view, shown.picture.levels);
  context.save();
  context.beginPath();
  context.rect(split, 0, Math.max(0, view.width - split), view.height);
  context.clip();
  // Where the result is transparent, what was there before must not show.
  drawGround();
  drawing.drawPicture(context, view, result.levels, content);
  context.restore();
  if (state.showsEffective.value && shown.effective) {
    context.globalAlpha = 0.5;
    drawing.drawPicture(context, view, [shown.effective], content, size);
    context.globalAlpha = 1;
  }
  drawing.drawWipe(context, split, Math.max(0, start.y), Math.min(view.height, end.y));
}

export function drawMaskLayer(context: Context, view: Viewport, dirty: Area | null): void {
  const mask = state.mask.value;
  const isSeen = mask && !state.isExtending.value && !state.shown.value && !state.preview.value;
  if (!isSeen || !dirty) context.clearRect(0, 0, view.width, view.height);
  if (isSeen) drawing.drawMask(context, view, mask, dirty ?? mask.whole);
}

export function drawPointerLayer(context: Context, view: Viewport, trace: Trace): void {
  context.clearRect(0, 0, view.width, view.height);
  const picture = state.picture.value;
  if (!picture || state.shown.value || state.isRunning.value) return;
  if (state.isExtending.value) {
    const size = state.canvas.value;
    const name = nameRatio(size);
    const label = `${size.width} × ${size.height}${name ? ` · ${name}` : ""}`;
    const handles = drawing.listHandles(view, picture, state.margins.value);
    drawing.drawHandles(context, handles, "#4f46e5", label);
    return;
  }
  for (const { x, y, belongs } of state.points.value) {
    drawing.drawPoint(context, view.toStage({ x, y }), belongs);
  }
  if (trace.outline) drawing.drawOutline(context, view, trace.outline);
  const at = trace.caret ? view.toStage(trace.caret) : trace.hover;
  const isRound = ["brush", "eraser"].includes(state.tool.value);
  if (at && (isRound || trace.caret)) {
    const radius = isRound ? (state.brush.value / 2) * view.scale : 5;
    drawing.drawBrush(context, at.x, at.y, radius);
  }
}
