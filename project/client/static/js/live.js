/**
 * Brings the news: pushed by the server (SSE), asked for every 2 seconds while that does not work.
 *
 * The server's keep-alives are comments, which a page cannot see, and some proxies hold a stream's
 * text back. So a stream that is silent for long is checked: what an ordinary request finds and the
 * stream has not brought proves that the stream does not work.
 */

import { listJobs, listSignups } from "./api.js";

const POLL_MS = 2000;
/** A stream that is not open by then is waited for, but no longer relied on. */
const OPEN_MS = 4000;
/** After a failure a stream that says nothing must hold so long before it is relied on again. */
const STABLE_MS = 2000;
const REOPEN_MS = 5000;
/** How long the stream may be silent while a job is on its way, and while none is. */
const SILENT_BUSY_MS = 8000;
const SILENT_IDLE_MS = 60_000;
/** What an ordinary request has found may be on its way through the stream as well. */
const GRACE_MS = 1500;
/** More than are shown: some may be parts of another job, which are not. */
const JOBS_ASKED_FOR = 200;

/**
 * Start. `store` takes the news, `onState` hears `live`, `polling` or `offline`, `onLoaded` is
 * called once when the first answer is in.
 */
export function startFeed(store, onState, onLoaded) {
  let stream = null;
  let isPushed = false;
  let hasFailed = false;
  let heardAt = 0;
  let isPolling = false;
  const timers = {};

  function after(name, milliseconds, action) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(action, milliseconds);
  }

  // ── The stream ──

  function open() {
    close();
    stream = new EventSource("/api/v1/events");
    stream.addEventListener("open", judge);
    stream.addEventListener("error", fail);
    stream.addEventListener("job", (event) => hear(store.putJob, event));
    stream.addEventListener("signup", (event) => hear(store.putSignup, event));
    after("open", OPEN_MS, () => { if (!isPushed) startPolling(); });
  }

  function close() {
    stream?.close();
    stream = null;
    isPushed = false;
    for (const timer of Object.values(timers)) clearTimeout(timer);
    isPolling = false;
  }

  /** The server begins with all it knows, so only a stream with nothing to say is taken on trust. */
  function judge() {
    if (store.isEmpty()) after("trust", hasFailed ? STABLE_MS : 0, trust);
  }

  function hear(put, event) {
    heardAt = performance.now();
    put(JSON.parse(event.data));
    if (!isPushed) trust();
  }

  function trust() {
    isPushed = true;
    isPolling = false;
    heardAt = performance.now();
    clearTimeout(timers.poll);
    onState("live");
    after("silence", SILENT_BUSY_MS, checkSilence);
  }

  function fail() {
    isPushed = false;
    hasFailed = true;
    clearTimeout(timers.trust);
    clearTimeout(timers.silence);
    // The browser opens a stream again by itself, unless the answer was no stream at all.
    if (stream?.readyState === EventSource.CLOSED) after("reopen", REOPEN_MS, reopen);
    startPolling();
  }

  function reopen() {
    const wasPolling = isPolling;
    open();
    if (wasPolling) startPolling();
  }

  async function checkSilence() {
    const limit = store.isWaiting() ? SILENT_BUSY_MS : SILENT_IDLE_MS;
    const rest = heardAt + limit - performance.now();
    if (rest > 0) {
      after("silence", Math.min(rest, SILENT_BUSY_MS), checkSilence);
      return;
    }
    const checked = stream;
    const askedAt = performance.now();
    heardAt = askedAt;
    const hasNews = await ask().catch(() => true);
    if (stream !== checked || !isPushed) return;
    after("silence", hasNews ? GRACE_MS : SILENT_BUSY_MS, () => {
      if (hasNews && heardAt === askedAt) distrust();
      else checkSilence();
    });
  }

  function distrust() {
    hasFailed = true;
    open();
    startPolling();
  }

  // ── Asking ──

  function startPolling() {
    if (isPolling) return;
    isPolling = true;
    poll();
  }

  async function poll() {
    const asked = stream;
    const state = await ask().then(() => "polling", () => "offline");
    if (!isPolling || stream !== asked) return;
    onState(state);
    after("poll", POLL_MS, poll);
  }

  /** Ask for everything; whether anything was news. */
  async function ask() {
    const [jobs, signups] = await Promise.all([listJobs(JOBS_ASKED_FOR), listSignups()]);
    const news = [...jobs.map(store.putJob), ...signups.map(store.putSignup)];
    return news.includes(true);
  }

  // ── Start, and the page's comings and goings ──

  function wake() {
    hasFailed = false;
    open();
  }

  // A hidden page needs no news, and browsers allow a site only six connections over HTTP/1.1: a
  // stream in each forgotten tab would leave none for the tab in use.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : wake()));
  window.addEventListener("online", wake);
  window.addEventListener("offline", fail);

  if (!document.hidden) open();
  ask().catch(startPolling).then(onLoaded);
}
