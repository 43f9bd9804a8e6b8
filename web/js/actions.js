// What the page does: it asks the daemon, and puts answers and events into the state.

import * as api from "./api.js";
import { Curves } from "./charts/curves.js";
import { Stream } from "./stream.js";
import { changed, findJob, mergeJob, state, update } from "./state.js";

/**
 * The curves of the selected job; replaced when another is selected, so that a late answer for
 * the old one goes nowhere.
 */
export let curves = new Curves();

/**
 * Called when another model may answer than before.
 * @type {(() => void)[]}
 */
const modelListeners = [];
/** @param {() => void} listener */
export const onModel = (listener) => void modelListeners.push(listener);

/**
 * Fetches one thing into one place of the state; what was there stays when it fails.
 * @param {"system" | "presets" | "schema" | "models"} place
 * @param {() => Promise<any>} fetch
 */
async function load(place, fetch) {
  try {
    state[place] = { value: await fetch(), problem: null };
  } catch (problem) {
    state[place] = { value: state[place].value, problem: /** @type {api.Problem} */ (problem) };
  }
  changed();
}

export const loadSystem = () => load("system", () => api.get("/v1/system"));
export const loadModels = () => load("models", async () => (await api.get("/v1/models")).items);

export async function loadForm() {
  await Promise.all([
    load("presets", async () => (await api.get("/v1/presets")).items),
    load("schema", () => api.get("/v1/schema/job")),
    // Without the list of data sets the field is a plain text field: nothing to tell anybody.
    api.get("/v1/datasets").then(
      ({ items }) =>
        update({
          datasets: items.map((/** @type {any} */ item) => item.name),
          seriesSets: items
            .filter((/** @type {any} */ item) => item.kind === "series")
            .map((/** @type {any} */ item) => item.name),
        }),
      () => {},
    ),
  ]);
}

/**
 * Forgets the jobs that the daemon's newest page ought to name and does not: somebody deleted
 * them.
 * @param {{ items: api.Job[], next: string | null }} list
 * @param {Set<string>} known the jobs that were known when the list was asked for; later ones
 * may not be in it
 */
function dropVanished({ items, next }, known) {
  const listed = new Set(items.map((job) => job.id));
  const oldest = next ? (items.at(-1)?.id ?? "") : "";
  state.jobs = state.jobs.filter(
    (job) => listed.has(job.id) || !known.has(job.id) || job.id < oldest,
  );
}

/** @param {boolean} [more] the next page, not the newest */
export async function loadJobs(more = false) {
  const known = new Set(state.jobs.map((job) => job.id));
  try {
    const list = await api.listJobs(more ? state.jobsCursor : null);
    if (!more) dropVanished(list, known);
    for (const job of list.items) mergeJob(job);
    const cursor =
      more || state.jobs.length <= list.items.length ? list.next : state.jobsCursor;
    update({ jobsCursor: cursor, jobsLoaded: { value: true, problem: null } });
  } catch (problem) {
    update({
      jobsLoaded: {
        value: state.jobsLoaded.value,
        problem: /** @type {api.Problem} */ (problem),
      },
    });
  }
}

/** @param {string} id */
async function loadJob(id) {
  try {
    mergeJob(await api.getJob(id));
  } catch (problem) {
    if (/** @type {api.Problem} */ (problem).status === 404) forgetJob(id);
  }
}

export async function loadCurves() {
  const id = state.selected;
  const mine = curves;
  if (!id) return;
  try {
    mine.replace((await api.getMetrics(id)).series);
    if (mine === curves) update({ curvesVersion: mine.version, curvesProblem: null });
  } catch (problem) {
    if (mine === curves) update({ curvesProblem: /** @type {api.Problem} */ (problem) });
  }
}

let askingForInsight = false;

/** One question at a time: what comes meanwhile is in the answer to the next. */
async function loadInsight() {
  const id = state.selected;
  if (!id || askingForInsight || !findJob(id)?.spec?.run?.insight_every) return;
  askingForInsight = true;
  try {
    const insight = await api.getInsight(id);
    if (id === state.selected) update({ insight });
  } catch {
    // The next event asks again.
  }
  askingForInsight = false;
}

