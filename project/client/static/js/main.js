/** The page: wires the parts. News flows one way: feed → store → views. */

import { createAnnouncer } from "./announcer.js";
import { getJob } from "./api.js";
import { installButtons } from "./buttons.js";
import { createCard } from "./card.js";
import { createIndicator } from "./connection.js";
import { setText } from "./dom.js";
import { createKeyedList } from "./keyed_list.js";
import { startFeed } from "./live.js";
import { createRow } from "./row.js";
import { installSignup } from "./signup.js";
import { summarize } from "./status.js";
import { createStore } from "./store.js";

/** As many more are shown each time somebody asks for older ones. */
const SHOWN_JOBS = 50;
const SHOWN_SIGNUPS = 12;
/** Fine enough that a ticking second never looks late. */
const TICK_MS = 250;

const find = (id) => document.getElementById(id);
const announcer = createAnnouncer(find("announcements"));
const indicator = createIndicator(find("connection"), find("connection-text"));
let isLoaded = false;
let isDrawing = false;
let shownJobs = SHOWN_JOBS;

const store = createStore((job, previous) => {
  // Of what a job consists of is told on its own page: here each would be an outcome of its own.
  if (isLoaded && job && !job.parent_id) announcer.announce(job, previous);
  draw();
});
const rows = createKeyedList(find("tasks"), createRow);
const cards = createKeyedList(find("signups"), (signup) => createCard(signup, store.getJob));

/** Draw at the next frame, so that a burst of news is one drawing. */
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    const [jobs, signups] = [store.listJobs(), store.listSignups()];
    rows.show(jobs.slice(0, shownJobs));
    cards.show(signups.slice(0, SHOWN_SIGNUPS));
    setText(find("jobs-summary"), summarize(jobs.slice(0, shownJobs)));
    find("jobs-table").hidden = jobs.length === 0;
    find("jobs-empty").hidden = !isLoaded || jobs.length > 0;
    find("signups-empty").hidden = !isLoaded || signups.length > 0;
    showLimit(find("jobs-limit"), jobs, shownJobs, "jobs");
    find("jobs-more").hidden = jobs.length <= shownJobs;
    showLimit(find("signups-limit"), signups, SHOWN_SIGNUPS, "sign-ups");
  });
}

function showLimit(element, items, limit, name) {
  element.hidden = items.length < limit;
  setText(element, `Showing the ${limit} most recent ${name}.`);
}

/** Show a job before any news of it comes in. */
async function show(id) {
  if (store.getJob(id)) return;
  try {
    store.putJob(await getJob(id));
  } catch {
    // It was accepted all the same; the feed brings it once the server answers again.
  }
}

/** The jobs of a sign-up may be older than the newest ones that the feed begins with. */
function showJobsOf(signup) {
  return Promise.all([show(signup.picture_job), show(signup.mail_job)]);
}

find("jobs-more").addEventListener("click", () => {
  shownJobs += SHOWN_JOBS;
  draw();
});
installButtons(find("choices"), find("choices-message"), show);
// It is not there where its kinds are not offered.
if (find("signup")) {
  installSignup(find("signup"), (signup) => {
    store.putSignup(signup);
    return showJobsOf(signup);
  });
}
startFeed(store, indicator.show, () => {
  isLoaded = true;
  store.listSignups().slice(0, SHOWN_SIGNUPS).forEach(showJobsOf);
  draw();
});
setInterval(() => { for (const row of rows.views.values()) row.tick(); }, TICK_MS);
