// Asks the daemon what a picture is: 120 ms after the last change, and never twice at a time,
// so that drawing is never slowed by answers.

import { classify } from "./api.js";

/** @typedef {import("./api.js").Answer} Answer */
/** @typedef {import("./api.js").Problem} Problem */

const DEBOUNCE_MS = 120;

export class Classifier {
  /**
   * @param {() => Promise<Blob | null>} picture null: there is nothing to ask about
   * @param {(answer: Answer | null, problem: Problem | null) => void} tell
   */
  constructor(picture, tell) {
    this.picture = picture;
    this.tell = tell;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {AbortController | null} */
    this.asking = null;
    this.again = false;
  }

  /** True while a newer answer than the last one is on its way. */
  get busy() {
    return this.timer !== undefined || this.asking !== null;
  }

  /** Something changed. */
  poke() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), DEBOUNCE_MS);
  }

  /** The picture is gone: no answer to it may arrive any more. */
  reset() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.again = false;
    this.asking?.abort();
    this.asking = null;
    this.tell(null, null);
  }

  async ask() {
    this.timer = undefined;
    this.again = this.asking !== null;
    if (this.asking) return;
    const asking = new AbortController();
    this.asking = asking;
    /** @type {Answer | null} */
    let answer = null;
    /** @type {Problem | null} */
    let problem = null;
    try {
      const picture = await this.picture();
      if (picture) answer = await classify(picture, asking.signal);
    } catch (error) {
      problem = /** @type {Problem} */ (error);
    }
    if (this.asking !== asking) return; // the picture is gone
    this.asking = null;
    if (this.again) this.poke();
    this.again = false;
    this.tell(answer, problem);
  }
}
