/** The cell that says how far a job is, and in the end what came of it. */

import { nameError } from "./attempts.js";
import { now } from "./clock.js";
import { create, setAttribute, setText } from "./dom.js";
import { formatMoment, formatResult } from "./format.js";
import { isFile, readPictures, readSummary } from "./result_parts.js";
import { isScheduled } from "./status.js";

/** What a job is doing that does not say it. */
const WORDS = { running: "Working", waiting: "Waits for its child jobs" };
/** As many pictures have room in a row. */
const SHOWN_PICTURES = 3;

/** A view of one job's progress, then its result or its error: `{element, update(job), tick(job)}`. */
export function createOutcome() {
  const element = create("div", { class: "outcome" });
  let shown = null;

  function update(job) {
    const kind = kindOf(job);
    if (shown?.kind !== kind) {
      shown = { kind, ...VIEWS[kind]() };
      element.replaceChildren(...shown.children);
    }
    shown.update(job);
  }

  /** A scheduled job becomes due without news of it; cheap to call often. */
  function tick(job) {
    if (job.status === "scheduled") update(job);
  }

  return { element, update, tick };
}

function kindOf(job) {
  if (job.status === "running" || job.status === "waiting") return "progress";
  if (job.status === "succeeded") return kindOfResult(job);
  if (job.error) return "error";
  return "sentence";
}

function kindOfResult(job) {
  if (readSummary(job.result)) return "summary";
  return findThumbnails(job) ? "thumbnails" : "result";
}

const VIEWS = { progress: viewProgress, summary: viewSummary, thumbnails: viewThumbnails, result: viewResult,
  error: viewError, sentence: viewSentence };

function viewProgress() {
  const bar = create("progress", { class: "bar" });
  const step = create("p", { class: "outcome__step" });
  function update(job) {
    const { done, total, step: name } = job.progress ?? {};
    const isKnown = total > 0;
    setAttribute(bar, "max", isKnown ? total : null);
    setAttribute(bar, "value", isKnown ? done : null); // without a value the bar is indeterminate
    setAttribute(bar, "aria-label", `Progress of ${job.title}`);
    const share = isKnown ? `${Math.round((100 * done) / total)} %` : "";
    setText(step, [name || WORDS[job.status], share].filter(Boolean).join(" · "));
  }
  return { children: [bar, step], update };
}

function viewSummary() {
  const link = create("a", {});
  const pictures = create("span", { class: "outcome__pictures" });
  let last = null;
  function update(job) {
    if (last === job.result) return;
    last = job.result;
    setAttribute(link, "href", `/jobs/${encodeURIComponent(job.id)}`);
    setText(link, readSummary(job.result));
    pictures.replaceChildren(...readPictures(job.result).slice(0, SHOWN_PICTURES).map(showSmall));
  }
  return { children: [create("p", { class: "outcome__summary" }, link), pictures], update };
}

/** Decoration beside the summary; the job's page has it with its title. */
function showSmall({ url }) {
  return create("img", { src: url, alt: "", loading: "lazy" });
}

function viewThumbnails() {
  const line = create("p", { class: "outcome__result" });
  let last = null;
  function update(job) {
    if (last === job.result) return;
    last = job.result;
    line.replaceChildren("Thumbnails ", ...findThumbnails(job).flatMap(linkThumbnail));
  }
  return { children: [line], update };
}

function linkThumbnail({ url, width, height }, index) {
  const link = create("a", { href: url }, `${width} × ${height}`);
  return index ? [", ", link] : [link];
}

function viewResult() {
  const text = create("code", { class: "outcome__value" });
  const line = create("p", { class: "outcome__result outcome__result--short" }, "Result ", text);
  function update(job) {
    const value = formatResult(job.result);
    setText(text, value || "none");
    setAttribute(line, "title", value || null);
  }
  return { children: [line], update };
}

function viewError() {
  const message = create("p", { class: "outcome__error" });
  const type = create("p", { class: "outcome__step" });
  function update(job) {
    setText(message, job.error.message || "No reason was given.");
    setText(type, job.status === "retrying" ? "Another attempt follows." : nameError(job.error));
  }
  return { children: [message, type], update };
}

function viewSentence() {
  const line = create("p", { class: "outcome__step" });
  const sentences = {
    accepted: () => "On its way to the broker",
    queued: (job) => `Waits for a worker of the ${job.queue} queue`,
    scheduled: (job) => isScheduled(job, now())
      ? `Scheduled for ${formatMoment(job.run_at)}`
      : `Due, waits for a worker of the ${job.queue} queue`,
    retrying: () => "Another attempt follows",
    cancelled: () => "Stopped before it finished",
    dead: () => "Delivered too often; see the dead letters",
  };
  function update(job) {
    setText(line, sentences[job.status]?.(job) ?? "");
  }
  return { children: [line], update };
}

/** The thumbnails that a job made, smallest first; null where its result is something else. */
export function findThumbnails(job) {
  const found = job?.status === "succeeded" ? job.result?.thumbnails : null;
  if (!Array.isArray(found) || found.length === 0) return null;
  return found.every(isFile) ? found : null;
}
