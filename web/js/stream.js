// The one event stream of the page: all jobs on one connection, because a browser allows only
// six to a server.
//
// The page itself reconnects, with the last event of every job it follows in ?last_event_id=;
// the browser's own reconnect would name only the newest event of one job. While the page is
// hidden the stream is closed: what it missed is replayed when it is shown again.

/**
 * @typedef {object} Listener
 * @property {(name: string, data: any) => void} event
 * @property {() => void} open
 * @property {(retryAt: number) => void} lost
 * @property {() => void} paused
 */

const NAMES = ["state", "step", "epoch", "gradients", "checkpoint", "gap", "end"];
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15000;

export class Stream {
  /** @param {Listener} listener */
  constructor(listener) {
    this.listener = listener;
    /**
     * The newest sequence number seen of each job that goes on.
     * @type {Map<string, string>}
     */
    this.seen = new Map();
    /** @type {EventSource | null} */
    this.source = null;
    this.wait = FIRST_WAIT_MS;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    document.addEventListener("visibilitychange", () =>
      document.hidden ? this.pause() : this.open(),
    );
    // A page that is put aside whole must not hold a connection, or the browser cannot keep it
    // for the way back.
    addEventListener("pagehide", () => this.pause());
    addEventListener("pageshow", (event) => event.persisted && this.open());
  }

  open() {
    this.close();
    if (document.hidden) return this.pause();
    const ids = [...this.seen].map(([job, sequence]) => `${job}:${sequence}`).join(",");
    const source = new EventSource(
      `/v1/events${ids ? `?last_event_id=${encodeURIComponent(ids)}` : ""}`,
    );
    this.source = source;
    source.onopen = () => {
      this.wait = FIRST_WAIT_MS;
      this.listener.open();
    };
    source.onerror = () => this.retry();
    for (const name of NAMES) {
      source.addEventListener(name, (event) =>
        this.take(name, /** @type {MessageEvent} */ (event)),
      );
    }
  }

  /** @param {string} name @param {MessageEvent} event */
  take(name, event) {
    const [, job, sequence] = /^(.+):(\d+)$/.exec(event.lastEventId) ?? [];
    if (job) this.seen.set(job, sequence);
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    if (name === "end" && job) this.seen.delete(job);
    this.listener.event(name, job && data.job === undefined ? { ...data, job } : data);
  }

  retry() {
    this.close();
    const wait = this.wait;
    this.wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    this.timer = setTimeout(() => this.open(), wait);
    this.listener.lost(Date.now() + wait);
  }

  pause() {
    this.close();
    this.listener.paused();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
