/** What the page knows: one signal a thing, read by the components and changed by `actions`. */

import { computed, signal } from "@preact/signals";
import type { Fault, Job, Limits, Method, Model, Operation, Problem } from "./documents";
import { canvasOf, NO_MARGINS, type Margins, type Unit } from "./extending";
import type { Mask } from "./mask";
import type { Picture } from "./picture";

export type Tool = "brush" | "eraser" | "box" | "lasso" | "hand";

export interface Shown {
  job: Job;
  /** The picture that was sent, and the form's other parts: what the call is made of again. */
  picture: Picture;
  mask: Mask | null;
  fields: Record<string, string>;
  /** What came out, each with copies to look at. */
  results: { blob: Blob; levels: ImageBitmap[] }[];
  /** What was repainted, in the color of paint. */
  effective: ImageBitmap | null;
}

export const methods = signal<Method[]>([]);
export const models = signal<Model[]>([]);
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
export const margins = signal<Margins>(NO_MARGINS);
export const unit = signal<Unit>("px");
export const fields = signal<Record<string, string>>({});

export const job = signal<Job | null>(null);
export const isSending = signal(false);
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

export const isRunning = computed(
  () => isSending.value || job.value?.status === "queued" || job.value?.status === "running",
);
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
  const wanted = fields.value.method ?? "auto";
  return own.find((each) => (wanted === "auto" ? each.is_default : each.name === wanted)) ?? null;
});
export const model = computed(() => {
  if (!method.value?.needs_model) return null;
  const wanted = fields.value.model;
  return (
    models.value.find((each) => (wanted ? each.name === wanted : each.is_default)) ?? null
  );
});

/** Return whether the chosen method, and its model, honor a parameter. */
export function honors(field: string): boolean {
  if (!method.value || method.value.unsupported_fields.includes(field)) return false;
  return !model.value?.unsupported_fields.includes(field);
}

export function faultOf(field: string): string {
  const own = faults.value.filter((each) => each.pointer.split("/")[1] === field);
  return own.map((each) => each.message).join("; ");
}
