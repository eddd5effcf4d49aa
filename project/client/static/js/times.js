/** How long a job waits, runs or ran, in words. Pure. */

import { formatDuration, formatElapsed } from "./format.js";
import { isFinished, isScheduled } from "./status.js";

/** A wait shorter than this says nothing, and is not shown. */
const WORTH_TELLING_MS = 1000;

/** How long it runs or ran, and how long it waited: `{main, more}`. Pure. */
export function describeTimes(job, moment) {
  const submitted = Date.parse(job.submitted_at);
  const began = findBegin(job);
  const started = began && Date.parse(began);
  const finished = job.finished_at && Date.parse(job.finished_at);
  if (!started) {
    if (isFinished(job) || isScheduled(job, moment)) return { main: "–", more: "" };
    return { main: formatElapsed(moment - findDue(job)), more: "waiting" };
  }
  const main = isFinished(job)
    ? formatDuration((finished ?? started) - started)
    : formatElapsed(moment - started);
  return { main, more: describeWait(job, submitted, started, finished ?? moment) };
}

/** Since when the job waits: a scheduled job not before its time. */
function findDue({ run_at, submitted_at }) {
  return Date.parse(run_at ?? submitted_at);
}

/** How often it was tried. To go on once its parts have ended is no new try. Pure. */
export function countTries({ attempt, attempts }) {
  return attempt - (attempts ?? []).filter(({ outcome }) => outcome === "suspended").length;
}

/** Of a job that has waited for its parts, the time of all of it is what it took. */
function findBegin(job) {
  const hasWaited = job.attempt > 1 && countTries(job) === 1;
  return hasWaited ? job.attempts[0].started_at : job.started_at;
}

function describeWait(job, submitted, started, end) {
  // A new attempt starts the clock again, so the time before it was no mere waiting.
  if (countTries(job) > 1) return isFinished(job) ? `${formatDuration(end - submitted)} in all` : "";
  const waited = started - findDue(job);
  return waited < WORTH_TELLING_MS ? "" : `waited ${formatElapsed(waited)}`;
}
