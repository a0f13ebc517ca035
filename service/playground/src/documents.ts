/** The documents of the API, as far as this page reads them: see openapi.yaml. */

export type Operation = "inpaint" | "outpaint";
export type Status = "queued" | "running" | "succeeded" | "failed" | "canceled";

export interface Method {
  name: string;
  operation: Operation;
  summary: string;
  available: boolean;
  is_default: boolean;
  needs_model: boolean;
  variants: boolean;
  intents: Record<string, Record<string, unknown>>;
  unsupported_fields: string[];
  workers_online: number;
}

export interface Model {
  name: string;
  description: string;
  configured: boolean;
  is_default: boolean;
  intents: Record<string, Record<string, unknown>>;
  presets: Record<string, unknown>;
  loras: Record<string, { description: string; scale: number; withheld: string }>;
  unsupported_fields: string[];
  workers_online: number;
}

export interface Finder {
  name: string;
  /** `text`, `subject`, `background`, `words`, `points`, `box`. */
  finds: string[];
  configured: boolean;
}

export interface Limits {
  max_part_bytes: number;
  max_image_pixels: number;
  max_canvas_pixels: number;
  max_num_images: number;
  output_formats: string[];
}

export interface Fault {
  pointer: string;
  code: string;
  message: string;
}

export interface Problem {
  title: string;
  status: number;
  detail: string;
  code: string;
  retryable: boolean;
  request_id: string;
  errors: Fault[];
}

export interface Proof {
  kept_pixels: number;
  kept_pixels_changed: number;
  max_difference: number;
  touched_box: number[];
  band_pixels: number;
  output_sha256: string | null;
}

export interface Output {
  index: number;
  format: string;
  width: number;
  height: number;
  bytes: number;
  sha256: string;
  seed: number;
  estimate: number | null;
  proof: Proof;
}

export interface Progress {
  stage: string;
  step: number;
  steps: number;
  fraction: number;
  preview_url: string | null;
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Job {
  id: string;
  operation: Operation;
  status: Status;
  method: string;
  model: string | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  queue: { position: number | null; eta_seconds: number | null };
  progress: Progress | null;
  params: Record<string, unknown>;
  geometry: { width: number; height: number; original: Box; margins: Box } | null;
  warnings: { code: string; detail: string }[];
  outputs: Output[];
  timings: Record<string, number | null> | null;
  error: { code: string; title: string; detail: string; retryable: boolean } | null;
  links: { mask: string | null };
}

export interface JobEvent {
  type: string;
  status: Status | null;
  progress: Progress | null;
  job: Job | null;
}
