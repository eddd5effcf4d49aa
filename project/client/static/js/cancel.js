/** The button that cancels a job which has not ended. */

import { cancelJob } from "./api.js";
import { create, setText } from "./dom.js";
import { isFinished } from "./status.js";

const CONFLICT = 409; // it has finished meanwhile: the row will show how

/** A view of one job: `{element, update(job)}`; `style` is the button's class. */
export function createCancel(first, style = "cancel__button") {
  const button = create("button", { type: "button", class: style }, "Cancel");
  button.setAttribute("aria-label", `Cancel ${first.title}, job ${first.id.slice(0, 8)}`);
  const note = create("span", { class: "note-small", role: "status" });
  const element = create("span", { class: "cancel" }, button, note);

  button.addEventListener("click", async () => {
    button.disabled = true;
    setText(note, "");
    try {
      await cancelJob(first.id);
    } catch (problem) {
      button.disabled = false;
      if (problem.status !== CONFLICT) setText(note, `Not cancelled. ${problem.message}`);
    }
  });

  function update(job) {
    const isAsked = Boolean(job.cancel_requested_at);
    element.hidden = isFinished(job);
    button.hidden = isAsked;
    if (isAsked) setText(note, "Stopping …");
  }

  return { element, update };
}
