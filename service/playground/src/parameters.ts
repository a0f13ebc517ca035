/** The parameters that the page offers beside method and model, in the order in which they stand. */

import * as state from "./state";
import { limits, operation } from "./state";

export interface Parameter {
  name: string;
  label: string;
  kind: "lines" | "number" | "choice" | "segments" | "switch";
  hint?: string;
  choices?: [string, string][];
  least?: number;
  most?: number;
  step?: number;
  placeholder?: string;
  only?: "inpaint" | "outpaint";
  /** Stands under "More options". */
  more?: boolean;
  /** Takes a line of its own. */
  wide?: boolean;
}

const QUALITIES: [string, string][] = [
  ["fast", "Fast"],
  ["", "Balanced"],
  ["best", "Best"],
];

export const PARAMETERS: Parameter[] = [
  { name: "intent", label: "Intent", kind: "choice", wide: true },
  { name: "preset", label: "Preset", kind: "choice", wide: true },
  {
    name: "prompt",
    label: "Prompt",
    kind: "lines",
    wide: true,
    placeholder: "What to paint",
  },
  { name: "quality", label: "Quality", kind: "segments", choices: QUALITIES },
  {
    name: "num_images",
    label: "Variants",
    kind: "number",
    least: 1,
    placeholder: "1",
  },
  {
    name: "seed",
    label: "Seed",
    kind: "number",
    least: 0,
    most: 4294967295,
    placeholder: "Random",
  },
  {
    name: "negative_prompt",
    label: "Negative prompt",
    kind: "lines",
    wide: true,
    placeholder: "What not to paint",
    more: true,
  },
  {
    name: "strength",
    label: "Strength",
    kind: "number",
    least: 0.01,
    most: 1,
    step: 0.01,
    hint: "1 ignores what was there.",
    more: true,
  },
  {
    name: "guidance_scale",
    label: "Guidance",
    kind: "number",
    least: 0,
    most: 50,
    step: 0.1,
    hint: "How closely the prompt is followed.",
    more: true,
  },
  {
    name: "num_inference_steps",
    label: "Steps",
    kind: "number",
    least: 1,
    most: 200,
    more: true,
  },
  {
    name: "grow",
    label: "Grow the mask",
    kind: "number",
    least: -256,
    most: 256,
    placeholder: "0",
    hint: "Pixels; negative narrows it.",
    only: "inpaint",
    more: true,
  },
  {
    name: "feather",
    label: "Feather",
    kind: "number",
    least: 0,
    most: 256,
    placeholder: "0",
    hint: "Pixels over which paint fades into the original, inside the mask.",
    only: "inpaint",
    more: true,
  },
  {
    name: "overlap",
    label: "Overlap",
    kind: "number",
    least: 0,
    most: 256,
    placeholder: "0",
    hint: "Pixels of the original that may be blended. The proof counts them apart.",
    only: "outpaint",
    more: true,
  },
  {
    name: "mirror_style",
    label: "Reflection",
    kind: "choice",
    choices: [
      ["", "Guided"],
      ["exact", "Exact"],
    ],
    only: "outpaint",
    more: true,
  },
  {
    name: "ground",
    label: "Ground",
    kind: "choice",
    choices: [
      ["", "Find and continue it"],
      ["ignore", "Copy what looks alike"],
    ],
    more: true,
  },
  { name: "output_format", label: "Format", kind: "choice", more: true },
  {
    name: "keep_metadata",
    label: "Keep the picture's EXIF data",
    kind: "switch",
    wide: true,
    more: true,
  },
  {
    name: "convert",
    label: "Convert CMYK to sRGB",
    kind: "switch",
    wide: true,
    more: true,
  },
];

const FORMATS: Record<string, string> = {
  png: "PNG, lossless",
  jpeg: "JPEG",
  webp: "WebP",
  avif: "AVIF",
};

const INTENTS: [string, string][] = [
  ["remove", "Remove what is there"],
  ["replace", "Put something else there"],
  ["modify", "Change what is there"],
  ["extend", "Continue the picture"],
];

/** Return the intents that the chosen method honors, or any that `auto` may choose. */
function listIntents(): [string, string][] {
  const { fields, methods, model } = state;
  const own = methods.value.filter((each) => each.operation === operation.value && each.available);
  const wanted = fields.value.method;
  const able = own.filter((each) => !wanted || each.name === wanted).map((each) => each.intents);
  const honored = fields.value.model && model.value ? [model.value.intents] : able;
  return INTENTS.filter(([name]) => honored.some((each) => setsAnything(each[name])));
}

const setsAnything = (settings: Record<string, unknown> | undefined): boolean =>
  Object.values(settings ?? {}).some((value) => value !== null);

/** Return the choices of a parameter; an empty value is not sent. */
export function choicesOf(parameter: Parameter): [string, string][] {
  if (parameter.name === "intent") return [["", "Not said"], ...listIntents()];
  if (parameter.name === "preset") return [["", "None"], ...listPresets()];
  if (parameter.name !== "output_format") return parameter.choices ?? [];
  return (limits.value?.output_formats ?? ["png"]).map((name) => [
    name === "png" ? "" : name,
    FORMATS[name] ?? name,
  ]);
}

export function mostOf(parameter: Parameter): number | undefined {
  return parameter.name === "num_images" ? limits.value?.max_num_images : parameter.most;
}

function listPresets(): [string, string][] {
  return Object.keys(state.model.value?.presets ?? {}).map((name) => [name, name]);
}

/** Return whether a parameter has anything to choose from. */
export function hasChoice(parameter: Parameter): boolean {
  if (parameter.name === "intent") return listIntents().length > 0;
  return parameter.name !== "preset" || listPresets().length > 0;
}

export const fitsOperation = (parameter: Parameter): boolean =>
  !parameter.only || parameter.only === operation.value;
