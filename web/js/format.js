// Numbers as people read them. Every function takes null or undefined for "not known" and gives
// a dash.

const DASH = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** @param {number | null | undefined} value */
export const count = (value) => (Number.isFinite(value) ? whole.format(Number(value)) : DASH);

/** @param {number | null | undefined} value @param {number} [digits] */
export function percent(value, digits = 1) {
  return Number.isFinite(value) ? `${(Number(value) * 100).toFixed(digits)} %` : DASH;
}

/**
 * A loss keeps three significant digits, whatever its size.
 * @param {number | null | undefined} value
 */
export function loss(value) {
  if (!Number.isFinite(value)) return DASH;
  const size = Math.abs(Number(value));
  if (size !== 0 && (size < 1e-4 || size >= 1e5)) return Number(value).toExponential(2);
  return Number(value).toFixed(size < 0.1 ? 4 : size < 10 ? 3 : 1);
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return DASH;
  const left = Math.max(0, Math.round(Number(seconds)));
  if (left < 60) return `${left} s`;
  if (left < 3600) return `${Math.floor(left / 60)} min ${left % 60} s`;
  return `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`;
}

/** @param {number | null | undefined} bytes */
export function size(bytes) {
  if (!Number.isFinite(bytes)) return DASH;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Number(bytes);
  let unit = 0;
  for (; value >= 1000 && unit + 1 < units.length; unit++) value /= 1000;
  return `${value.toFixed(value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/** @param {string | null | undefined} time RFC 3339 @param {number} [now] milliseconds */
export function ago(time, now = Date.now()) {
  const then = time ? Date.parse(time) : NaN;
  if (!Number.isFinite(then)) return "";
  const seconds = Math.max(0, (now - then) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}
