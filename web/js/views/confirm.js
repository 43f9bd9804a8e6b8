// A question before something is lost.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";
import { Button } from "./parts.js";

/**
 * @typedef {object} Props
 * @property {string} title
 * @property {string} text
 * @property {string} yes
 * @property {string} no
 * @property {() => void} onYes
 * @property {() => void} onNo
 */

/** @extends {Component<Props>} */
export class Confirm extends Component {
  dialog = createRef();

  componentDidMount() {
    this.dialog.current.showModal();
  }

  render() {
    const { title, text, yes, no, onYes, onNo } = this.props;
    return html`
      <dialog ref=${this.dialog} aria-labelledby="confirm-title" onCancel=${onNo}>
        <h2 id="confirm-title">${title}</h2>
        <p>${text}</p>
        <div class="actions">
          <${Button} kind="danger" onClick=${onYes}>${yes}<//>
          <${Button} autofocus onClick=${onNo}>${no}<//>
        </div>
      </dialog>
    `;
  }
}
