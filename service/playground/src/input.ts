/** Fingers, mouse and keys on the stage, turned into gestures, zoom and pan. */

import { begin, beginPan, findHandle, type Gesture, type Keys } from "./gestures";
import type { Stage } from "./stage";
import * as state from "./state";
import type { Point } from "./viewport";

/** Pixels of the stage by which an arrow key moves the keyboard's pointer. */
const STEP = 12;
const NO_KEYS: Keys = { altKey: false, shiftKey: false };

const WAYS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

const CURSORS: Record<string, string> = {
  left: "ew-resize",
  right: "ew-resize",
  top: "ns-resize",
  bottom: "ns-resize",
  "left top": "nwse-resize",
  "right bottom": "nwse-resize",
  "right top": "nesw-resize",
  "left bottom": "nesw-resize",
};

export class Input {
  private readonly pointers = new Map<number, Point>();
  private gesture: Gesture | null = null;
  private isSpaceDown = false;

  constructor(
    private readonly stage: Stage,
    private readonly canvas: HTMLCanvasElement,
  ) {
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      act: (event: HTMLElementEventMap[K]) => void,
    ) => canvas.addEventListener(name, act, { passive: false });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("pointerleave", () => this.leave());
    on("wheel", (event) => this.wheel(event));
    on("keydown", (event) => this.pressKey(event));
    on("keyup", (event) => this.releaseKey(event));
    on("blur", () => this.blur());
    on("contextmenu", (event) => event.preventDefault());
  }

  get isBusy(): boolean {
    return this.gesture !== null;
  }

  setCursor(): void {
    this.canvas.style.cursor = this.findCursor();
  }

  private findCursor(): string {
    const { tool, shown, isExtending, isRunning, picture } = state;
    if (!picture.peek()) return "default";
    if (shown.peek() || isRunning.peek() || this.isSpaceDown) return "grab";
    if (isExtending.peek()) {
      const { hover } = this.stage.trace;
      const handle = hover && findHandle(this.stage, hover, 16);
      return (handle && CURSORS[handle.sides.join(" ")]) ?? "grab";
    }
    if (tool.peek() === "hand") return "grab";
    return ["brush", "eraser"].includes(tool.peek()) ? "none" : "crosshair";
  }

  private locate(event: MouseEvent): Point {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private press(event: PointerEvent): void {
    if (!state.picture.value) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.stage.trace.caret = null;
    const at = this.locate(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      // Two fingers zoom; what the first one began is taken back.
      this.gesture?.abandon();
      this.gesture = null;
      this.stage.invalidate("mask", "pointer");
    } else if (this.pointers.size === 1) {
      const pans = event.button === 1 || event.button === 2 || this.isSpaceDown;
      this.gesture = pans
        ? beginPan(this.stage, at)
        : begin(this.stage, at, event.pointerType === "touch");
      this.gesture.move(at, event);
    }
  }

  private move(event: PointerEvent): void {
    const at = this.locate(event);
    this.stage.trace.hover = event.pointerType === "touch" ? null : at;
    const before = this.pointers.get(event.pointerId);
    if (!before) this.setCursor();
    else if (this.pointers.size === 2) this.pinch(event.pointerId, before, at);
    else {
      // A browser gathers the moves of a frame; each is a point of the stroke.
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) this.gesture?.move(this.locate(part), event);
    }
    if (before) this.pointers.set(event.pointerId, at);
    this.stage.invalidate("pointer");
  }

  private release(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    if (event.type === "pointercancel") this.drop();
    else this.finish(event);
  }

  private finish(keys: Keys): void {
    const { gesture } = this;
    this.gesture = null;
    gesture?.end(keys);
    this.stage.invalidate("pointer");
  }

  private drop(): void {
    const { gesture } = this;
    this.gesture = null;
    gesture?.abandon();
    this.stage.invalidate("pointer");
  }

  private leave(): void {
    this.stage.trace.hover = null;
    this.stage.invalidate("pointer");
  }

  private pinch(id: number, before: Point, at: Point): void {
    const [other] = [...this.pointers].filter(([each]) => each !== id).map(([, point]) => point);
    if (!other) return;
    const reach = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    this.stage.zoomBy(reach(at) / reach(before), middle);
    this.stage.panBy({ x: (at.x - before.x) / 2, y: (at.y - before.y) / 2 });
  }

  private wheel(event: WheelEvent): void {
    if (!state.picture.value) return;
    event.preventDefault();
    if (event.shiftKey) this.stage.panBy({ x: -(event.deltaX || event.deltaY), y: 0 });
    else {
      // A pinch on a touch pad comes as a wheel with Ctrl, in small steps.
      const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015));
      this.stage.zoomBy(factor, this.locate(event));
    }
  }

  /** Arrow keys move a pointer of their own; Space presses it, and releases it again. */
  private pressKey(event: KeyboardEvent): void {
    const way = WAYS[event.key];
    const { trace } = this.stage;
    if (!state.picture.value || event.ctrlKey || event.metaKey) return;
    if (way?.x && state.shown.value && !event.altKey) {
      state.wipe.value = Math.min(1, Math.max(0, state.wipe.value + 0.02 * way.x));
    } else if (way && (event.altKey || state.shown.value || state.isExtending.value)) {
      this.stage.panBy({ x: -way.x * 48, y: -way.y * 48 });
    } else if (way) this.moveCaret(way, event);
    else if (event.code === "Space" && trace.caret) this.pressCaret(event);
    else if (event.code === "Space") this.isSpaceDown = true;
    else if (event.key === "Escape" && this.gesture) this.drop();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.setCursor();
    this.stage.invalidate("pointer");
  }

  private releaseKey(event: KeyboardEvent): void {
    if (event.code === "Space") this.isSpaceDown = false;
    this.setCursor();
  }

  private blur(): void {
    this.isSpaceDown = false;
    if (this.stage.trace.caret) this.finish(NO_KEYS);
    this.stage.trace.caret = null;
    this.stage.invalidate("pointer");
  }

  private moveCaret(way: Point, event: KeyboardEvent): void {
    const { width, height } = state.picture.value!;
    const { view, trace } = this.stage;
    const by = (event.shiftKey ? 1 : STEP) / view.scale;
    const now = trace.caret ?? { x: width / 2, y: height / 2 };
    trace.caret = {
      x: Math.min(width, Math.max(0, now.x + way.x * by)),
      y: Math.min(height, Math.max(0, now.y + way.y * by)),
    };
    this.gesture?.move(view.toStage(trace.caret), NO_KEYS);
  }

  private pressCaret(event: KeyboardEvent): void {
    if (this.gesture) {
      this.finish(event);
      return;
    }
    const at = this.stage.view.toStage(this.stage.trace.caret!);
    this.gesture = begin(this.stage, at, false);
    this.gesture.move(at, NO_KEYS);
  }
}
