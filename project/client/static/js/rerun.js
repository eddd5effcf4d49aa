/** The button that runs an ended job again, as a new job, and goes to that one's page. */

import { rerunJob } from "./api.js";
import { create, setText } from "./dom.js";
import { explain } from "./messages.js";
import { isFinished } from "./status.js";

/** A view of one job: `{element, update(job)}`; `style` is the button's class. */
export function createRerun(first, style = "button") {
  const button = create("button", { type: "button", class: style }, "Rerun");
  button.setAttribute("aria-label", `Rerun ${first.title}, job ${first.id.slice(0, 8)}`);
  const note = create("span", { class: "note-small", role: "status" });
  const element = create("span", { class: "cancel" }, button, note);

  button.addEventListener("click", async () => {
    button.disabled = true; // a second press would be a second job
    setText(note, "");
    try {
      const job = await rerunJob(first.id);
      location.assign(`/jobs/${encodeURIComponent(job.id)}`);
    } catch (problem) {
      button.disabled = false;
      setText(note, explain(problem));
    }
  });
  window.addEventListener("pageshow", () => {
    button.disabled = false;
  });

  return {
    element,
    update: (job) => {
      const isOffered = !job.is_internal || job.parent_id !== null;
      element.hidden = !isFinished(job) || !isOffered;
    },
  };
}
