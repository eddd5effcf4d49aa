/** Short, Medium, Long: one click, one job. */

import { startTask } from "./api.js";
import { setAttribute } from "./dom.js";
import { explain, hush, say } from "./messages.js";

/** Start a job with each click; `onStarted(id)` is called once the broker has it. */
export function installButtons(group, message, onStarted) {
  group.addEventListener("click", (event) => {
    const button = event.target.closest("[data-type]");
    if (button) start(button, message, onStarted);
  });
}

async function start(button, message, onStarted) {
  if (button.getAttribute("aria-busy") === "true") return;
  setAttribute(button, "aria-busy", "true");
  hush(message);
  try {
    const id = await startTask(Number(button.dataset.type));
    say(message, "Accepted: the job is in the list.", "good");
    await onStarted(id);
  } catch (problem) {
    say(message, explain(problem), "bad");
  } finally {
    setAttribute(button, "aria-busy", null);
  }
}
