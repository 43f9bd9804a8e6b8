// The confusion matrix: rows are what the picture is, columns what the network called it. A
// table, so that it can be read aloud; the colour is only a help for the eye. Right answers and
// mistakes have scales of their own, or the diagonal would hide every mistake.

import { html } from "../html.js";
import { percent } from "../format.js";

/** @typedef {import("../api.js").Confusion} Confusion */

/**
 * A class of eleven shades, because a strict Content-Security-Policy likes classes better than
 * styles.
 * @param {number} part 0..1
 */
const shade = (part) => Math.round(Math.min(1, Math.max(0, part)) * 10);

/** @param {{ confusion: Confusion, what: string }} props what: images or series */
export function Matrix({ confusion, what }) {
  const { counts, classes, split } = confusion;
  const most = Math.max(
    1,
    ...counts.flatMap((row, truth) => row.filter((_, called) => called !== truth)),
  );
  const names = [...Array(classes).keys()];
  return html`
    <table class="matrix">
      <caption>
        Confusion matrix of the ${split ?? "test"} ${what}: rows are what they are, columns what they
        were called
      </caption>
      <colgroup>
        <col class="name" /><col span=${classes} /><col class="recall" />
      </colgroup>
      <thead>
        <tr>
          <td></td>
          ${names.map((name) => html`<th scope="col">${name}</th>`)}
          <th scope="col" class="recall">right</th>
        </tr>
      </thead>
      <tbody>
        ${counts.map((row, truth) => {
          const total = row.reduce((sum, cell) => sum + cell, 0);
          return html`
            <tr>
              <th scope="row">${truth}</th>
              ${row.map((cell, called) => {
                const right = called === truth;
                const part = right ? cell / Math.max(1, total) : Math.sqrt(cell / most);
                const kind = `${right ? "right" : "mistake"} shade-${cell ? shade(part) : 0}`;
                const title = `${cell} of ${total} pictures of a ${truth} were called ${called}`;
                return html`
                  <td class=${kind} title=${title}>
                    ${cell || html`<span class="none">0</span>`}
                  </td>
                `;
              })}
              <td class="recall">${total ? percent(row[truth] / total) : "–"}</td>
            </tr>
          `;
        })}
      </tbody>
    </table>
  `;
}
