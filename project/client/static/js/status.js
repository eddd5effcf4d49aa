/** The statuses of a job in words, with the tone (colour) and the sign that go with each. */

const STATUSES = {
  accepted: { word: "Accepted", tone: "wait" },
  queued: { word: "Queued", tone: "wait" },
  scheduled: { word: "Scheduled", tone: "wait" },
  waiting: { word: "Waiting", tone: "run" },
  running: { word: "Running", tone: "run" },
  retrying: { word: "Retrying", tone: "retry" },
  succeeded: { word: "Succeeded", tone: "good", isFinished: true },
  failed: { word: "Failed", tone: "bad", isFinished: true },
  cancelled: { word: "Cancelled", tone: "wait", isFinished: true },
  dead: { word: "Dead", tone: "bad", isFinished: true },
};

/** `{word, tone, icon}`; a status this page does not know yet is shown as it is. */
export function describeStatus(job) {
  const known = STATUSES[job.status];
  if (!known) return { word: job.status, tone: "wait", icon: "notice" };
  return { word: known.word, tone: known.tone, icon: job.status };
}

/** Whether the job is to run at a later time than `moment`, milliseconds since 1970. */
export function isScheduled(job, moment) {
  return job.status === "scheduled" && Date.parse(job.run_at) > moment;
}

/** Whether the job has finished. */
export function isFinished(job) {
  return Boolean(STATUSES[job.status]?.isFinished);
}

/** "1 running, 2 waiting, 1 scheduled, 5 finished", without groups that are empty. */
export function summarize(jobs) {
  const counts = { running: 0, waiting: 0, scheduled: 0, finished: 0 };
  for (const job of jobs) counts[groupOf(job)] += 1;
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([group, count]) => `${count} ${group}`)
    .join(", ");
}

/** A job that waits for its child jobs counts as running, because they run. */
function groupOf(job) {
  if (isFinished(job)) return "finished";
  if (job.status === "scheduled") return "scheduled";
  return job.status === "running" || job.status === "waiting" ? "running" : "waiting";
}
