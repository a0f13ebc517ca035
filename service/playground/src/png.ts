/** A PNG of one bit a pixel: exact, small, and written without a canvas of the picture's size. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

function checksum(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255]! ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(kind: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at++) bytes[4 + at] = kind.charCodeAt(at);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, checksum(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** Return the PNG of a plane with one byte a pixel, 0 or 1; 1 becomes white. */
export async function encodePng(plane: Uint8Array, width: number, height: number): Promise<Blob> {
  const stride = Math.ceil(width / 8) + 1;
  const rows = new Uint8Array(stride * height);
  for (let y = 0, at = 0; y < height; y++) {
    const row = y * stride + 1;
    for (let x = 0; x < width; x++, at++) {
      if (plane[at]) rows[row + (x >> 3)]! |= 128 >> (x & 7);
    }
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head[8] = 1;
  const parts = [chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  return new Blob([Uint8Array.from(SIGNATURE), ...parts], { type: "image/png" });
}

/** Return a plane as run-lengths in COCO's compressed form, which runs down the columns. */
export function encodeRunLengths(plane: Uint8Array, width: number): string {
  const runs: number[] = [];
  let last = 0;
  let length = 0;
  for (let x = 0; x < width; x++) {
    for (let at = x; at < plane.length; at += width) {
      if (plane[at] === last) length++;
      else {
        runs.push(length);
        last = plane[at]!;
        length = 1;
      }
    }
  }
  runs.push(length);
  return runs.map((run, index) => encodeRun(index > 2 ? run - runs[index - 2]! : run)).join("");
}

function encodeRun(run: number): string {
  let text = "";
  for (let left = run, more = true; more; ) {
    const bits = left & 31;
    left >>= 5;
    more = bits & 16 ? left !== -1 : left !== 0;
    text += String.fromCharCode((more ? bits | 32 : bits) + 48);
  }
  return text;
}
