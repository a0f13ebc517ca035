/** What a user can do: each changes the state, and calls the service where that is needed. */

import { batch } from "@preact/signals";
import * as api from "./api";
import { ProblemError } from "./api";
import type { Job, Operation } from "./documents";
import { isHorizontal, NO_MARGINS, SIDES } from "./extending";
import { clearMessage, follow, report } from "./following";
import { remember, type Entry } from "./history";
import { Mask, PAINT } from "./mask";
import { fitsOperation, hasChoice, PARAMETERS } from "./parameters";
import { decode, drawFrame, halve, makeThumbnail, openPicture, tint } from "./picture";
import { extensionOf, maskNameOf } from "./snippets";
import * as state from "./state";

/** Load what the service offers, once it is known who asks. */
export async function loadCatalog(): Promise<void> {
  try {
    const { methods, models, finders, limits } = await api.loadCatalog();
    batch(() => {
      state.methods.value = methods;
      state.models.value = models;
      state.finders.value = finders;
      state.limits.value = limits;
      state.catalogProblem.value = null;
    });
  } catch (error) {
    if (error instanceof ProblemError) state.catalogProblem.value = error.problem;
    else throw error;
  }
}

export async function choosePicture(file: File): Promise<void> {
  clearMessage();
  // Workers come and go while the page is open.
  void loadCatalog();
  try {
    const most = state.limits.value?.max_part_bytes;
    if (most && file.size > most) {
      throw new Error(`The file has ${formatBytes(file.size)}; this service takes ${formatBytes(most)}.`);
    }
    const picture = await openPicture(file);
    batch(() => {
      state.picture.value = picture;
      state.mask.value = new Mask(picture.width, picture.height);
      state.maskVersion.value++;
      state.points.value = [];
      state.margins.value = NO_MARGINS;
      state.brush.value = Math.max(8, Math.round(Math.max(picture.width, picture.height) / 22));
      state.shown.value = null;
      state.job.value = null;
      state.announcement.value = `${file.name}, ${picture.width} by ${picture.height} pixels`;
    });
  } catch (error) {
    report(error);
  }
}

export async function loadMask(file: File): Promise<void> {
  const { mask } = state;
  if (!mask.value) return;
  clearMessage();
  try {
    const bitmap = await decode(file);
    const { width, height } = mask.value;
    if (bitmap.width !== width || bitmap.height !== height) {
      throw new Error(
        `The mask has ${bitmap.width} × ${bitmap.height} pixels; the picture has ${width} × ${height}.`,
      );
    }
    mask.value.take(bitmap, false);
    state.maskVersion.value++;
  } catch (error) {
    report(error);
  }
}

export function chooseOperation(operation: Operation): void {
  batch(() => {
    state.operation.value = operation;
    // A method or an intent of the other operation would be refused.
    const { method: _, intent: __, ...others } = state.fields.value;
    state.fields.value = others;
    clearMessage();
  });
}

export function setField(name: string, value: string): void {
  const { [name]: _, ...others } = state.fields.value;
  batch(() => {
    state.fields.value = value === "" ? others : { ...others, [name]: value };
    state.faults.value = state.faults.value.filter((each) => each.pointer !== `/${name}`);
  });
}

/** Return the fields that the chosen method honors, as they are sent. */
export function listFields(): Record<string, string> {
  const { fields, method, model } = state;
  const sent: Record<string, string> = {};
  if (fields.value.method) sent.method = fields.value.method;
  if (fields.value.model && model.value) sent.model = fields.value.model;
  for (const parameter of PARAMETERS) {
    const value = fields.value[parameter.name];
    const isLone = parameter.name === "num_images" && !method.value?.variants;
    if (value && fitsOperation(parameter) && hasChoice(parameter) && state.honors(parameter.name) && !isLone) {
      sent[parameter.name] = value;
    }
  }
  if (state.honors("loras")) Object.assign(sent, listLoras());
  return state.isExtending.value ? { ...sent, ...listMargins() } : sent;
}

function listLoras(): Record<string, string> {
  const { loras, offeredLoras } = state;
  const used = offeredLoras.value.map(([name]) => name).filter((name) => name in loras.value);
  const list = used.map((name) => {
    const scale = loras.value[name];
    return scale ? { name, scale: Number(scale) } : { name };
  });
  return list.length ? { loras: JSON.stringify(list) } : {};
}

function listMargins(): Record<string, string> {
  const { margins, picture, unit } = state;
  const found: Record<string, string> = {};
  for (const side of SIDES) {
    const pixels = margins.value[side];
    if (!pixels) continue;
    const whole = isHorizontal(side) ? picture.value!.width : picture.value!.height;
    if (unit.value === "px") found[side] = String(pixels);
    else found[`${side}_percent`] = String(+((100 * pixels) / whole).toFixed(4));
  }
  return found;
}

