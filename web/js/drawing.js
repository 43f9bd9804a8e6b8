// Strokes of a round pen, and their picture. Coordinates are those of a square of 280 units,
// whatever the size on the screen.

export const SIDE = 280;
/**
 * A tenth of the side of a large digit, as the strokes of the MNIST set are about two of its
 * twenty pixels wide.
 */
const PEN = 21;

/** @typedef {[number, number]} Point */

/**
 * A curve through the middles of a stroke's segments, bent by its points: smooth, however few
 * points the pointer gave.
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} stroke
 */
function trace(context, stroke) {
  context.beginPath();
  context.moveTo(...stroke[0]);
  if (stroke.length === 1) context.lineTo(stroke[0][0] + 0.01, stroke[0][1]);
  for (let i = 1; i + 1 < stroke.length; i++) {
    const [x, y] = stroke[i];
    const [nextX, nextY] = stroke[i + 1];
    context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
  }
  context.lineTo(...stroke[stroke.length - 1]);
  context.stroke();
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Point[][]} strokes
 * @param {string} ink
 * @param {string | null} paper null: transparent
 */
export function draw(canvas, strokes, ink, paper) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scale = canvas.width / SIDE;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, SIDE, SIDE);
  if (paper) {
    context.fillStyle = paper;
    context.fillRect(0, 0, SIDE, SIDE);
  }
  context.strokeStyle = ink;
  context.lineWidth = PEN;
  context.lineCap = "round";
  context.lineJoin = "round";
  for (const stroke of strokes) trace(context, stroke);
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob | null>} */
export const toPng = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** The strokes in white on black, as the networks know digits. @param {Point[][]} strokes */
export function picture(strokes) {
  const canvas = document.createElement("canvas");
  canvas.width = SIDE;
  canvas.height = SIDE;
  draw(canvas, strokes, "#fff", "#000");
  return toPng(canvas);
}