async function loadConfusion() {
  const id = state.selected;
  if (!id || !findJob(id)?.report?.test) return;
  try {
    const confusion = await api.getConfusion(id);
    if (id === state.selected) update({ confusion });
  } catch {
    // The report then shows what else there is.
  }
}

/** @param {string | null} id null for the form */
export function select(id) {
  if (id === state.selected && id !== null) return;
  curves = new Curves();
  update({ selected: id, confusion: null, insight: null, curvesVersion: 0, curvesProblem: null });
  const address = id ? `#/jobs/${id}` : "#/new";
  if (location.hash !== address) history.replaceState(null, "", address);
  if (!id) return;
  void loadJob(id).then(() => Promise.all([loadConfusion(), loadInsight()]));
  void loadCurves();
}

/** Selects what the address says; without one, the newest job. */
export function selectFromAddress() {
  const [, id] = /^#\/jobs\/(.+)$/.exec(location.hash) ?? [];
  if (id) return select(decodeURIComponent(id));
  if (location.hash === "#/new") return select(null);
  return select(state.jobs[0]?.id ?? null);
}

/** Starts a job and shows it. @param {api.Spec} spec @param {string} key */
export async function startJob(spec, key) {
  const job = await api.startJob(spec, key);
  mergeJob(job);
  select(job.id);
}

/**
 * What a command changes comes as an event too, and later ones may have come before this answer:
 * a job that has been resumed already runs when the answer still calls it queued.
 * @param {string} id
 * @param {"stop" | "cancel" | "pause" | "resume"} verb
 */
export async function commandJob(id, verb) {
  const job = await api.commandJob(id, verb);
  if (state.connection !== "live") mergeJob(job);
}

/** @param {string} id */
export async function deleteJob(id) {
  await api.deleteJob(id);
  forgetJob(id);
}

/** @param {string} id */
function forgetJob(id) {
  update({ jobs: state.jobs.filter((job) => job.id !== id) });
  if (state.selected === id) select(state.jobs[0]?.id ?? null);
}

/** Shows the form, filled in from a job. @param {api.Spec} spec */
export function useAsTemplate(spec) {
  update({ template: structuredClone(spec) });
  select(null);
}

/** The fields of a `step` event that are also fields of the job. @param {any} data */
function jobPart(data) {
  const { step, epoch, loss, accuracy, images_per_second, progress, eta_s } = data;
  const phase = "training";
  return { step, epoch, loss, accuracy, images_per_second, progress, eta_s, phase };
}

/** @type {Record<string, (data: any, mine: boolean) => void>} */
const handlers = {
  state(data) {
    // A state without these says that they are over.
    const over = { phase: undefined, queue_position: undefined };
    mergeJob({ ...over, ...data, id: data.id ?? data.job });
  },
  step(data, mine) {
    if (findJob(data.job)) mergeJob({ id: data.job, ...jobPart(data) });
    else void loadJob(data.job);
    if (!mine) return;
    curves.addStep(data);
    if (curves.tooLong) void loadCurves();
    update({ curvesVersion: curves.version });
  },
  epoch(data, mine) {
    if (!mine) return;
    curves.addEpoch(data);
    update({ curvesVersion: curves.version });
  },
  gradients(_data, mine) {
    if (mine) void loadInsight();
  },
  gap(_data, mine) {
    if (!mine) return;
    void loadCurves();
    void loadInsight();
  },
  end(data, mine) {
    const id = data.id ?? data.job;
    void loadJob(id).then(() => (mine ? loadConfusion() : undefined));
    if (mine) {
      void loadCurves();
      void loadInsight();
    }
    void loadModels().then(() => modelListeners.forEach((listener) => listener()));
  },
};

/**
 * Everything that may have changed unseen: while there was no stream, or between the page's first
 * questions and its stream, which begins with what happens after it.
 */
function refresh() {
  void loadJobs();
  void loadCurves();
  void loadSystem();
}

export function connect() {
  const stream = new Stream({
    event: (name, data) => handlers[name]?.(data, (data.job ?? data.id) === state.selected),
    open() {
      update({ connection: "live" });
      refresh();
    },
    lost: (retryAt) => update({ connection: "lost", retryAt }),
    paused: () => update({ connection: "paused" }),
  });
  stream.open();
  return stream;
}