/** Send the job, and follow it to its end. */
export async function paint(): Promise<void> {
  const { picture, mask, operation, isRunning } = state;
  if (!picture.value || isRunning.value) return;
  clearMessage();
  const fields = listFields();
  const sent: Sent = {
    picture: picture.value,
    mask: operation.value === "inpaint" ? mask.value : null,
    reference: state.honors("reference_image") ? state.reference.value : null,
    fields,
  };
  batch(() => {
    state.isRunning.value = true;
    state.shown.value = null;
    state.job.value = null;
    state.announcement.value = "Sending the picture";
  });
  try {
    const form = new FormData();
    form.set("image", picture.value.file);
    if (sent.mask) form.set("mask", await sent.mask.toPng(), "mask.png");
    if (sent.reference) form.set("reference_image", sent.reference);
    for (const [name, value] of Object.entries(fields)) form.set(name, value);
    const job = await api.submitJob(operation.value, form);
    state.job.value = job;
    await show(await follow(job), sent);
  } catch (error) {
    state.job.value = null;
    report(error);
  } finally {
    batch(() => {
      state.isRunning.value = false;
      state.preview.value = null;
    });
  }
}

type Sent = Pick<state.Shown, "picture" | "mask" | "reference" | "fields">;

async function show(job: Job, sent: Sent): Promise<void> {
  if (job.status !== "succeeded") {
    state.job.value = null;
    state.message.value = describeEnd(job);
    state.announcement.value = state.message.value;
    return;
  }
  const parts = job.outputs.map((output) => api.fetchPart(job.id, `results/${output.index}`));
  const effective = job.links.mask ? await api.fetchPart(job.id, "mask") : null;
  const results = await Promise.all(parts);
  await present(job, sent, results, effective);
  void keep(job, sent, results, effective);
}

/** Keep a job in the history, while its result is already looked at. */
async function keep(job: Job, sent: Sent, results: Blob[], effective: Blob | null): Promise<void> {
  const { picture, reference, fields } = sent;
  const mask = (await sent.mask?.toPng()) ?? null;
  const thumbnail = await makeThumbnail(await decode(results[0]!));
  await remember({
    ...{ id: job.id, at: Date.now(), job, fields, file: picture.file },
    ...{ mask, reference, effective, results, thumbnail },
  });
}

async function present(job: Job, sent: Sent, blobs: Blob[], effective: Blob | null): Promise<void> {
  const results = await Promise.all(
    blobs.map(async (blob) => ({ blob, levels: await halve(await decode(blob)) })),
  );
  const { geometry } = job;
  const frame = geometry && drawFrame(geometry, geometry.original, PAINT);
  const tinted = effective ? await tint(effective, PAINT) : frame;
  batch(() => {
    state.isRunning.value = false;
    state.job.value = job;
    state.chosen.value = 0;
    state.wipe.value = 0.5;
    state.showsEffective.value = false;
    state.isSideBySide.value = results.length > 1;
    state.shown.value = { job, ...sent, results, effective: tinted };
    state.announcement.value = `Done. ${results.length === 1 ? "The result is" : `${results.length} results are`} shown.`;
  });
}

function describeEnd(job: Job): string {
  if (job.status === "canceled") return "Canceled.";
  return job.error?.detail ?? job.error?.title ?? "The job has failed.";
}

/** Go back to the picture that was sent, with its mask. */
export function edit(): void {
  batch(() => {
    state.shown.value = null;
    state.job.value = null;
  });
}

/** Take the chosen result as the picture to go on with. */
export async function goOn(): Promise<void> {
  const { shown, chosen } = state;
  const result = shown.value?.results[chosen.value];
  if (!shown.value || !result) return;
  const stem = shown.value.picture.file.name.replace(/(-painted)?\.[^.]*$/, "");
  const name = `${stem}-painted.${extensionOf(shown.value.job)}`;
  await choosePicture(new File([result.blob], name, { type: result.blob.type }));
}

/** Open a job of the history as it was: picture, mask, parameters and results. */
export async function reopen(entry: Entry): Promise<void> {
  clearMessage();
  try {
    const picture = await openPicture(entry.file);
    const mask = new Mask(picture.width, picture.height);
    if (entry.mask) mask.take(await decode(entry.mask), false);
    batch(() => {
      state.operation.value = entry.job.operation;
      state.picture.value = picture;
      state.mask.value = mask;
      state.maskVersion.value++;
      state.margins.value = entry.job.geometry?.margins ?? NO_MARGINS;
      state.fields.value = takeFields(entry.fields);
      state.reference.value = entry.reference;
    });
    const { reference, fields } = entry;
    const sent = { picture, mask: entry.mask ? mask : null, reference, fields };
    await present(entry.job, sent, entry.results, entry.effective);
  } catch (error) {
    report(error);
  }
}

function takeFields(sent: Record<string, string>): Record<string, string> {
  const known = new Set(["method", "model", ...PARAMETERS.map((each) => each.name)]);
  return Object.fromEntries(Object.entries(sent).filter(([name]) => known.has(name)));
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export function formatBytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export async function saveMask(): Promise<void> {
  const { mask, picture } = state;
  if (mask.value && picture.value) save(await mask.value.toPng(), maskNameOf(picture.value.file.name));
}
