// Templates in the page's own syntax: htm parses them in the browser, so that no build step is
// needed.
import { h } from "/vendor/preact/dist/preact.mjs";
import htm from "/vendor/htm/dist/htm.module.js";

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind(h);
