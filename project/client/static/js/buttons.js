/** Short, Medium, Long: one click, one job. */

import { startTask } from "./api.js";
import { setAttribute } from "./dom.js";
import { explain, hush, say } from "./messages.js";

/** Start a job with each click; `onStarted(id)` is called once the broker has it. */
export function installButtons(group, message, onStarted) {
  const pending = new Map(); // button → how many of its jobs are under way: no click is lost
  group.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-type]");
    if (!button) return;
    count(pending, button, 1);
    await start(Number(button.dataset.type), message, onStarted);
    count(pending, button, -1);
  });
}

async function start(type, message, onStarted) {
  hush(message);
  try {
    const id = await startTask(type);
    say(message, "Accepted: the job is in the list.", "good");
    await onStarted(id);
  } catch (problem) {
    say(message, explain(problem), "bad");
  }
}

function count(pending, button, change) {
  pending.set(button, (pending.get(button) ?? 0) + change);
  setAttribute(button, "aria-busy", pending.get(button) > 0 ? "true" : null);
}
