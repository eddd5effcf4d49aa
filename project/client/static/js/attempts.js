/** The attempts to run a job, as rows of a table. */

import { create } from "./dom.js";
import { formatDuration } from "./format.js";

const OUTCOMES = {
  running: "Running",
  succeeded: "Succeeded",
  retried: "Failed, tried again",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted",
  suspended: "Waited for its parts",
  lost: "Lost its worker",
};

/** A view: `{update(job)}`, which fills the body of the table where something has changed. */
export function createAttempts(body) {
  let shown = "";
  function update(job) {
    const text = JSON.stringify(job.attempts);
    if (text === shown) return;
    shown = text;
    body.replaceChildren(...job.attempts.map(createRow));
  }
  return { update };
}

function createRow({ number, outcome, worker, wait_seconds: wait, run_seconds: run, error }) {
  return create(
    "tr",
    {},
    create("th", { scope: "row", class: "number" }, String(number)),
    create("td", {}, OUTCOMES[outcome] ?? outcome, ...showError(error)),
    create("td", { class: "number" }, formatSeconds(wait)),
    create("td", { class: "number" }, formatSeconds(run)),
    create("td", {}, worker ?? "–"),
  );
}

function showError(error) {
  return error ? [create("p", { class: "attempt__error" }, `${error.type}: ${error.message}`)] : [];
}

function formatSeconds(seconds) {
  return seconds === null || seconds === undefined ? "–" : formatDuration(seconds * 1000);
}
