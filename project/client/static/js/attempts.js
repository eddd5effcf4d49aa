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
  suspended: "Waited for its child jobs",
  lost: "Lost its worker",
};

/** A view: `{update(job)}`, which fills the body of the table where something has changed. */
export function createAttempts(body) {
  let shown = "";
  function update({ attempts, error }) {
    const text = JSON.stringify(attempts);
    if (text === shown) return;
    shown = text;
    body.replaceChildren(...attempts.flatMap((attempt) => createRows(attempt, error)));
  }
  return { update };
}

function createRows({ number, outcome, worker, wait_seconds: wait, run_seconds: run, error }, last) {
  const row = create(
    "tr",
    {},
    create("th", { scope: "row", class: "number" }, String(number)),
    create("td", {}, OUTCOMES[outcome] ?? outcome),
    create("td", { class: "number" }, formatSeconds(wait)),
    create("td", { class: "number" }, formatSeconds(run)),
    create("td", {}, worker ?? "–"),
  );
  const why = explainError(error, last);
  return why ? [row, create("tr", { class: "attempt__error" }, create("td"), create("td", { colspan: "4" }, why))] : [row];
}

/** What the job itself says of its last error need not be read twice. */
function explainError(error, last) {
  if (!error) return "";
  if (error.message !== last?.message) return [nameError(error), error.message].filter(Boolean).join(": ");
  return nameError(error);
}

/** The type of an error, where it says more than that the job has failed. */
export function nameError({ type }) {
  return type === "PermanentError" ? "" : type;
}

function formatSeconds(seconds) {
  return seconds === null || seconds === undefined ? "–" : formatDuration(seconds * 1000);
}
