/** A job with all its descendants, as a tree that shows their changes. */

import { getTree } from "./api.js";
import { createCancel } from "./cancel.js";
import { create, setAttribute, setText } from "./dom.js";
import { createRerun } from "./rerun.js";
import { createStatus, linkJob } from "./row.js";
import { describeStatus, isFinished } from "./status.js";

const POLL_MS = 2000;
/** Of a tree with very many jobs, whose answer is large. */
const SLOW_POLL_MS = 15_000;
/** More would be no tree that somebody reads. */
const SHOWN_JOBS = 200;
const RERUNNABLE = new Set(["failed", "cancelled", "dead"]);
const NOT_OFFERED = 404;

/** Fill the parts `{section, bar, words, list, limit, hint}` for the job `id`; `{refresh()}`. */
export function createTree(id, parts) {
  const nodes = new Map();
  let timer = 0;
  let isOffered = true;
  let isAsking = false;
  let askedAt = -Infinity;
  let pauseMs = POLL_MS;

  /** Ask for the tree, but not at each of the many changes of a job with many child jobs. */
  function refresh() {
    clearTimeout(timer);
    const pause = askedAt + pauseMs - performance.now();
    if (!isOffered || isAsking || document.hidden) return;
    if (pause > 0) timer = setTimeout(refresh, pause);
    else ask();
  }

  async function ask() {
    isAsking = true;
    askedAt = performance.now();
    let isOver = false;
    try {
      const tree = await getTree(id);
      show(tree);
      isOver = isFinished(tree.jobs[0]) && countFinished(tree.counts) === countAll(tree.counts);
      pauseMs = tree.jobs.length > SHOWN_JOBS ? SLOW_POLL_MS : POLL_MS;
    } catch (problem) {
      isOffered = problem.status !== NOT_OFFERED;
    }
    isAsking = false;
    if (!isOver) refresh();
  }

  function show({ jobs, counts }) {
    parts.section.hidden = jobs.length < 2;
    const [finished, total] = [countFinished(counts), countAll(counts)];
    parts.bar.max = total || 1;
    parts.bar.value = finished;
    setText(parts.words, describeCounts(counts, finished, total));
    parts.hint.hidden = !isFinished(jobs[0]) || !jobs.slice(1).some(({ status }) => RERUNNABLE.has(status));
    const shown = jobs.slice(0, SHOWN_JOBS);
    for (const job of shown) place(job);
    parts.limit.hidden = jobs.length <= shown.length;
    setText(parts.limit, `Showing the first ${shown.length - 1} of ${total} child jobs.`);
  }

  /** Update the job's node, or add it below its parent's: a tree only grows. */
  function place(job) {
    let node = nodes.get(job.id);
    if (!node) {
      node = createNode(job, job.id === id);
      nodes.set(job.id, node);
      (nodes.get(job.parent_id)?.children ?? parts.list).append(node.element);
    }
    node.update(job);
  }

  document.addEventListener("visibilitychange", refresh);
  return { refresh };
}

/** `counts` are of the parts alone, by status. */
function countAll(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function countFinished(counts) {
  return countAll(Object.fromEntries(
    Object.entries(counts).filter(([status]) => isFinished({ status })),
  ));
}

/** "5 of 8 finished · 2 running · 1 failed". Pure. */
export function describeCounts(counts, finished, total) {
  const others = Object.entries(counts)
    .filter(([status, count]) => count > 0 && status !== "succeeded")
    .map(([status, count]) => `${count} ${describeStatus({ status }).word.toLowerCase()}`);
  return [`${finished} of ${total} finished`, ...others].join(" · ");
}

function createNode(first, isThis) {
  const status = createStatus();
  const share = create("span", { class: "tree__share" });
  const cancel = createCancel(first);
  const repeat = createRerun(first, "cancel__button");
  const name = first.key ? [create("code", { class: "tree__key" }, first.key)] : [];
  const title = isThis ? create("strong", {}, first.title) : linkJob(first);
  const children = create("ul", { class: "tree", role: "list" });
  const element = create(
    "li",
    {},
    create(
      "div",
      { class: "tree__node" },
      status.element,
      create("span", { class: "tree__what" }, title, ...name, share),
      create("span", { class: "tree__buttons" }, cancel.element, repeat.element),
    ),
    children,
  );
  setAttribute(element.firstChild, "aria-current", isThis ? "true" : null);

  function update(job) {
    status.update(job);
    cancel.update(job);
    repeat.update(job);
    repeat.element.hidden ||= !RERUNNABLE.has(job.status);
    const { done, total } = job.progress ?? {};
    const isUnderWay = total > 0 && (job.status === "running" || job.status === "waiting");
    setText(share, isUnderWay ? `${Math.round((100 * done) / total)} %` : "");
  }

  return { element, children, update };
}
