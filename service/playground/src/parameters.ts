/** The parameters that the page offers beside method and model, in the order in which they stand. */

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
}

const QUALITIES: [string, string][] = [
  ["fast", "Fast"],
  ["", "Balanced"],
  ["best", "Best"],
];

export const PARAMETERS: Parameter[] = [
  {
    name: "prompt",
    label: "Prompt",
    kind: "lines",
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
    more: true,
  },
  {
    name: "convert",
    label: "Convert CMYK to sRGB",
    kind: "switch",
    more: true,
  },
];

const FORMATS: Record<string, string> = {
  png: "PNG, lossless",
  jpeg: "JPEG",
  webp: "WebP",
  avif: "AVIF",
};

/** Return the choices of a parameter; an empty value is not sent. */
export function choicesOf(parameter: Parameter): [string, string][] {
  if (parameter.name !== "output_format") return parameter.choices ?? [];
  return (limits.value?.output_formats ?? ["png"]).map((name) => [
    name === "png" ? "" : name,
    FORMATS[name] ?? name,
  ]);
}

export function mostOf(parameter: Parameter): number | undefined {
  return parameter.name === "num_images" ? limits.value?.max_num_images : parameter.most;
}

export const fitsOperation = (parameter: Parameter): boolean =>
  !parameter.only || parameter.only === operation.value;
