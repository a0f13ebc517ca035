/**
 * The stage: shows the picture, and turns what fingers, mouse and keys do on it into strokes, boxes,
 * dragged borders, zoom and pan. Three canvases of the stage's size lie on each other: the picture,
 * the mask, and what follows the pointer, so that each is drawn again only when it changes.
 */

import { effect } from "@preact/signals";
import * as drawing from "./drawing";
import { drag, isHorizontal, nameRatio, type Margins, type Side } from "./extending";
import type { Area } from "./mask";
import * as state from "./state";
import { Viewport, type Point } from "./viewport";

type Layer = "picture" | "mask" | "pointer";

const STEP = 12;
const SNAP = 9;
/** Room at the edge of the stage for a row of tools. */
const TOOLS_EDGE = 70;

interface Gesture {
  move(at: Point, event: { altKey: boolean; shiftKey: boolean }): void;
  end(): void;
  abandon(): void;
  outline?: Point[];
}

export class Stage {
  readonly view = new Viewport();
  private readonly contexts: Record<Layer, CanvasRenderingContext2D>;
  private readonly stale = new Set<Layer>();
  private dirty: Area | null = null;
  private frame = 0;
  private readonly pointers = new Map<number, Point>();
  private gesture: Gesture | null = null;
  private hover: Point | null = null;
  /** Where the keyboard's pointer stands, in the picture; null while a mouse or finger is used. */
  private caret: Point | null = null;
  private isSpaceDown = false;
  private readonly disposers: (() => void)[] = [];
  private readonly resizes: ResizeObserver;

  constructor(
    private readonly element: HTMLElement,
    canvases: Record<Layer, HTMLCanvasElement>,
    private readonly onZoom: (scale: number) => void,
  ) {
    const open = (name: Layer) => canvases[name].getContext("2d")!;
    this.contexts = { picture: open("picture"), mask: open("mask"), pointer: open("pointer") };
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(element);
    this.listen();
    this.follow();
  }

  dispose(): void {
    this.resizes.disconnect();
    this.disposers.forEach((dispose) => dispose());
    cancelAnimationFrame(this.frame);
  }

  /** The part of the plane that is looked at: the picture, with its margins, or the result. */
  private get content(): Area {
    const { shown, picture, margins, isExtending } = state;
    const { width, height } = picture.peek() ?? { width: 1, height: 1 };
    const geometry = shown.peek()?.job.geometry;
    const around = shown.peek() ? geometry?.margins : isExtending.peek() ? margins.peek() : null;
    const { left, top, right, bottom } = around ?? { left: 0, top: 0, right: 0, bottom: 0 };
    return { left: -left, top: -top, right: width + right, bottom: height + bottom };
  }

  fit(): void {
    const { width, height } = this.view;
    const extendsNow = state.isExtending.peek() && !state.shown.peek();
    const edge = extendsNow ? Math.max(40, 0.12 * Math.min(width, height)) : 16;
    const edges = { left: edge, top: edge, right: edge, bottom: edge };
    edges.bottom = Math.max(edge, TOOLS_EDGE);
    // Beside the tools, or below them on a phone.
    if (!extendsNow && !state.shown.peek()) edges[width > 700 ? "left" : "top"] = TOOLS_EDGE;
    this.view.fit(this.content, edges);
    this.redraw();
  }

  zoomBy(factor: number, at: Point = { x: this.view.width / 2, y: this.view.height / 2 }): void {
    const { left, top, right, bottom } = this.content;
    const least = Math.min(1, 0.25 * Math.min(this.view.width / (right - left), this.view.height / (bottom - top)));
    this.view.zoom(factor, at, least);
    this.redraw();
  }

  showActualSize(): void {
    this.zoomBy(1 / devicePixelRatio / this.view.scale);
  }

  private panBy(by: Point): void {
    const { left, top, right, bottom } = this.content;
    this.view.pan(by, { width: right - left, height: bottom - top });
    this.redraw();
  }

