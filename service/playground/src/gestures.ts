/** What a press on the stage begins: a stroke, a box, a dragged border, and so on, until the release. */

import { findContent } from "./content";
import * as drawing from "./drawing";
import { drag, isHorizontal, type Margins, type Side } from "./extending";
import { findAt, findInBox } from "./finding";
import type { Area } from "./mask";
import type { Stage } from "./stage";
import * as state from "./state";
import type { Point } from "./viewport";

export interface Keys {
  altKey: boolean;
  shiftKey: boolean;
}

export interface Gesture {
  move(at: Point, keys: Keys): void;
  end(keys: Keys): void;
  /** End it as if it had not begun. */
  abandon(): void;
}

const SNAP = 9;

/** Begin what a press at a point of the stage means, by the chosen tool. */
export function begin(stage: Stage, at: Point, isTouch: boolean): Gesture {
  const tool = state.tool.value;
  if (state.shown.value) return beginWipe(stage, at, isTouch);
  if (state.isRunning.value) return beginPan(stage, at);
  if (state.isExtending.value) return beginBorder(stage, at, isTouch) ?? beginPan(stage, at);
  if (tool === "hand") return beginPan(stage, at);
  if (tool === "box" || tool === "lasso") return beginOutline(stage, at);
  return tool === "point" ? beginPoint(stage, at) : beginStroke(stage);
}

export function beginPan(stage: Stage, at: Point): Gesture {
  let last = at;
  const leave = () => {};
  return {
    move: (now) => {
      stage.panBy({ x: now.x - last.x, y: now.y - last.y });
      last = now;
    },
    end: leave,
    abandon: leave,
  };
}

function beginWipe(stage: Stage, at: Point, isTouch: boolean): Gesture {
  const { left, right } = findContent();
  const x = stage.view.toStage({ x: left + (right - left) * state.wipe.value, y: 0 }).x;
  if (Math.abs(at.x - x) > (isTouch ? 32 : 20)) return beginPan(stage, at);
  const leave = () => {};
  return {
    move: (now) => {
      const share = (stage.view.toPicture(now).x - left) / (right - left);
      state.wipe.value = Math.min(1, Math.max(0, share));
    },
    end: leave,
    abandon: leave,
  };
}

/** Return the handle, or the border, that a point of the stage is on. */
export function findHandle(stage: Stage, at: Point, reach: number): drawing.Handle | undefined {
  const handles = drawing.listHandles(stage.view, state.picture.value!, state.margins.value);
  const near = handles.find((each) => Math.hypot(each.x - at.x, each.y - at.y) <= reach);
  if (near) return near;
  const start = handles[0]!;
  const end = handles[3]!;
  const isClose = ({ sides, x, y }: drawing.Handle) =>
    isHorizontal(sides[0]!)
      ? Math.abs(at.x - x) <= reach / 2 && at.y >= start.y && at.y <= end.y
      : Math.abs(at.y - y) <= reach / 2 && at.x >= start.x && at.x <= end.x;
  return handles.slice(4).find(isClose);
}

function beginBorder(stage: Stage, at: Point, isTouch: boolean): Gesture | null {
  const handle = findHandle(stage, at, isTouch ? 28 : 16);
  if (!handle) return null;
  const before = state.margins.value;
  return {
    move: (now, { altKey, shiftKey }) => {
      const reach = shiftKey ? 0 : SNAP / stage.view.scale;
      const point = stage.view.toPicture(now);
      state.margins.value = dragSides(before, handle.sides, point, reach, altKey);
    },
    end: () => stage.fit(),
    abandon: () => {
      state.margins.value = before;
    },
  };
}

function dragSides(
  before: Margins,
  sides: Side[],
  point: Point,
  reach: number,
  both: boolean,
): Margins {
  const size = state.picture.value!;
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

function beginStroke(stage: Stage): Gesture {
  const mask = state.mask.value!;
  const erases = state.tool.value === "eraser";
  const width = state.brush.value;
  let last: Point | null = null;
  mask.begin();
  const move = (now: Point) => {
    const to = stage.view.toPicture(now);
    const from = last ?? to;
    last = to;
    const area = findArea([from, to], width / 2 + 2);
    mask.draw(area, (context) => {
      if (erases) context.globalCompositeOperation = "destination-out";
      context.lineWidth = width;
      context.lineCap = "round";
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    });
    stage.spoil(area);
  };
  return {
    move,
    end: () => {
      mask.end();
      state.points.value = [];
      state.maskVersion.value++;
    },
    abandon: () => {
      mask.abandon();
      state.maskVersion.value++;
    },
  };
}

function beginOutline(stage: Stage, at: Point): Gesture {
  const start = stage.view.toPicture(at);
  const isBox = state.tool.value === "box";
  let points = [start];
  const leave = () => {
    stage.trace.outline = null;
    stage.invalidate("pointer");
  };
  return {
    move: (now) => {
      const point = stage.view.toPicture(now);
      points = isBox ? makeBox(start, point) : [...points, point];
      stage.trace.outline = points;
    },
    end: () => {
      leave();
      const area = findArea(points, 0);
      if (area.right - area.left < 1 || area.bottom - area.top < 1) return;
      if (isBox && state.findsInBox.value) void findInBox(area);
      else fill(area, points);
    },
    abandon: leave,
  };
}

/** Return the corners of a box of whole pixels. */
function makeBox(from: Point, to: Point): Point[] {
  const [left, top] = [Math.round(from.x), Math.round(from.y)];
  const [right, bottom] = [Math.round(to.x), Math.round(to.y)];
  return [
    { x: left, y: top },
    { x: right, y: top },
    { x: right, y: bottom },
    { x: left, y: bottom },
  ];
}

function fill(area: Area, points: Point[]): void {
  const mask = state.mask.value!;
  mask.begin();
  mask.draw(area, (context) => {
    context.beginPath();
    for (const { x, y } of points) context.lineTo(x, y);
    context.fill();
  });
  mask.end();
  state.points.value = [];
  state.maskVersion.value++;
}

function beginPoint(stage: Stage, at: Point): Gesture {
  const leave = () => {};
  return {
    move: leave,
    end: ({ altKey, shiftKey }) => {
      const { x, y } = stage.view.toPicture(at);
      void findAt({ x, y, belongs: !altKey }, altKey || shiftKey);
    },
    abandon: leave,
  };
}

function findArea(points: Point[], edge: number): Area {
  let area = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const { x, y } of points) {
    area = {
      left: Math.min(area.left, x - edge),
      top: Math.min(area.top, y - edge),
      right: Math.max(area.right, x + edge),
      bottom: Math.max(area.bottom, y + edge),
    };
  }
  return area;
}
