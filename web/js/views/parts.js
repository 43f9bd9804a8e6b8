// Small parts that several views are made of.

import { html } from "../html.js";

/**
 * A button that submits nothing.
 * @param {{ kind?: string, children?: any, onClick: () => void, [attribute: string]: any }} props
 */
export const Button = ({ kind = "", children, ...attributes }) =>
  html`<button type="button" class=${kind} ...${attributes}>${children}</button>`;

/** @param {{ name: string }} props */
export const Skeleton = ({ name }) =>
  html`<section class="card skeleton" aria-busy="true" aria-label="Loading ${name}"></section>`;

/** @param {{ job: import("../api.js").Job }} props */
export const Badge = ({ job }) => html`<span class="badge ${job.state}">${job.state}</span>`;

/** @param {{ state: string, part: number }} props */
export const Fill = ({ state, part }) =>
  html`<span class="fill ${state}" style=${{ transform: `scaleX(${part})` }}></span>`;