  private resize(): void {
    const { width, height } = this.element.getBoundingClientRect();
    for (const { canvas } of Object.values(this.contexts)) {
      canvas.width = Math.max(1, Math.round(width * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(height * devicePixelRatio));
    }
    this.view.width = width;
    this.view.height = height;
    if (this.view.isFitted) this.fit();
    this.redraw();
  }

  private redraw(): void {
    this.onZoom(this.view.scale);
    this.publish();
    this.dirty = null;
    this.invalidate("picture", "mask", "pointer");
  }

  /** Write down where the picture lies, for those who look at the page from outside. */
  private publish(): void {
    const { x, y, scale } = this.view;
    const { width, height } = state.picture.peek() ?? { width: 0, height: 0 };
    const placed = { left: x, top: y, width: width * scale, height: height * scale };
    for (const [name, value] of Object.entries(placed)) this.element.dataset[name] = String(value);
  }

  private invalidate(...layers: Layer[]): void {
    for (const layer of layers) this.stale.add(layer);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Draw again what depends on a signal that has changed. */
  private follow(): void {
    const on = (read: () => void, act: () => void) =>
      this.disposers.push(
        effect(() => {
          read();
          act();
        }),
      );
    on(
      () => void [state.picture.value, state.shown.value, state.operation.value],
      () => this.fit(),
    );
    on(
      () => void state.margins.value,
      () => (this.view.isFitted && !this.gesture ? this.fit() : this.redraw()),
    );
    on(
      () => void [state.wipe.value, state.chosen.value, state.showsEffective.value, state.preview.value],
      () => this.invalidate("picture", "pointer"),
    );
    on(
      () => void [state.maskVersion.value, state.mask.value, state.preview.value],
      () => {
        this.dirty = null;
        this.invalidate("mask");
      },
    );
    on(
      () => void [state.tool.value, state.brush.value, state.isRunning.value],
      () => {
        this.setCursor();
        this.invalidate("pointer");
      },
    );
  }

  private draw(): void {
    this.frame = 0;
    const layers = [...this.stale];
    this.stale.clear();
    for (const layer of layers) {
      const context = this.contexts[layer];
      context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
      if (layer === "picture") this.drawPicture(context);
      else if (layer === "mask") this.drawMask(context);
      else this.drawPointer(context);
    }
  }

  private drawPicture(context: CanvasRenderingContext2D): void {
    const { view } = this;
    context.clearRect(0, 0, view.width, view.height);
    const picture = state.picture.value;
    if (!picture) return;
    const shown = state.shown.value;
    if (shown) this.drawResult(context);
    else {
      this.drawGround(context);
      if (state.isExtending.value) this.drawPreview(context);
      drawing.drawPicture(context, view, picture.levels);
      if (!state.isExtending.value) this.drawPreview(context);
    }
  }

  /** Draw what is painted so far, where it is painted: previews are small, and would blur the rest. */
  private drawPreview(context: CanvasRenderingContext2D): void {
    const preview = state.preview.value;
    if (!preview) return;
    const { left, top, right, bottom } = this.content;
    const size = { width: right - left, height: bottom - top };
    const mask = state.isExtending.value ? null : state.mask.value;
    const { width, height } = context.canvas;
    const scratch = new OffscreenCanvas(width, height).getContext("2d")!;
    scratch.scale(devicePixelRatio, devicePixelRatio);
    if (mask) drawing.drawMask(scratch, this.view, mask, mask.whole);
    if (mask) scratch.globalCompositeOperation = "source-in";
    drawing.drawPicture(scratch, this.view, [preview], { left, top }, size);
    context.drawImage(scratch.canvas, 0, 0, this.view.width, this.view.height);
  }

  private drawGround(context: CanvasRenderingContext2D): void {
    const { left, top, right, bottom } = this.content;
    const colors = getComputedStyle(this.element);
    const names = ["--square", "--square-2"].map((name) => colors.getPropertyValue(name));
    context.save();
    const { x, y } = this.view;
    this.view.x += left * this.view.scale;
    this.view.y += top * this.view.scale;
    drawing.drawSquares(context, this.view, { width: right - left, height: bottom - top }, names);
    this.view.x = x;
    this.view.y = y;
    context.restore();
  }

  private drawResult(context: CanvasRenderingContext2D): void {
    const { view } = this;
    const shown = state.shown.value!;
    const { left, top, right, bottom } = this.content;
    const result = shown.results[state.chosen.value] ?? shown.results[0]!;
    const size = { width: right - left, height: bottom - top };
    const split = view.toStage({ x: left + size.width * state.wipe.value, y: 0 }).x;
    this.drawGround(context);
    for (const [levels, from, to, corner] of [
      [shown.picture.levels, 0, split, { left: 0, top: 0 }],
      [result.levels, split, view.width, { left, top }],
    ] as const) {
      context.save();
      context.beginPath();
      context.rect(from, 0, Math.max(0, to - from), view.height);
      context.clip();
      if (corner.left === left && corner.top === top) this.drawGround(context);
      drawing.drawPicture(context, view, levels, corner);
      context.restore();
    }
    if (state.showsEffective.value && shown.effective) {
      context.globalAlpha = 0.5;
      drawing.drawPicture(context, view, [shown.effective], { left, top }, size);
      context.globalAlpha = 1;
    }
    const ends = [view.toStage({ x: left, y: top }), view.toStage({ x: right, y: bottom })] as const;
    drawing.drawWipe(context, split, Math.max(0, ends[0].y), Math.min(view.height, ends[1].y));
  }

  private drawMask(context: CanvasRenderingContext2D): void {
    const mask = state.mask.value;
    const isMasking = mask && !state.isExtending.value && !state.shown.value && !state.preview.value;
    if (isMasking && this.dirty) drawing.drawMask(context, this.view, mask, this.dirty);
    else {
      context.clearRect(0, 0, this.view.width, this.view.height);
      if (isMasking) drawing.drawMask(context, this.view, mask, mask.whole);
    }
    this.dirty = null;
  }

  private drawPointer(context: CanvasRenderingContext2D): void {
    const { view } = this;
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
    if (this.gesture?.outline) drawing.drawOutline(context, view, this.gesture.outline);
    const at = this.caret ? view.toStage(this.caret) : this.hover;
    const isRound = ["brush", "eraser"].includes(state.tool.value);
    if (at && (isRound || this.caret)) {
      const radius = isRound ? (state.brush.value / 2) * view.scale : 5;
      drawing.drawBrush(context, at.x, at.y, radius);
    }
  }

  private setCursor(): void {
    const { style } = this.contexts.pointer.canvas;
    if (this.isSpaceDown || state.tool.value === "hand" || state.shown.value) style.cursor = "grab";
    else if (["brush", "eraser"].includes(state.tool.value) && !state.isExtending.value) style.cursor = "none";
    else style.cursor = "crosshair";
  }

  private listen(): void {
    const { canvas } = this.contexts.pointer;
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      act: (event: HTMLElementEventMap[K]) => void,
    ) => canvas.addEventListener(name, act, { passive: false });
    on("pointerdown", (event) => this.press(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.release(event));
    on("pointercancel", (event) => this.release(event));
    on("pointerleave", () => {
      this.hover = null;
      this.invalidate("pointer");
    });
    on("wheel", (event) => this.wheel(event));
    on("keydown", (event) => this.pressKey(event));
    on("keyup", (event) => {
      if (event.code === "Space") this.isSpaceDown = false;
    });
    on("blur", () => {
      this.isSpaceDown = false;
      if (this.caret) this.gesture?.end();
      this.gesture = this.caret ? null : this.gesture;
      this.caret = null;
      this.invalidate("pointer");
    });
    on("contextmenu", (event) => event.preventDefault());
  }

  private locate(event: MouseEvent): Point {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private press(event: PointerEvent): void {
    if (!state.picture.value) return;
    const { canvas } = this.contexts.pointer;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.caret = null;
    const at = this.locate(event);
    this.pointers.set(event.pointerId, at);
    if (this.pointers.size === 2) {
      // Two fingers zoom; what the first one began is taken back.
      this.gesture?.abandon();
      this.gesture = null;
      this.invalidate("mask", "pointer");
    } else if (this.pointers.size === 1) {
      const pans = event.button === 1 || event.button === 2 || this.isSpaceDown;
      this.gesture = pans ? this.beginPan(at) : this.begin(at, event.pointerType === "touch");
      this.gesture?.move(at, event);
    }
  }

  private move(event: PointerEvent): void {
    const at = this.locate(event);
    this.hover = event.pointerType === "touch" ? null : at;
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.pointAt(at);
      this.invalidate("pointer");
      return;
    }
    if (this.pointers.size === 2) this.pinch(event.pointerId, before, at);
    else {
      const parts = event.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [event]) this.gesture?.move(this.locate(part), event);
    }
    this.pointers.set(event.pointerId, at);
    this.invalidate("pointer");
  }

  private release(event: PointerEvent): void {
    this.pointers.delete(event.pointerId);
    if (event.type === "pointercancel") this.gesture?.abandon();
    else this.gesture?.end();
    this.gesture = null;
    this.invalidate("pointer");
  }

  private pinch(id: number, before: Point, at: Point): void {
    const [other] = [...this.pointers].filter(([each]) => each !== id).map(([, point]) => point);
    if (!other) return;
    const reach = (point: Point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    const middle = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    this.zoomBy(reach(at) / reach(before), middle);
    this.panBy({ x: (at.x - before.x) / 2, y: (at.y - before.y) / 2 });
  }

  private wheel(event: WheelEvent): void {
    if (!state.picture.value) return;
    event.preventDefault();
    if (event.shiftKey) this.panBy({ x: -(event.deltaX || event.deltaY), y: 0 });
    else this.zoomBy(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), this.locate(event));
  }

  /** Begin what a press at a point of the stage means. */
  private begin(at: Point, isTouch: boolean): Gesture | null {
    if (state.shown.value) return this.beginWipe(at, isTouch);
    if (state.isRunning.value || state.tool.value === "hand") return this.beginPan(at);
    if (state.isExtending.value) return this.beginBorder(at, isTouch) ?? this.beginPan(at);
    if (state.tool.value === "box" || state.tool.value === "lasso") return this.beginOutline(at);
    return this.beginStroke();
  }

  private beginPan(at: Point): Gesture {
    let last = at;
    this.contexts.pointer.canvas.style.cursor = "grabbing";
    return {
      move: (now) => {
        this.panBy({ x: now.x - last.x, y: now.y - last.y });
        last = now;
      },
      end: () => this.setCursor(),
      abandon: () => this.setCursor(),
    };
  }

  private beginWipe(at: Point, isTouch: boolean): Gesture {
    const { left, right } = this.content;
    const place = (wipe: number) => this.view.toStage({ x: left + (right - left) * wipe, y: 0 }).x;
    if (Math.abs(at.x - place(state.wipe.value)) > (isTouch ? 32 : 20)) return this.beginPan(at);
    return {
      move: (now) => {
        const x = this.view.toPicture(now).x;
        state.wipe.value = Math.min(1, Math.max(0, (x - left) / (right - left)));
      },
      end: () => {},
      abandon: () => {},
    };
  }

  private findHandle(at: Point, reach: number): drawing.Handle | undefined {
    const handles = drawing.listHandles(this.view, state.picture.value!, state.margins.value);
    const near = handles.find((each) => Math.hypot(each.x - at.x, each.y - at.y) <= reach);
    if (near) return near;
    const [start, , , end] = handles as [drawing.Handle, drawing.Handle, drawing.Handle, drawing.Handle];
    const within = at.x >= start.x && at.x <= end.x && at.y >= start.y && at.y <= end.y;
    // A whole border may be taken, not only the handle in its middle.
    const close = (each: drawing.Handle) =>
      isHorizontal(each.sides[0]!) ? Math.abs(at.x - each.x) <= 10 : Math.abs(at.y - each.y) <= 10;
    return handles.slice(4).find((each) => close(each) && (within || reach > 20));
  }

  private beginBorder(at: Point, isTouch: boolean): Gesture | null {
    const handle = this.findHandle(at, isTouch ? 28 : 16);
    if (!handle) return null;
    const before = state.margins.value;
    return {
      move: (now, { altKey, shiftKey }) => {
        const point = this.view.toPicture(now);
        state.margins.value = this.dragSides(before, handle.sides, point, altKey, !shiftKey);
      },
      end: () => {
        this.gesture = null;
        this.fit();
      },
      abandon: () => {
        state.margins.value = before;
      },
    };
  }

  private dragSides(
    before: Margins,
    sides: Side[],
    point: Point,
    both: boolean,
    snaps: boolean,
  ): Margins {
    const size = state.picture.value!;
    const reach = snaps ? SNAP / this.view.scale : 0;
    const values = {
      left: -point.x,
      top: -point.y,
      right: point.x - size.width,
      bottom: point.y - size.height,
    };
    return sides.reduce(
      (margins, side) => drag(size, margins, side, Math.round(values[side]), reach, both),
      before,
    );
  }

  private pointAt(at: Point): void {
    if (!state.isExtending.value || state.shown.value || !state.picture.value) {
      this.setCursor();
      return;
    }
    const sides = this.findHandle(at, 16)?.sides.join(" ") ?? "";
    const cursors: Record<string, string> = {
      "": "grab",
      left: "ew-resize",
      right: "ew-resize",
      top: "ns-resize",
      bottom: "ns-resize",
      "left top": "nwse-resize",
      "right bottom": "nwse-resize",
      "right top": "nesw-resize",
      "left bottom": "nesw-resize",
    };
    this.contexts.pointer.canvas.style.cursor = cursors[sides] ?? "grab";
  }

  private beginStroke(): Gesture {
    const mask = state.mask.value!;
    const erases = state.tool.value === "eraser";
    const width = state.brush.value;
    let last: Point | null = null;
    mask.begin();
    return {
      move: (now) => {
        const to = this.view.toPicture(now);
        const from = last ?? to;
        last = to;
        const edge = width / 2 + 2;
        const area = {
          left: Math.min(from.x, to.x) - edge,
          top: Math.min(from.y, to.y) - edge,
          right: Math.max(from.x, to.x) + edge,
          bottom: Math.max(from.y, to.y) + edge,
        };
        mask.draw(area, (context) => {
          if (erases) context.globalCompositeOperation = "destination-out";
          context.lineWidth = width;
          context.lineCap = "round";
          context.beginPath();
          context.moveTo(from.x, from.y);
          context.lineTo(to.x, to.y);
          context.stroke();
        });
        this.spoil(area);
      },
      ...this.finishing(() => mask.end()),
    };
  }

  private beginOutline(at: Point): Gesture {
    const mask = state.mask.value!;
    const start = this.view.toPicture(at);
    const isBox = state.tool.value === "box";
    const gesture: Gesture = {
      outline: [start],
      move: (now) => {
        const point = this.view.toPicture(now);
        if (!isBox) gesture.outline!.push(point);
        else {
          const [x, y] = [Math.round(point.x), Math.round(point.y)];
          const [fromX, fromY] = [Math.round(start.x), Math.round(start.y)];
          gesture.outline = [
            { x: fromX, y: fromY },
            { x, y: fromY },
            { x, y },
            { x: fromX, y },
          ];
        }
      },
      ...this.finishing(() => {
        const points = gesture.outline!;
        const xs = points.map((each) => each.x);
        const ys = points.map((each) => each.y);
        const area = {
          left: Math.min(...xs),
          top: Math.min(...ys),
          right: Math.max(...xs),
          bottom: Math.max(...ys),
        };
        if (area.right - area.left < 1 || area.bottom - area.top < 1) return;
        mask.begin();
        mask.draw(area, (context) => {
          context.beginPath();
          points.forEach((point, index) =>
            index ? context.lineTo(point.x, point.y) : context.moveTo(point.x, point.y),
          );
          context.fill();
        });
        mask.end();
      }),
    };
    return gesture;
  }

  private finishing(finish: () => void): Pick<Gesture, "end" | "abandon"> {
    return {
      end: () => {
        finish();
        state.maskVersion.value++;
      },
      abandon: () => {
        state.mask.value?.abandon();
        state.maskVersion.value++;
      },
    };
  }

  /** Have an area of the mask drawn again, with what else is to be drawn. */
  private spoil(area: Area): void {
    const all = this.stale.has("mask") && !this.dirty;
    const { dirty } = this;
    if (!all) {
      this.dirty = {
        left: Math.min(area.left, dirty?.left ?? Infinity),
        top: Math.min(area.top, dirty?.top ?? Infinity),
        right: Math.max(area.right, dirty?.right ?? -Infinity),
        bottom: Math.max(area.bottom, dirty?.bottom ?? -Infinity),
      };
    }
    this.invalidate("mask", "pointer");
  }

  /** Arrow keys move a pointer of their own; Space presses it, and releases it again. */
  private pressKey(event: KeyboardEvent): void {
    const ways: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const way = ways[event.key];
    if (!state.picture.value || event.ctrlKey || event.metaKey) return;
    if (way && (event.altKey || state.shown.value || state.isExtending.value)) {
      this.panBy({ x: -way[0] * 48, y: -way[1] * 48 });
    } else if (way) this.moveCaret(way, event.shiftKey ? 1 : STEP, event);
    else if (event.code === "Space") {
      if (this.caret) this.pressCaret();
      else this.isSpaceDown = true;
    } else if (event.key === "Escape" && this.gesture) {
      this.gesture.abandon();
      this.gesture = null;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.setCursor();
    this.invalidate("pointer");
  }

  private moveCaret(way: [number, number], step: number, event: KeyboardEvent): void {
    const { width, height } = state.picture.value!;
    const by = step / this.view.scale;
    const now = this.caret ?? { x: width / 2, y: height / 2 };
    this.caret = {
      x: Math.min(width, Math.max(0, now.x + way[0] * by)),
      y: Math.min(height, Math.max(0, now.y + way[1] * by)),
    };
    this.gesture?.move(this.view.toStage(this.caret), event);
  }

  private pressCaret(): void {
    const at = this.view.toStage(this.caret!);
    if (this.gesture) {
      this.gesture.end();
      this.gesture = null;
    } else {
      this.gesture = this.begin(at, false);
      this.gesture?.move(at, { altKey: false, shiftKey: false });
    }
  }
}
