// What the network says to a picture: ten bars, the name, and the 28x28 picture that it really
// saw.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { percent } from "../format.js";

/** @typedef {import("../api.js").Answer} Answer */

const DIGITS = [..."0123456789"];

/**
 * A picture of base64 PNG, drawn by hand: the Content-Security-Policy allows no data: address.
 * @extends {Component<{ image: string | undefined }>}
 */
class Seen extends Component {
  canvas = createRef();

  componentDidMount() {
    void this.draw();
  }

  /** @param {{ image: string | undefined }} before */
  componentDidUpdate(before) {
    if (before.image !== this.props.image) void this.draw();
  }

  async draw() {
    const { image } = this.props;
    const context = this.canvas.current.getContext("2d");
    if (!image) return context.clearRect(0, 0, 28, 28);
    const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
    const picture = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    if (image === this.props.image) context.drawImage(picture, 0, 0, 28, 28);
  }

  render() {
    return html`
      <figure class="seen">
        <canvas ref=${this.canvas} class=${this.props.image ? "" : "nothing"} width="28" height="28"
                role="img" aria-label="The 28 by 28 picture that the network saw"></canvas>
        <figcaption>what it saw</figcaption>
      </figure>
    `;
  }
}

/** @param {Answer | null} answer */
function sourceOf(answer) {
  if (!answer) return "\u00a0";
  return `${answer.model}, version ${answer.version} · ${(answer.latency_us / 1000).toFixed(2)} ms`;
}

/** @param {{ answer: Answer | null, busy: boolean, hint: string }} props */
export function AnswerView({ answer, busy, hint }) {
  const prediction = answer?.predictions[0];
  const chances = new Map(prediction?.top ?? []);
  const label = prediction?.label ?? null;
  return html`
    <div class="answer" aria-busy=${busy}>
      <div class="verdict">
        <p class="said" role="status">
          <span class="digit ${label ? "" : "nothing"}">${label ?? "?"}</span>${" "}
          <span class="sure">${prediction ? percent(prediction.probability) : hint}</span>
        </p>
        <${Seen} image=${prediction?.image} />
      </div>
      <ol class="bars" aria-label="Probability of each digit">
        ${DIGITS.map((digit) => {
          const chance = chances.get(digit) ?? 0;
          return html`
            <li key=${digit} class=${digit === label ? "winner" : ""}
                aria-label="${digit}: ${percent(chance)}">
              <span aria-hidden="true">${digit}</span>
              <span class="bar" aria-hidden="true">
                <span style=${{ transform: `scaleX(${chance})` }}></span>
              </span>
              <span class="chance" aria-hidden="true">${prediction ? percent(chance) : ""}</span>
            </li>
          `;
        })}
      </ol>
      <p class="source quiet">${sourceOf(answer)}</p>
    </div>
  `;
}
