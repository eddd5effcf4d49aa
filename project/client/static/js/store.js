/** What is known of this browser's jobs and sign-ups. Old news never replaces newer. */

import { observe } from "./clock.js";
import { isFinished } from "./status.js";

/** As many as the server remembers for one browser. */
const KEPT_JOBS = 200;

/** A store; `onChange(job, previous)` is called with each change, for a sign-up without arguments. */
export function createStore(onChange) {
  const jobs = new Map();
  const signups = new Map();

  /** Take a job as the server described it; false where that is nothing new. */
  function putJob(job) {
    const previous = jobs.get(job.id);
    if (previous && previous.version >= job.version) return false;
    for (const time of [job.submitted_at, job.started_at, job.finished_at]) {
      if (time) observe(Date.parse(time));
    }
    jobs.set(job.id, job);
    // Each by themselves: the many parts of one job would leave no room for others.
    const [whole, parts] = split(newest(jobs, "submitted_at"));
    for (const { id } of [...whole.slice(KEPT_JOBS), ...parts.slice(KEPT_JOBS)]) jobs.delete(id);
    onChange(job, previous);
    return true;
  }

  /** Take a sign-up; false where that is nothing new. A confirmed one stays confirmed. */
  function putSignup(signup) {
    const previous = signups.get(signup.id);
    if (previous && (previous.confirmed_at || !signup.confirmed_at)) return false;
    signups.set(signup.id, signup);
    onChange();
    return true;
  }

  return {
    putJob,
    putSignup,
    getJob: (id) => jobs.get(id),
    /** Jobs without a parent, newest first. */
    listJobs: () => split(newest(jobs, "submitted_at"))[0],
    /** Newest first. */
    listSignups: () => newest(signups, "created_at"),
    isEmpty: () => jobs.size + signups.size === 0,
    /** Whether news is to be expected. */
    isWaiting: () => [...jobs.values()].some((job) => !isFinished(job)),
  };
}

/** Jobs that somebody has started, and those that are parts of another one. */
function split(items) {
  return [items.filter((job) => !job.parent_id), items.filter((job) => job.parent_id)];
}

/** The server's times are UTC texts of one length, so their order is the order of time. */
function newest(items, field) {
  return [...items.values()].sort((a, b) => (a[field] < b[field] ? 1 : a[field] > b[field] ? -1 : 0));
}
