// All that the page knows, in one object. Views are functions of it; whoever changes it says
// so, and the page is drawn once per frame.

/** @typedef {import("./api.js").Job} Job */
/** @typedef {import("./api.js").Problem} Problem */

/**
 * Something fetched: nothing yet, its value, or what went wrong.
 * @template T
 * @typedef {{ value: T | null, problem: Problem | null }} Loaded
 */

/** @template T @returns {Loaded<T>} */
const nothing = () => ({ value: null, problem: null });

export const state = {
  /** @type {"connecting" | "live" | "lost" | "paused"} */
  connection: "connecting",
  /** When the next attempt is due, in milliseconds of Date.now(). */
  retryAt: 0,
  /** @type {Loaded<any>} */
  system: nothing(),
  /**
   * Every job known, newest first.
   * @type {Job[]}
   */
  jobs: [],
  /** @type {Loaded<true>} */
  jobsLoaded: nothing(),
  /** @type {string | null} */
  jobsCursor: null,
  /**
   * A job's id; null shows the form that starts one.
   * @type {string | null}
   */
  selected: null,
  /** Counts the times the curves of the selected job were fetched anew. */
  curvesVersion: 0,
  /** @type {Problem | null} */
  curvesProblem: null,
  /** @type {import("./api.js").Confusion | null} */
  confusion: null,
  /** @type {import("./charts/flow.js").Insight | null} */
  insight: null,
  /** @type {Loaded<import("./api.js").Preset[]>} */
  presets: nothing(),
  /** @type {Loaded<any>} */
  schema: nothing(),
  /** @type {string[]} */
  datasets: [],
  /** Those of them that hold series. @type {string[]} */
  seriesSets: [],
  /** @type {Loaded<any[]>} */
  models: nothing(),
  /**
   * A specification that the form shall start from.
   * @type {import("./api.js").Spec | null}
   */
  template: null,
};

/** @type {(() => void)[]} */
const listeners = [];
let drawing = false;

/** @param {() => void} listener */
export const subscribe = (listener) => void listeners.push(listener);

/** Says that the state has changed. */
export function changed() {
  if (drawing) return;
  drawing = true;
  // A hidden page gets no frames; the timer keeps its state drawn, so that it is right at once
  // when it is shown again.
  const draw = () => {
    if (!drawing) return;
    drawing = false;
    for (const listener of listeners) listener();
  };
  if (document.hidden) setTimeout(draw, 0);
  else requestAnimationFrame(draw);
}

/** @param {Partial<typeof state>} part */
export function update(part) {
  Object.assign(state, part);
  changed();
}

const ENDED = new Set(["succeeded", "stopped", "cancelled", "diverged", "failed"]);

/**
 * True for the states that a job never leaves.
 * @param {Job | null | undefined} job
 */
export const ended = (job) => ENDED.has(job?.state ?? "");

/**
 * Puts what is newly known of a job over what was known; ids sort by age.
 * @param {Partial<Job> & { id: string }} news
 */
export function mergeJob(news) {
  const index = state.jobs.findIndex((job) => job.id === news.id);
  if (index >= 0) {
    state.jobs[index] = { ...state.jobs[index], ...news };
  } else {
    const place = state.jobs.findIndex((job) => job.id < news.id);
    state.jobs.splice(place < 0 ? state.jobs.length : place, 0, { state: "queued", ...news });
  }
  changed();
}

/** @param {string | null} id */
export const findJob = (id) => state.jobs.find((job) => job.id === id) ?? null;

/** @param {Job} job */
export const jobName = (job) => job.name || job.spec?.name || job.id;

/** What a job's network reads, in a word. @param {Job} job */
export const inputOf = (job) =>
  job.report?.input ?? (state.seriesSets.includes(job.spec?.dataset) ? "series" : "images");
