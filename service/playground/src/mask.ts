/**
 * The mask in the picture's full size, as tiles: none where nothing was painted. A stroke draws into
 * the tiles that it touches alone, so a picture of 12 megapixels is as smooth as a small one.
 */

import { encodePng, encodeRunLengths } from "./png";

export const TILE = 512;
/** The color of what will be repainted; its alpha alone is the mask. */
export const PAINT = "#f0047f";
const MAX_HISTORY_BYTES = 160_000_000;

export interface Area {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

type Context = OffscreenCanvasRenderingContext2D;
/** What a tile held: alphas, or one number where all are equal. */
type Kept = Uint8Array | 0 | 255;
type Step = Map<number, Kept>;

function ink(data: Uint8ClampedArray, at: number, alpha: number): void {
  data[at] = 0xf0;
  data[at + 1] = 0x04;
  data[at + 2] = 0x7f;
  data[at + 3] = alpha;
}

export class Mask {
  readonly across: number;
  readonly down: number;
  private readonly tiles = new Map<number, Context>();
  private readonly counts = new Map<number, number>();
  private past: Step[] = [];
  private future: Step[] = [];
  private open: Step | null = null;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.across = Math.ceil(width / TILE);
    this.down = Math.ceil(height / TILE);
  }

  get whole(): Area {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  get canRedo(): boolean {
    return this.future.length > 0;
  }

  /** Number of pixels that will be repainted, as of the last finished change. */
  get covered(): number {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    return sum;
  }

  /** Begin a change that `undo` takes back as one. */
  begin(): void {
    this.end();
    this.open = new Map();
  }

  /** Draw within an area, in coordinates of the picture. */
  draw(area: Area, paint: (context: Context) => void): void {
    for (const index of this.listTiles(area)) {
      this.keep(index);
      const context = this.tiles.get(index) ?? this.makeTile(index);
      const [left, top] = this.findCorner(index);
      context.save();
      context.translate(-left, -top);
      context.fillStyle = context.strokeStyle = PAINT;
      paint(context);
      context.restore();
    }
  }

  /** End the change. */
  end(): void {
    if (!this.open) return;
    const step = this.open;
    this.open = null;
    if (step.size === 0) return;
    for (const index of step.keys()) this.count(index);
    this.past.push(step);
    this.future = [];
    this.forget();
  }

  /** Take back the change that has begun, as if it had not. */
  abandon(): void {
    if (this.open) this.restore(this.open);
    this.open = null;
  }

  undo(): void {
    this.end();
    const step = this.past.pop();
    if (step) this.future.push(this.restore(step));
  }

  redo(): void {
    const step = this.future.pop();
    if (step) this.past.push(this.restore(step));
  }

  clear(): void {
    this.begin();
    for (const index of [...this.tiles.keys()]) {
      this.keep(index);
      this.tiles.delete(index);
    }
    this.end();
  }

  invert(): void {
    this.begin();
    this.draw(this.whole, (context) => {
      context.globalCompositeOperation = "xor";
      context.fillRect(0, 0, this.width, this.height);
    });
    this.end();
  }

  /**
   * Take a picture of the mask's size, of which light pixels are repainted.
   *
   * @param adds whether what is repainted already stays so.
   */
  take(bitmap: ImageBitmap, adds: boolean): void {
    this.begin();
    const scratch = new OffscreenCanvas(TILE, TILE).getContext("2d", { willReadFrequently: true })!;
    scratch.globalCompositeOperation = "copy";
    for (const index of this.listTiles(this.whole)) {
      const [left, top] = this.findCorner(index);
      scratch.drawImage(bitmap, -left, -top, this.width, this.height);
      this.keep(index);
      const context = this.tiles.get(index) ?? this.makeTile(index);
      const { width, height } = context.canvas;
      const { data } = scratch.getImageData(0, 0, width, height);
      const image = context.getImageData(0, 0, width, height);
      for (let at = 0; at < data.length; at += 4) {
        const light = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
        const isLight = light * data[at + 3]! >= 128 * 255;
        ink(image.data, at, isLight ? 255 : adds ? image.data[at + 3]! : 0);
      }
      context.putImageData(image, 0, 0);
    }
    this.end();
  }

  /** Call for each tile within an area that holds anything. */
  forEach(area: Area, visit: (tile: OffscreenCanvas, left: number, top: number) => void): void {
    for (const index of this.listTiles(area)) {
      const tile = this.tiles.get(index);
      if (tile) visit(tile.canvas, ...this.findCorner(index));
    }
  }

  /** Return one byte a pixel, 1 where it is repainted. */
  toPlane(): Uint8Array {
    const plane = new Uint8Array(this.width * this.height);
    for (const [index, context] of this.tiles) {
      const [left, top] = this.findCorner(index);
      const { width, height } = context.canvas;
      const { data } = context.getImageData(0, 0, width, height);
      for (let y = 0, at = 3; y < height; y++) {
        const row = (top + y) * this.width + left;
        for (let x = 0; x < width; x++, at += 4) plane[row + x] = data[at]! >> 7;
      }
    }
    return plane;
  }

  toPng(): Promise<Blob> {
    return encodePng(this.toPlane(), this.width, this.height);
  }

  toRunLengths(): string {
    return encodeRunLengths(this.toPlane(), this.width);
  }

  private makeTile(index: number): Context {
    const [left, top] = this.findCorner(index);
    const canvas = new OffscreenCanvas(
      Math.min(TILE, this.width - left),
      Math.min(TILE, this.height - top),
    );
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    this.tiles.set(index, context);
    return context;
  }

  private findCorner(index: number): [number, number] {
    return [(index % this.across) * TILE, Math.floor(index / this.across) * TILE];
  }

  private *listTiles(area: Area): Iterable<number> {
    const last = (end: number, count: number) => Math.min(count - 1, Math.floor((end - 1) / TILE));
    const first = (start: number) => Math.max(0, Math.floor(start / TILE));
    for (let y = first(area.top); y <= last(Math.ceil(area.bottom), this.down); y++) {
      for (let x = first(area.left); x <= last(Math.ceil(area.right), this.across); x++) {
        yield y * this.across + x;
      }
    }
  }

  private keep(index: number): void {
    if (this.open && !this.open.has(index)) this.open.set(index, this.read(index));
  }

  private read(index: number): Kept {
    const context = this.tiles.get(index);
    if (!context) return 0;
    const { data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
    const alphas = new Uint8Array(data.length / 4);
    for (let at = 0; at < alphas.length; at++) alphas[at] = data[at * 4 + 3]!;
    const [first] = alphas;
    return (first === 0 || first === 255) && alphas.every((each) => each === first)
      ? first
      : alphas;
  }

  private write(index: number, kept: Kept): void {
    if (kept === 0) {
      this.tiles.delete(index);
      return;
    }
    const context = this.tiles.get(index) ?? this.makeTile(index);
    const image = context.createImageData(context.canvas.width, context.canvas.height);
    for (let at = 0; at < image.data.length; at += 4) {
      ink(image.data, at, kept === 255 ? 255 : kept[at / 4]!);
    }
    context.putImageData(image, 0, 0);
  }

  /** Put back what tiles held; return what they hold now. */
  private restore(step: Step): Step {
    const now: Step = new Map();
    for (const [index, kept] of step) {
      now.set(index, this.read(index));
      this.write(index, kept);
      this.count(index);
    }
    return now;
  }

  private count(index: number): void {
    const kept = this.read(index);
    const [left, top] = this.findCorner(index);
    const all = Math.min(TILE, this.width - left) * Math.min(TILE, this.height - top);
    if (typeof kept === "number") this.counts.set(index, kept ? all : 0);
    else this.counts.set(index, kept.reduce((sum, alpha) => sum + (alpha >> 7), 0));
  }

  /** Drop the oldest changes once all together take much memory. */
  private forget(): void {
    const size = (step: Step) =>
      [...step.values()].reduce<number>((sum, kept) => sum + (typeof kept === "number" ? 1 : kept.length), 0);
    let bytes = this.past.reduce((sum, step) => sum + size(step), 0);
    while (bytes > MAX_HISTORY_BYTES && this.past.length > 1) bytes -= size(this.past.shift()!);
  }
}
