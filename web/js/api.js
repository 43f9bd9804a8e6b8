// What the daemon takes and gives, as this page uses it. docs/page.md says which routes those
// are.

/** @typedef {{ pointer: string, detail: string }} FieldError */
/** @typedef {Record<string, any>} Spec a job's specification, see GET /v1/schema/job */
/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} state
 * @property {string} [name]
 * @property {number} [progress]
 * @property {number | null} [eta_s]
 * @property {number} [step]
 * @property {number} [steps]
 * @property {number} [epoch]
 * @property {number | null} [images_per_second]
 * @property {number | null} [loss]
 * @property {number | null} [accuracy]
 * @property {Record<string, any> | null} [best]
 * @property {boolean} [diverged]
 * @property {Spec} [spec]
 * @property {number} [parameters]
 * @property {number} [memory_bytes]
 * @property {string | null} [weights_sha256]
 * @property {string | null} [numerics_profile]
 * @property {string} [created_at]
 * @property {string | null} [started_at]
 * @property {string | null} [ended_at]
 * @property {string} [phase] loading training evaluating saving
 * @property {number} [phase_done]
 * @property {number} [queue_position]
 * @property {number} [restarts]
 * @property {any} [error]
 * @property {any} [model]
 * @property {Record<string, any> | null} [report]
 */
/** @typedef {{ name: string, description?: string, spec: Spec }} Preset */
/** @typedef {number | null} Value null: not finite */
/**
 * @typedef {object} Series
 * @property {number[]} step
 * @property {Value[]} value
 * @property {Value[]} [min]
 * @property {Value[]} [max]
 */
/**
 * @typedef {object} Confusion
 * @property {number} epoch
 * @property {string} split
 * @property {number} classes
 * @property {number[][]} counts
 */
/**
 * @typedef {object} Prediction
 * @property {string | null} label
 * @property {number} probability
 * @property {[string, number][]} top
 * @property {string} [image] PNG in base64
 */
/**
 * @typedef {object} Answer
 * @property {string} model
 * @property {number} version
 * @property {Prediction[]} predictions
 * @property {number} latency_us
 */

/** A reply that is no success, or no reply at all (status 0, code "offline"). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {FieldError[]} errors
   */
  constructor(status, code, message, errors = []) {
    super(message);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

/**
 * @typedef {object} Options
 * @property {any} [json]
 * @property {Blob} [body]
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

/** @param {Response} reply */
async function problemOf(reply) {
  /** @type {any} */
  let body = null;
  try {
    body = await reply.json();
  } catch {
    // Whatever stands between us and the daemon need not speak JSON: the status line must do.
  }
  const said =
    body?.detail || body?.error || body?.title || `The daemon answered ${reply.status}.`;
  return new Problem(
    reply.status,
    body?.code ?? "",
    String(said),
    Array.isArray(body?.errors) ? body.errors : [],
  );
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Options} [options]
 */
async function request(method, path, options = {}) {
  const headers = { ...options.headers };
  /** @type {BodyInit | undefined} */
  let body = options.body;
  if (options.json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(options.json);
  }
  let reply;
  try {
    reply = await fetch(path, {
      method,
      headers,
      body,
      signal: options.signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(0, "offline", "The daemon does not answer.");
  }
  if (!reply.ok) throw await problemOf(reply);
  return reply;
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = async (path, signal) => (await request("GET", path, { signal })).json();

/** @param {string} path */
export const getText = async (path) => (await request("GET", path)).text();

const job = (/** @type {string} */ id) => `/v1/jobs/${encodeURIComponent(id)}`;
const SERIES = "train.loss,train.accuracy,validation.loss,validation.accuracy";

/** @param {string | null} cursor */
export const listJobs = (cursor) =>
  get(`/v1/jobs?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
/** @param {string} id */
export const getJob = (id) => get(job(id));
/** @param {string} id */
export const getMetrics = (id) => get(`${job(id)}/metrics?series=${SERIES}&max_points=1000`);
/** @param {string} id */
export const getConfusion = (id) => get(`${job(id)}/confusion`);

/** The newest look inside the network; null while there is none. @param {string} id */
export const getInsight = async (id) =>
  (await get(`${job(id)}/gradients?limit=1`)).items[0] ?? null;
/** @param {string} id */
export const getLog = (id) => getText(`${job(id)}/log`);

/**
 * @param {Spec} spec
 * @param {string} key the same key and spec start one job, however often they are sent
 */
export const startJob = async (spec, key) =>
  (
    await request("POST", "/v1/jobs", { json: spec, headers: { "Idempotency-Key": key } })
  ).json();
/** @param {string} id @param {"stop" | "cancel" | "pause" | "resume"} verb */
export const commandJob = async (id, verb) =>
  (await request("POST", `${job(id)}:${verb}`)).json();
/** @param {string} id */
export const deleteJob = (id) => request("DELETE", job(id));

/** @param {Blob} picture @param {AbortSignal} signal @returns {Promise<Answer>} */
export const classify = async (picture, signal) =>
  (
    await request("POST", "/v1/classify?image=1&top=10", {
      body: picture,
      headers: { "Content-Type": picture.type },
      signal,
    })
  ).json();
