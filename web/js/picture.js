// A picture from a file, as it is shown and as it is sent.

import { toPng } from "./drawing.js";

/** The daemon decodes PNG and JPEG only: anything else, and anything large, is drawn anew. */
const SENT_AS_IT_IS = new Set(["image/png", "image/jpeg"]);
const SENT_AS_IT_IS_BYTES = 4 << 20;
const SENT_AS_IT_IS_SIDE = 4096;
const DRAWN_SIDE = 1024;

/** @typedef {{ blob: Blob, bitmap: ImageBitmap }} Picture */

/**
 * Fails where the browser cannot decode the file.
 * @param {File} file
 * @returns {Promise<Picture>}
 */
export async function readPicture(file) {
  const bitmap = await createImageBitmap(file);
  const side = Math.max(bitmap.width, bitmap.height);
  const small = side <= SENT_AS_IT_IS_SIDE && file.size <= SENT_AS_IT_IS_BYTES;
  if (SENT_AS_IT_IS.has(file.type) && small) return { blob: file, bitmap };
  const scale = Math.min(1, DRAWN_SIDE / side);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const blob = await toPng(canvas);
  if (!blob) throw new Error("The picture cannot be drawn.");
  return { blob, bitmap };
}
