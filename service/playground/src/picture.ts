/** A picture as it was chosen: the file that is sent, and copies to look at. */

import type { Box } from "./documents";
import type { Size } from "./extending";

export interface Picture extends Size {
  file: File;
  /** The picture in full size, then each half as large as the one before. */
  levels: ImageBitmap[];
}

const SMALLEST_LEVEL = 1200;
/** Longest side of a picture that only colors what is below it. */
const MAX_TINT_SIDE = 2048;

/**
 * Decode a picture.
 *
 * @throws Error the browser cannot show it.
 */
export async function openPicture(file: File): Promise<Picture> {
  const full = await decode(file);
  return { file, width: full.width, height: full.height, levels: await halve(full) };
}

export async function decode(blob: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new Error(
      "This browser cannot show the file. Choose a PNG, JPEG, WebP or AVIF picture; the API itself takes more formats.",
    );
  }
}

/** Return a bitmap and smaller copies of it: drawing a large one at a tenth of its size is slow. */
export async function halve(full: ImageBitmap): Promise<ImageBitmap[]> {
  const levels = [full];
  for (let last = full; Math.max(last.width, last.height) > SMALLEST_LEVEL; ) {
    last = await createImageBitmap(last, {
      resizeWidth: Math.max(1, last.width >> 1),
      resizeHeight: Math.max(1, last.height >> 1),
      resizeQuality: "medium",
    });
    levels.push(last);
  }
  return levels;
}

/** Return the smallest copy that is still sharp at a scale in device pixels. */
export function chooseLevel(levels: ImageBitmap[], scale: number): ImageBitmap {
  const [full] = levels as [ImageBitmap];
  let chosen = full;
  for (const level of levels) {
    if (level.width >= full.width * scale) chosen = level;
  }
  return chosen;
}

/** Return a small copy of a bitmap, for the history. */
export async function makeThumbnail(bitmap: ImageBitmap, side = 144): Promise<Blob> {
  const scale = Math.max(side / bitmap.width, side / bitmap.height);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  const [width, height] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (side - width) / 2, (side - height) / 2, width, height);
  return canvas.convertToBlob({ type: "image/webp", quality: 0.8 });
}

/** Return what was painted around a picture, in a color: the canvas without the original. */
export function drawFrame(canvas: Size, original: Box, color: string): ImageBitmap {
  const scale = Math.min(1, MAX_TINT_SIDE / Math.max(canvas.width, canvas.height));
  const context = new OffscreenCanvas(
    Math.max(1, Math.round(canvas.width * scale)),
    Math.max(1, Math.round(canvas.height * scale)),
  ).getContext("2d")!;
  context.fillStyle = color;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  const { left, top, right, bottom } = original;
  context.clearRect(left * scale, top * scale, (right - left) * scale, (bottom - top) * scale);
  return context.canvas.transferToImageBitmap();
}

/** Return a copy of a mask's picture in the color of paint: opaque where it is white. */
export async function tint(mask: Blob, color: string): Promise<ImageBitmap> {
  const full = await createImageBitmap(mask);
  const scale = Math.min(1, MAX_TINT_SIDE / Math.max(full.width, full.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(full.width * scale)),
    Math.max(1, Math.round(full.height * scale)),
  );
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(full, 0, 0, canvas.width, canvas.height);
  const read = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < read.data.length; at += 4) read.data[at + 3] = read.data[at]!;
  context.putImageData(read, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = color;
  context.fillRect(0, 0, canvas.width, canvas.height);
  return createImageBitmap(canvas);
}
