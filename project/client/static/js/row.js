/** One row of the table of jobs: made once, then updated in place. */

import { createCancel } from "./cancel.js";
import { now } from "./clock.js";
import { create, createIcon, setAttribute, setIcon, setText } from "./dom.js";
import { formatMoment } from "./format.js";
import { createLog } from "./job_log.js";
import { createOutcome } from "./outcome.js";
import { describeStatus } from "./status.js";
import { countTries, describeTimes } from "./times.js";

/** A view of one job: `{element, update(job), tick()}`. */
export function createRow(first) {
  const status = createStatus();
  const attempt = create("span", { class: "note-small" });
  const cancel = createCancel(first);
  const outcome = createOutcome();
  const log = createLog(first, create("td", { role: "cell", class: "job__log", colspan: "6" }));
  const time = create("span", { class: "job__time" });
  const wait = create("span", { class: "note-small" });
  const worker = create("span", { class: "job__worker" });
  const element = create(
    "tr",
    { role: "row", id: `job-${first.id}` },
    create("th", { role: "rowheader", scope: "row", class: "job__head" },
      create("span", { class: "job__title" }, linkJob(first)), createMeta(first, log.toggle)),
    cell("Status", "job__status", status.element, attempt, cancel.element),
    cell("Progress and result", "job__outcome", outcome.element),
    cell("Time", "job__times", time, wait),
    cell("Queue", "job__queue", first.queue),
    cell("Worker", "job__workers", worker),
    log.element,
  );
  let job = null;

  function update(next) {
    if (job === next) return;
    job = next;
    setAttribute(element, "data-status", job.status);
    status.update(job);
    setText(attempt, countTries(job) > 1 ? `Attempt ${countTries(job)}` : "");
    cancel.update(job);
    outcome.update(job);
    log.update(job);
    setText(worker, job.worker ?? "–");
    setAttribute(worker, "title", job.worker); // a long name is cut on a phone
    tick();
  }

  /** Carry the time on; cheap to call often. */
  function tick() {
    const times = describeTimes(job, now());
    setText(time, times.main);
    setText(wait, times.more);
    outcome.tick(job);
  }

  return { element, update, tick };
}

/** A status as sign, word and colour: `{element, update(job)}`. */
export function createStatus() {
  const icon = createIcon("accepted");
  const word = create("span");
  const element = create("span", { class: "status" }, icon, word);
  function update(job) {
    const described = describeStatus(job);
    setAttribute(element, "data-tone", described.tone);
    setAttribute(element, "data-status", job.status);
    setIcon(icon, described.icon);
    setText(word, described.word);
  }
  return { element, update };
}

/** To the job's own page. */
export function linkJob(job) {
  const name = `${job.title}, job ${job.id.slice(0, 8)}`;
  return create("a", { href: `/jobs/${encodeURIComponent(job.id)}`, "aria-label": name }, job.title);
}

function createMeta(job, toggle) {
  const id = create("code", { title: `Job ${job.id}` }, job.id.slice(0, 8));
  return create("span", { class: "job__meta" },
    create("time", { datetime: job.submitted_at, title: new Date(job.submitted_at).toLocaleString() },
      formatMoment(job.submitted_at)), " · ", id, ...linkTrace(job), toggle);
}

/** The way to all that the click has caused, where something shows it. */
function linkTrace(job) {
  if (!job.trace_url) return [];
  const name = `Trace of job ${job.id.slice(0, 8)}`;
  return [" · ", create("a", { href: job.trace_url, "aria-label": name }, "Trace")];
}

/** A cell; its label is shown where the table is laid out as cards. */
function cell(label, name, ...children) {
  return create("td", { role: "cell", class: name, "data-label": label }, ...children);
}
