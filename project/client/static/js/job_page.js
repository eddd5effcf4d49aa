/** The page of one job: wires the parts. News flows one way: feed → views. */

import { createAnnouncer } from "./announcer.js";
import { createAttempts } from "./attempts.js";
import { createCancel } from "./cancel.js";
import { now, observe } from "./clock.js";
import { createIndicator } from "./connection.js";
import { create, setText } from "./dom.js";
import { createFacts } from "./job_facts.js";
import { followJob } from "./job_feed.js";
import { createLog } from "./job_log.js";
import { createOutcome } from "./outcome.js";
import { createRerun } from "./rerun.js";
import { showResult } from "./result.js";
import { createStatus } from "./row.js";
import { describeStatus } from "./status.js";
import { describeTimes } from "./times.js";
import { createTree } from "./tree.js";

const TICK_MS = 250;

const find = (id) => document.getElementById(id);
const { id, title } = find("main").dataset;
const first = { id, title };
const indicator = createIndicator(find("connection"), find("connection-text"));
const announcer = createAnnouncer(find("announcements"));
const status = createStatus();
const outcome = createOutcome();
const buttons = [createCancel(first, "button"), createRerun(first)];
const facts = createFacts(find("facts"));
const attempts = createAttempts(find("attempts"));
const log = createLog(first, create("div", { class: "job__log" }));
const tree = createTree(id, {
  section: find("parts-section"),
  bar: find("parts-bar"),
  words: find("parts-words"),
  list: find("parts"),
  limit: find("parts-limit"),
  hint: find("parts-hint"),
});
let job = null;
let shownResult = "";

find("status").append(status.element);
find("outcome").append(outcome.element);
find("buttons").append(...buttons.map(({ element }) => element));
find("log").append(log.element);
followJob(id, show, showState, showGone);
setInterval(tick, TICK_MS);

function show(next) {
  const previous = job;
  job = next;
  for (const time of [job.submitted_at, job.started_at, job.finished_at])
    if (time) observe(Date.parse(time));
  if (previous) announcer.announce(job, previous);
  find("state").hidden = false;
  document.title = `${title}: ${describeStatus(job).word.toLowerCase()} – Jobs`;
  for (const view of [status, outcome, ...buttons, facts, attempts, log]) view.update(job);
  find("outcome").hidden = job.status === "succeeded";
  find("attempts-section").hidden = job.attempts.length === 0;
  showLog();
  showOutcome();
  tree.refresh();
  tick();
}

/** Open from the start: who looks at one job wants to know what it says. */
function showLog() {
  const isOffered = job.has_log || job.status === "running";
  if (isOffered && find("log-section").hidden) log.open();
  find("log-section").hidden = !isOffered && log.element.hidden;
}

function showOutcome() {
  const isThere = job.status === "succeeded" && job.result !== null;
  const text = JSON.stringify(job.result);
  find("result-section").hidden = !isThere;
  if (!isThere || text === shownResult) return;
  shownResult = text;
  find("result").replaceChildren(...showResult(job.result));
}

/** Once the job has ended there is no news, so nothing need be said of how it comes. */
function showState(state) {
  find("connection").hidden = state === "ended";
  if (state !== "ended") indicator.show(state);
}

function showGone(problem) {
  setText(find("gone"), problem.message);
  for (const { element } of buttons) element.hidden = true;
}

function tick() {
  if (!job) return;
  const { main, more } = describeTimes(job, now());
  outcome.tick(job);
  setText(find("time"), [main, more].filter((words) => words && words !== "–").join(" · "));
}
