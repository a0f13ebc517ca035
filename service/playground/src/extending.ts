/** The canvas around a picture that is to be extended: margins, aspect ratios, and where they snap. */

export interface Margins {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const SIDES = ["left", "top", "right", "bottom"] as const;
export type Side = (typeof SIDES)[number];
export type Unit = "px" | "%";

export const NO_MARGINS: Margins = { left: 0, top: 0, right: 0, bottom: 0 };
export const RATIOS = ["1:1", "5:4", "4:3", "3:2", "16:9", "21:9", "4:5", "3:4", "2:3", "9:16"];

export const isHorizontal = (side: Side): boolean => side === "left" || side === "right";
const opposite = { left: "right", right: "left", top: "bottom", bottom: "top" } as const;

export function ratioOf(text: string): number {
  const [width, height] = text.split(":").map(Number) as [number, number];
  return width / height;
}

export function canvasOf(size: Size, margins: Margins): Size {
  return {
    width: size.width + margins.left + margins.right,
    height: size.height + margins.top + margins.bottom,
  };
}

/** Return the aspect ratio that a canvas has to the pixel, if it is one of the usual ones. */
export function nameRatio({ width, height }: Size): string {
  const exact = (name: string) => {
    const ratio = ratioOf(name);
    return Math.abs(width - height * ratio) < 0.51 || Math.abs(height - width / ratio) < 0.51;
  };
  return RATIOS.find(exact) ?? "";
}

/** Return the smallest margins with an aspect ratio, with the picture in the middle. */
export function fitRatio(size: Size, name: string): Margins {
  const ratio = ratioOf(name);
  const wide = Math.max(0, Math.round(size.height * ratio) - size.width);
  const high = Math.max(0, Math.round(size.width / ratio) - size.height);
  return {
    left: Math.floor(wide / 2),
    right: wide - Math.floor(wide / 2),
    top: Math.floor(high / 2),
    bottom: high - Math.floor(high / 2),
  };
}

/** Return the margins of a canvas that is a factor wider and higher. */
export function zoomOut(size: Size, factor: number): Margins {
  const wide = Math.round(size.width * factor) - size.width;
  const high = Math.round(size.height * factor) - size.height;
  return {
    left: Math.floor(wide / 2),
    right: wide - Math.floor(wide / 2),
    top: Math.floor(high / 2),
    bottom: high - Math.floor(high / 2),
  };
}

/**
 * Return margins after one side was dragged.
 *
 * @param reach within how many pixels of the picture a side snaps to an aspect ratio, or to none.
 * @param both whether the opposite side follows.
 */
export function drag(
  size: Size,
  before: Margins,
  side: Side,
  value: number,
  reach: number,
  both: boolean,
): Margins {
  const other = both ? null : before[opposite[side]];
  const horizontal = isHorizontal(side);
  const own = horizontal ? size.width : size.height;
  const canvas = canvasOf(size, before);
  const across = horizontal ? canvas.height : canvas.width;
  const stops = RATIOS.map((name) => {
    const wanted = horizontal ? across * ratioOf(name) : across / ratioOf(name);
    const added = Math.round(wanted) - own;
    return other === null ? added / 2 : added - other;
  });
  const nearest = [0, ...stops]
    .filter((stop) => stop >= 0 && Math.abs(stop - value) <= reach)
    .sort((a, b) => Math.abs(a - value) - Math.abs(b - value))[0];
  const found = Math.max(0, nearest ?? value);
  const after = { ...before, [side]: Math.round(found) };
  if (both) after[opposite[side]] = Math.round(2 * found) - Math.round(found);
  return after;
}
