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

  /** Something changed. */
  poke() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), DEBOUNCE_MS);
  }

  /** The picture is gone: no answer to it may arrive any more. */
  reset() {
    clearTimeout(this.timer);
    this.again = false;
    this.asking?.abort();
    this.asking = null;
    this.tell(null, null);
  }

  async ask() {
    if (this.asking) {
      this.again = true;
      return;
    }
    const asking = new AbortController();
    this.asking = asking;
    try {
      const picture = await this.picture();
      const answer = picture && (await classify(picture, asking.signal));
      if (this.asking === asking) this.tell(answer, null);
    } catch (problem) {
      if (this.asking === asking) this.tell(null, /** @type {Problem} */ (problem));
    }
    if (this.asking !== asking) return;
    this.asking = null;
    if (this.again) {
      this.again = false;
      this.poke();
    }
  }
}
