/** The part of the plane that is looked at, in pixels of the picture. */

import type { Area } from "./mask";
import * as state from "./state";

/** Return the picture with its margins, or the result. */
export function findContent(): Area {
  const { shown, picture, margins, isExtending } = state;
  const { width, height } = picture.peek() ?? { width: 1, height: 1 };
  const geometry = shown.peek()?.job.geometry;
  const around = shown.peek() ? geometry?.margins : isExtending.peek() ? margins.peek() : null;
  const { left, top, right, bottom } = around ?? { left: 0, top: 0, right: 0, bottom: 0 };
  return { left: -left, top: -top, right: width + right, bottom: height + bottom };
}

export const sizeOf = ({ left, top, right, bottom }: Area) => ({
  width: right - left,
  height: bottom - top,
});
