/** The keyboard: what each key does, in one table that the page shows too. */

import * as actions from "./actions";
import { cancel } from "./following";
import * as state from "./state";
import type { Tool } from "./state";

export interface Shortcut {
  keys: string;
  does: string;
}

export const SHORTCUTS: Shortcut[] = [
  { keys: "B · E · R · L · P · H", does: "Brush, eraser, box, lasso, click on a thing, hand" },
  { keys: "[ and ]", does: "Smaller or larger brush" },
  { keys: "Ctrl Z · Ctrl Shift Z", does: "Undo, redo" },
  { keys: "I · Delete", does: "Invert the mask, clear it" },
  { keys: "+ · - · 0 · 1", does: "Zoom in, zoom out, fit, actual size" },
  { keys: "Space and drag, wheel, two fingers", does: "Pan and zoom" },
  { keys: "Arrows on the picture", does: "Move the brush; with Shift by single pixels, with Alt pan" },
  { keys: "Space on the picture", does: "Press the brush down, and lift it" },
  { keys: "Shift or Alt and click on a thing", does: "One more point of it, or one that is not" },
  { keys: "Alt and drag a border", does: "Extend both sides; with Shift without snapping" },
  { keys: "Ctrl Enter", does: "Paint" },
  { keys: "Escape", does: "Cancel the running job" },
  { keys: "Left and right on the result", does: "Move the line between before and after" },
  { keys: "M", does: "Show what was repainted" },
  { keys: "?", does: "This list" },
];

const TOOLS: Record<string, Tool> = {
  b: "brush",
  e: "eraser",
  r: "box",
  l: "lasso",
  p: "point",
  h: "hand",
};

/** What the stage does with a key, set while there is one. */
export const stageKeys: { zoomBy?: (factor: number) => void; fit?: () => void; actual?: () => void } =
  {};

export function resizeBrush(factor: number): void {
  const { width, height } = state.picture.value ?? { width: 1000, height: 1000 };
  const next = state.brush.value * factor;
  state.brush.value = Math.round(Math.min(Math.max(next, 1), Math.max(width, height)));
}

export function changeMask(act: "undo" | "redo" | "invert" | "clear"): void {
  if (!state.mask.value || state.isRunning.value) return;
  state.mask.value[act]();
  state.points.value = [];
  state.maskVersion.value++;
}

export function listenForShortcuts(showList: () => void): () => void {
  const listen = (event: KeyboardEvent) => {
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const isTyping = (event.target as HTMLElement).matches?.("input, textarea, select");
    const handled =
      event.ctrlKey || event.metaKey
        ? handleCommand(event, isTyping)
        : !event.altKey && !isTyping && handleKey(event, showList);
    if (handled) event.preventDefault();
  };
  document.addEventListener("keydown", listen);
  return () => document.removeEventListener("keydown", listen);
}

function handleCommand(event: KeyboardEvent, isTyping: boolean): boolean {
  if (event.key === "Enter") void actions.paint();
  else if (isTyping || !isMasking()) return false;
  else if (event.key.toLowerCase() === "z") changeMask(event.shiftKey ? "redo" : "undo");
  else if (event.key.toLowerCase() === "y") changeMask("redo");
  else return false;
  return true;
}

const isMasking = (): boolean =>
  Boolean(state.mask.value) && !state.shown.value && !state.isExtending.value;

function handleKey(event: KeyboardEvent, showList: () => void): boolean {
  if (event.key === "?") showList();
  else if (event.key === "Escape" && state.job.value && state.isRunning.value) void cancel();
  else if (event.key === "+" || event.key === "=") stageKeys.zoomBy?.(1.25);
  else if (event.key === "-") stageKeys.zoomBy?.(0.8);
  else if (event.key === "0") stageKeys.fit?.();
  else if (event.key === "1") stageKeys.actual?.();
  else if (state.shown.value) return handleResultKey(event);
  else return isMasking() && handleMaskKey(event);
  return true;
}

function handleResultKey(event: KeyboardEvent): boolean {
  if (event.key === "m") state.showsEffective.value = !state.showsEffective.value;
  else return false;
  return true;
}

function handleMaskKey(event: KeyboardEvent): boolean {
  const tool = TOOLS[event.key.toLowerCase()];
  if (tool === "point" && !state.findable.value.has("points")) return false;
  if (tool) state.tool.value = tool;
  else if (event.key === "[") resizeBrush(0.8);
  else if (event.key === "]") resizeBrush(1.25);
  else if (event.key === "i") changeMask("invert");
  else if (event.key === "Delete" || event.key === "Backspace") changeMask("clear");
  else return false;
  return true;
}
