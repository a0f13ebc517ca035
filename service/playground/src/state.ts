/** What the page knows: one signal a thing, read by the components and changed by `actions`. */

import { computed, signal } from "@preact/signals";
import type { Fault, Finder, Job, Limits, Method, Model, Operation, Problem } from "./documents";
import { canvasOf, NO_MARGINS, type Margins, type Unit } from "./extending";
import type { Mask } from "./mask";
import type { Picture } from "./picture";

export type Tool = "brush" | "eraser" | "box" | "lasso" | "point" | "hand";

/** A point of the picture, and whether it belongs to the thing that is to be found. */
export interface Spot {
  x: number;
  y: number;
  belongs: boolean;
}

export interface Shown {
  job: Job;
  /** The picture that was sent, and the form's other parts: what the call is made of again. */
  picture: Picture;
  mask: Mask | null;
  reference: File | null;
  fields: Record<string, string>;
  /** What came out, each with copies to look at. */
  results: { blob: Blob; levels: ImageBitmap[] }[];
  /** What was repainted, in the color of paint. */
  effective: ImageBitmap | null;
}

export const methods = signal<Method[]>([]);
export const models = signal<Model[]>([]);
export const finders = signal<Finder[]>([]);
export const limits = signal<Limits | null>(null);
export const catalogProblem = signal<Problem | null>(null);

export const operation = signal<Operation>("inpaint");
export const picture = signal<Picture | null>(null);
export const mask = signal<Mask | null>(null);
/** Grows with every change of the mask. */
export const maskVersion = signal(0);
export const tool = signal<Tool>("brush");
/** Diameter of brush and eraser in pixels of the picture. */
export const brush = signal(40);
/** The points that the thing found last was found by. */
export const points = signal<Spot[]>([]);
/** Whether the box tool marks the thing in the box alone. */
export const findsInBox = signal(false);
export const margins = signal<Margins>(NO_MARGINS);
export const unit = signal<Unit>("px");
export const fields = signal<Record<string, string>>({});
/** A second picture that a model looks at. */
export const reference = signal<File | null>(null);
/** LoRAs that are asked for, with the scale that was typed in. */
export const loras = signal<Record<string, string>>({});

export const job = signal<Job | null>(null);
/** Whether a job is sent, runs, or has its results fetched. */
export const isRunning = signal(false);
/** Whether what runs looks for a mask, and paints nothing. */
export const isFinding = signal(false);
export const preview = signal<ImageBitmap | null>(null);
export const shown = signal<Shown | null>(null);
/** Which result is looked at. */
export const chosen = signal(0);
/** Where before ends and after begins, as a share of the width. */
export const wipe = signal(0.5);
export const showsEffective = signal(false);
export const isSideBySide = signal(false);

export const faults = signal<Fault[]>([]);
/** What went wrong, in words; empty if nothing did. */
export const message = signal("");
/** Read aloud by screen readers. */
export const announcement = signal("");

export const isExtending = computed(() => operation.value === "outpaint");
export const canvas = computed(() => {
  const { width, height } = picture.value ?? { width: 1, height: 1 };
  return canvasOf({ width, height }, margins.value);
});
/** The share of the picture that will be repainted. */
export const coverage = computed(() => {
  void maskVersion.value;
  const { value } = mask;
  return value ? value.covered / (value.width * value.height) : 0;
});

/** The method that `auto` means here, or the chosen one. */
export const method = computed(() => {
  const own = methods.value.filter((each) => each.operation === operation.value);
  const { method: wanted, intent } = fields.value;
  if (wanted) return own.find((each) => each.name === wanted) ?? null;
  const fallback = own.find((each) => each.is_default) ?? null;
  if (!intent || !fallback || intent in fallback.intents) return fallback;
  // Source: docs/intent.md: without a model if one honors it so, else by the first that does.
  const able = own.filter((each) => each.available && intent in each.intents);
  return able.find((each) => !each.needs_model) ?? able[0] ?? fallback;
});
/** The models that paint here. */
export const painters = computed(() => models.value.filter((each) => each.configured));
export const model = computed(() => {
  if (!method.value?.needs_model) return null;
  const { model: wanted, intent } = fields.value;
  if (wanted) return painters.value.find((each) => each.name === wanted) ?? null;
  const fallback = painters.value.find((each) => each.is_default) ?? null;
  if (!intent || !fallback || intent in fallback.intents) return fallback;
  return painters.value.find((each) => intent in each.intents) ?? fallback;
});
/** What can be found here. */
export const findable = computed(
  () => new Set(finders.value.flatMap((each) => (each.configured ? each.finds : []))),
);

/** The LoRAs that the chosen model offers. */
export const offeredLoras = computed(() =>
  Object.entries(model.value?.loras ?? {}).filter(([, { withheld }]) => !withheld),
);

/** Return whether the chosen method, and its model, honor a parameter. */
export function honors(field: string): boolean {
  if (!method.value || method.value.unsupported_fields.includes(field)) return false;
  return !model.value?.unsupported_fields.includes(field);
}

export function faultOf(field: string): string {
  const own = faults.value.filter((each) => each.pointer.split("/")[1] === field);
  return own.map((each) => each.message).join("; ");
}
