/**
 * Brings the news of one job until it has ended: pushed by the server (SSE), and asked for as well,
 * often while nothing is pushed and now and then while it is, as some proxies hold a stream back.
 */

import { getJob } from "./api.js";
import { isFinished } from "./status.js";

const POLL_MS = 2000;
const CHECK_MS = 10_000;
const REOPEN_MS = 5000;
const GONE = new Set([404, 410]);

/**
 * Start. `onJob(job)` takes the news, newer than all before; `onState` hears `live`, `polling`,
 * `offline` or, once there is no more to come, `ended`; `onGone(problem)` that the job is forgotten.
 */
export function followJob(id, onJob, onState, onGone) {
  let stream = null;
  let version = -1;
  let isPushed = false;
  let isOver = false;
  let pollTimer = 0;
  let openTimer = 0;

  function open() {
    close();
    if (isOver || document.hidden) return; // a hidden page needs no news
    stream = new EventSource(`/api/v1/jobs/${encodeURIComponent(id)}/events`);
    stream.addEventListener("job", (event) => {
      isPushed = true;
      onState("live");
      take(JSON.parse(event.data));
    });
    stream.addEventListener("error", fail);
    poll();
  }

  function close() {
    clearTimeout(pollTimer);
    clearTimeout(openTimer);
    stream?.close();
    stream = null;
    isPushed = false;
  }

  function fail() {
    isPushed = false;
    if (stream.readyState === EventSource.CLOSED) openTimer = setTimeout(open, REOPEN_MS);
    clearTimeout(pollTimer);
    poll();
  }

  async function poll() {
    const asked = stream;
    try {
      const job = await getJob(id);
      if (stream !== asked || isOver) return;
      if (!isPushed) onState("polling");
      take(job);
    } catch (problem) {
      if (stream !== asked || isOver) return;
      if (GONE.has(problem.status)) {
        end();
        onGone(problem);
        return;
      }
      if (!isPushed) onState("offline");
    }
    if (!isOver) pollTimer = setTimeout(poll, isPushed ? CHECK_MS : POLL_MS);
  }

  function take(job) {
    if (job.version <= version) return;
    version = job.version;
    onJob(job);
    if (isFinished(job)) end();
  }

  function end() {
    isOver = true;
    close();
    onState("ended");
  }

  document.addEventListener("visibilitychange", open);
  window.addEventListener("online", open);
  open();
}
