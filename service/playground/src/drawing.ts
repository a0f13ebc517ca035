/** What the stage shows, drawn on canvases of the stage's size. */

import type { Margins, Size } from "./extending";
import type { Area, Mask } from "./mask";
import { PAINT } from "./mask";
import { chooseLevel } from "./picture";
import type { Point, Viewport } from "./viewport";

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export interface Handle {
  x: number;
  y: number;
  sides: ("left" | "top" | "right" | "bottom")[];
}

/** Draw a picture whose top left corner lies at a point of the content. */
export function drawPicture(
  context: Context,
  view: Viewport,
  levels: ImageBitmap[],
  corner = { left: 0, top: 0 },
  size: Size = levels[0]!,
): void {
  const level = chooseLevel(levels, view.scale * devicePixelRatio);
  const at = view.toStage({ x: corner.left, y: corner.top });
  context.imageSmoothingEnabled = view.scale < 3;
  context.imageSmoothingQuality = "medium";
  context.drawImage(level, at.x, at.y, size.width * view.scale, size.height * view.scale);
}

/** Draw the squares that stand for nothing: below transparent pixels, and where paint will be. */
export function drawSquares(context: Context, view: Viewport, area: Area, colors: string[]): void {
  const start = view.toStage({ x: area.left, y: area.top });
  const end = view.toStage({ x: area.right, y: area.bottom });
  context.save();
  context.beginPath();
  context.rect(start.x, start.y, end.x - start.x, end.y - start.y);
  context.clip();
  context.fillStyle = colors[0]!;
  context.fillRect(start.x, start.y, end.x - start.x, end.y - start.y);
  context.fillStyle = colors[1]!;
  const side = 10;
  const first = (from: number) => Math.max(0, Math.floor(-from / side));
  const bottom = Math.min(view.height, end.y);
  const right = Math.min(view.width, end.x);
  for (let row = first(start.y); start.y + row * side < bottom; row++) {
    for (let column = first(start.x); start.x + column * side < right; column++) {
      if ((row + column) % 2) continue;
      context.fillRect(start.x + column * side, start.y + row * side, side, side);
    }
  }
  context.restore();
}

/** Draw a point by which something was found. */
export function drawPoint(context: Context, { x, y }: Point, belongs: boolean): void {
  context.beginPath();
  context.arc(x, y, 6, 0, 2 * Math.PI);
  context.fillStyle = belongs ? "#0b8f5a" : "#b3142b";
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = "#fff";
  context.stroke();
}

/** Draw the tiles of a mask that lie within an area; their edges meet on whole device pixels. */
export function drawMask(context: Context, view: Viewport, mask: Mask, area: Area): void {
  const dots = devicePixelRatio;
  const snap = (value: number) => Math.round(value * dots) / dots;
  context.imageSmoothingEnabled = view.scale < 3;
  mask.forEach(area, (tile, left, top) => {
    const start = view.toStage({ x: left, y: top });
    const end = view.toStage({ x: left + tile.width, y: top + tile.height });
    const [x, y] = [snap(start.x), snap(start.y)];
    context.clearRect(x, y, snap(end.x) - x, snap(end.y) - y);
    context.drawImage(tile, x, y, snap(end.x) - x, snap(end.y) - y);
  });
}

/** Return the handles by which borders are dragged, in coordinates of the stage. */
export function listHandles(view: Viewport, size: Size, margins: Margins): Handle[] {
  const start = view.toStage({ x: -margins.left, y: -margins.top });
  const end = view.toStage({ x: size.width + margins.right, y: size.height + margins.bottom });
  const middle = { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
  return [
    { x: start.x, y: start.y, sides: ["left", "top"] },
    { x: end.x, y: start.y, sides: ["right", "top"] },
    { x: start.x, y: end.y, sides: ["left", "bottom"] },
    { x: end.x, y: end.y, sides: ["right", "bottom"] },
    { x: start.x, y: middle.y, sides: ["left"] },
    { x: end.x, y: middle.y, sides: ["right"] },
    { x: middle.x, y: start.y, sides: ["top"] },
    { x: middle.x, y: end.y, sides: ["bottom"] },
  ];
}

export function drawHandles(context: Context, handles: Handle[], accent: string, label: string): void {
  const [first, , , last] = handles as [Handle, Handle, Handle, Handle];
  context.lineWidth = 1.5;
  context.strokeStyle = accent;
  context.strokeRect(first.x, first.y, last.x - first.x, last.y - first.y);
  for (const handle of handles) {
    context.beginPath();
    if (handle.sides.length === 2) context.arc(handle.x, handle.y, 6, 0, 2 * Math.PI);
    else {
      const across = handle.sides[0] === "left" || handle.sides[0] === "right";
      const [width, height] = across ? [8, 30] : [30, 8];
      context.roundRect(handle.x - width / 2, handle.y - height / 2, width, height, 4);
    }
    context.fillStyle = "#fff";
    context.fill();
    context.stroke();
  }
  drawLabel(context, label, (first.x + last.x) / 2, last.y + 26);
}

export function drawLabel(context: Context, text: string, x: number, y: number): void {
  if (!text) return;
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(text).width + 16;
  const top = Math.min(y, context.canvas.height / devicePixelRatio - 26) - 11;
  context.fillStyle = "rgba(17, 17, 20, .82)";
  context.beginPath();
  context.roundRect(x - width / 2, top, width, 22, 11);
  context.fill();
  context.fillStyle = "#fff";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, top + 11);
}

/** Draw a circle as large as the brush, light and dark, so that it is seen on any picture. */
export function drawBrush(context: Context, x: number, y: number, radius: number): void {
  for (const [width, color] of [[3, "rgba(0, 0, 0, .55)"], [1.25, "#fff"]] as const) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.beginPath();
    context.arc(x, y, Math.max(1.5, radius), 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Draw the outline of a box or lasso while it is made. */
export function drawOutline(context: Context, view: Viewport, points: Point[]): void {
  context.beginPath();
  points.forEach((point, index) => {
    const at = view.toStage(point);
    if (index) context.lineTo(at.x, at.y);
    else context.moveTo(at.x, at.y);
  });
  context.closePath();
  context.fillStyle = `${PAINT}55`;
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.stroke();
  context.setLineDash([5, 5]);
  context.strokeStyle = PAINT;
  context.stroke();
  context.setLineDash([]);
}

export function drawWipe(context: Context, x: number, top: number, bottom: number): void {
  context.fillStyle = "rgba(0, 0, 0, .35)";
  context.fillRect(x - 2, top, 4, bottom - top);
  context.fillStyle = "#fff";
  context.fillRect(x - 1, top, 2, bottom - top);
  const y = (top + bottom) / 2;
  context.beginPath();
  context.arc(x, y, 15, 0, 2 * Math.PI);
  context.fill();
  context.strokeStyle = "#3f3f46";
  context.lineWidth = 2;
  context.lineCap = context.lineJoin = "round";
  for (const way of [-1, 1]) {
    context.beginPath();
    context.moveTo(x + way * 4, y - 4);
    context.lineTo(x + way * 8, y);
    context.lineTo(x + way * 4, y + 4);
    context.stroke();
  }
}
