/**
 * The stage: shows the picture, the mask and what follows the pointer on three canvases of its own
 * size that lie on each other, so that each is drawn again only when it changes.
 */

import { effect } from "@preact/signals";
import { findContent, sizeOf } from "./content";
import { Input } from "./input";
import { drawMaskLayer, drawPictureLayer, drawPointerLayer, type Trace } from "./layers";
import type { Area } from "./mask";
import * as state from "./state";
import { Viewport, type Point } from "./viewport";

export type Layer = "picture" | "mask" | "pointer";

/** Room at the edge of the stage for a row of tools. */
const TOOLS_EDGE = 70;

export class Stage {
  readonly view = new Viewport();
  /** What follows the pointer, as the input leaves it. */
  readonly trace: Trace = { hover: null, caret: null, outline: null };
  private readonly contexts: Record<Layer, CanvasRenderingContext2D>;
  private readonly stale = new Set<Layer>();
  /** What of the mask is to be drawn again; null for all of it. */
  private dirty: Area | null = null;
  private frame = 0;
  private readonly input: Input;
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
    this.input = new Input(this, canvases.pointer);
    this.follow();
  }

  dispose(): void {
    this.resizes.disconnect();
    this.disposers.forEach((dispose) => dispose());
    cancelAnimationFrame(this.frame);
  }

  fit(): void {
    const { width, height } = this.view;
    const extendsNow = state.isExtending.peek() && !state.shown.peek();
    const edge = extendsNow ? Math.max(40, 0.12 * Math.min(width, height)) : 16;
    const edges = { left: edge, top: edge, right: edge, bottom: edge };
    edges.bottom = Math.max(edge, TOOLS_EDGE);
    // Beside the tools, or below them on a phone.
    if (!extendsNow && !state.shown.peek()) edges[width > 700 ? "left" : "top"] = TOOLS_EDGE;
    this.view.fit(findContent(), edges);
    this.redraw();
  }

  zoomBy(factor: number, at: Point = { x: this.view.width / 2, y: this.view.height / 2 }): void {
    const { width, height } = sizeOf(findContent());
    const fitted = Math.min(this.view.width / width, this.view.height / height);
    this.view.zoom(factor, at, Math.min(1, 0.25 * fitted));
    this.redraw();
  }

  showActualSize(): void {
    this.zoomBy(1 / devicePixelRatio / this.view.scale);
  }

  panBy(by: Point): void {
    this.view.pan(by, sizeOf(findContent()));
    this.redraw();
  }

  invalidate(...layers: Layer[]): void {
    for (const layer of layers) this.stale.add(layer);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Have an area of the mask drawn again, with what else is to be drawn. */
  spoil(area: Area): void {
    const { dirty } = this;
    // Without one all of it is drawn anyway.
    if (dirty || !this.stale.has("mask")) {
      this.dirty = {
        left: Math.min(area.left, dirty?.left ?? Infinity),
        top: Math.min(area.top, dirty?.top ?? Infinity),
        right: Math.max(area.right, dirty?.right ?? -Infinity),
        bottom: Math.max(area.bottom, dirty?.bottom ?? -Infinity),
      };
    }
    this.invalidate("mask", "pointer");
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

  /** Draw again what depends on a signal that has changed. */
  private follow(): void {
    const on = (read: () => unknown[], act: () => void) =>
      this.disposers.push(
        effect(() => {
          read();
          act();
        }),
      );
    on(
      () => [state.picture.value, state.shown.value, state.operation.value],
      () => this.fit(),
    );
    on(
      () => [state.margins.value],
      () => (this.view.isFitted && !this.input.isBusy ? this.fit() : this.redraw()),
    );
    on(
      () => [state.wipe.value, state.chosen.value, state.showsEffective.value, state.preview.value],
      () => this.invalidate("picture", "pointer"),
    );
    on(
      () => [state.maskVersion.value, state.mask.value, state.preview.value],
      () => {
        this.dirty = null;
        this.invalidate("mask");
      },
    );
    on(
      () => [state.tool.value, state.brush.value, state.isRunning.value, state.points.value],
      () => {
        this.input.setCursor();
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
      if (layer === "picture") drawPictureLayer(context, this.view, this.element);
      else if (layer === "pointer") drawPointerLayer(context, this.view, this.trace);
      else {
        drawMaskLayer(context, this.view, this.dirty);
        this.dirty = null;
      }
    }
  }
}
