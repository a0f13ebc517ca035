/** Where the picture lies on the stage: scale and offset, in CSS pixels. */

import type { Size } from "./extending";
import type { Area } from "./mask";

export interface Point {
  x: number;
  y: number;
}

const MAX_SCALE = 32;

export class Viewport {
  scale = 1;
  x = 0;
  y = 0;
  width = 1;
  height = 1;
  /** True until the user zooms or pans: then the picture stays fitted when the window changes. */
  isFitted = true;

  /** Fit an area of the picture into the stage, clear of what stands at its edges. */
  fit(area: Area, edges: Area): void {
    const [width, height] = [area.right - area.left, area.bottom - area.top];
    const across = this.width - edges.left - edges.right;
    const down = this.height - edges.top - edges.bottom;
    this.scale = Math.max(0.001, Math.min(across / width, down / height, MAX_SCALE));
    this.x = edges.left + (across - width * this.scale) / 2 - area.left * this.scale;
    this.y = edges.top + (down - height * this.scale) / 2 - area.top * this.scale;
    this.isFitted = true;
  }

  toPicture(point: Point): Point {
    return { x: (point.x - this.x) / this.scale, y: (point.y - this.y) / this.scale };
  }

  toStage(point: Point): Point {
    return { x: point.x * this.scale + this.x, y: point.y * this.scale + this.y };
  }

  zoom(factor: number, at: Point, least: number): void {
    const scale = Math.min(Math.max(this.scale * factor, least), MAX_SCALE);
    this.x = at.x - ((at.x - this.x) * scale) / this.scale;
    this.y = at.y - ((at.y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
  }

  /** Move the picture, but never wholly off the stage. */
  pan(by: Point, content: Size): void {
    const keep = 48;
    const bound = (value: number, size: number, room: number) =>
      Math.min(Math.max(value, keep - size * this.scale), room - keep);
    this.x = bound(this.x + by.x, content.width, this.width);
    this.y = bound(this.y + by.y, content.height, this.height);
    this.isFitted = false;
  }
}
