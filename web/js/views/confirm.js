// A question before something is lost.

import { Component, createRef } from "/vendor/preact/dist/preact.mjs";
import { html } from "../html.js";

/** @extends {Component<{ title: string, text: string, yes: string, no: string, onYes: () => void, onNo: () => void }>} */
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
          <button type="button" class="danger" onClick=${onYes}>${yes}</button>
          <button type="button" autofocus onClick=${onNo}>${no}</button>
        </div>
      </dialog>
    `;
  }
}
