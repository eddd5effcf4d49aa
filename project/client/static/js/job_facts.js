/** What is known of a job besides its state: a list of names and values. */

import { create } from "./dom.js";

/** A view: `{update(job)}`, which fills the list anew where something has changed. */
export function createFacts(list) {
  let shown = "";
  function update(job) {
    const facts = listFacts(job).filter(([, value]) => value);
    const text = JSON.stringify(facts);
    if (text === shown) return;
    shown = text;
    list.replaceChildren(
      ...facts.map(([name, value, address]) =>
        create("div", {}, create("dt", {}, name), create("dd", {}, showFact(value, address))),
      ),
    );
  }
  return { update };
}

/** Triples of a name, a text, and an address that it leads to. Pure. */
export function listFacts(job) {
  return [
    ["Kind", job.kind],
    ["Queue", job.queue],
    ["Worker", job.worker],
    ["Submitted", formatTime(job.submitted_at)],
    ["Not before", formatTime(job.run_at)],
    ["Started", formatTime(job.started_at)],
    ["Finished", formatTime(job.finished_at)],
    ["Kept until", formatTime(job.expires_at)],
    ["Parent job", shorten(job.parent_id), addressOf(job.parent_id)],
    [
      "Root job",
      job.root_id === job.id || job.root_id === job.parent_id ? "" : shorten(job.root_id),
      addressOf(job.root_id),
    ],
    ["Rerun of", shorten(job.rerun_of), addressOf(job.rerun_of)],
    ["Rerun as", shorten(job.rerun_as), addressOf(job.rerun_as)],
    ["Trace", job.trace_id, job.trace_url],
  ];
}

function formatTime(text) {
  return text
    ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" })
    : "";
}

function shorten(id) {
  return id ? id.slice(0, 8) : "";
}

function addressOf(id) {
  return id ? `/jobs/${encodeURIComponent(id)}` : null;
}

/** Only addresses of the web are links, whatever a setting holds. */
function showFact(value, address) {
  const isSafe = address && /^(\/|https?:)/.test(address);
  return isSafe ? create("a", { href: address }, value) : value;
}
