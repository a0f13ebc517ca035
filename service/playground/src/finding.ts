/** Finding what is to be repainted: by a click, a box, or by name. What is found is added to the mask. */

import { batch } from "@preact/signals";
import * as api from "./api";
import { follow, report, clearMessage } from "./following";
import type { Area } from "./mask";
import * as state from "./state";
import type { Spot } from "./state";

type Region = Record<string, unknown>;

/** Find what words name: `text`, `subject`, `background`, or anything else. */
export const findNamed = (words: string): Promise<void> => find({ find: words });

/** Find the thing in a box. */
export function findInBox({ left, top, right, bottom }: Area): Promise<void> {
  return find({ box: [left, top, right, bottom], refine: true });
}

/**
 * Find the thing at a point.
 *
 * @param more whether the point is one more of the thing that was found last.
 */
export async function findAt(spot: Spot, more: boolean): Promise<void> {
  const spots = more ? [...state.points.value, spot] : [spot];
  if (!spots.some(({ belongs }) => belongs)) {
    report(new Error("Click on the thing first, then with Alt on what does not belong to it."));
    return;
  }
  if (state.isRunning.value) return;
  if (more && state.points.value.length) {
    state.mask.value!.undo();
    state.maskVersion.value++;
  }
  state.points.value = spots;
  const points = spots.map(({ x, y }) => [x, y]);
  await find({ points, labels: spots.map(({ belongs }) => Number(belongs)) });
}

const NOTHING = "Nothing was found here. Paint over it, or draw a box or a lasso around it.";

async function find(region: Region): Promise<void> {
  const { picture, mask, isRunning } = state;
  if (!picture.value || !mask.value || isRunning.value) return;
  const [file, target] = [picture.value.file, mask.value];
  clearMessage();
  batch(() => {
    state.isRunning.value = true;
    state.isFinding.value = true;
  });
  try {
    const form = new FormData();
    form.set("image", file);
    form.set("regions", JSON.stringify([region]));
    const job = await api.submitJob("masks", form);
    state.job.value = job;
    const ended = await follow(job);
    if (ended.error?.code === "nothing_found") throw new Error(NOTHING);
    if (ended.status !== "succeeded") throw new Error(ended.error?.detail ?? "Canceled.");
    const found = await createImageBitmap(await api.fetchPart(job.id, "results/0"));
    if (state.mask.value !== target) return;
    target.take(found, true);
    state.maskVersion.value++;
    state.announcement.value = "Found. It is marked in the picture.";
  } catch (error) {
    state.points.value = [];
    report(error);
  } finally {
    batch(() => {
      state.job.value = null;
      state.isRunning.value = false;
      state.isFinding.value = false;
    });
  }
}
