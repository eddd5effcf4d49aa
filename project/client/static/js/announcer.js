/** Tells screen readers how jobs ended: outcomes only, as each step would be noise. */

import { create } from "./dom.js";
import { describeStatus, isFinished } from "./status.js";

/** More than this many lines would be read to nobody's use. */
const KEPT_LINES = 5;

/** `announce(job, previous)` says that a job has just ended, if it has. */
export function createAnnouncer(region) {
  function announce(job, previous) {
    if (!isFinished(job) || (previous && isFinished(previous))) return;
    const { word } = describeStatus(job);
    const reason = job.error ? `: ${job.error.message}` : ".";
    region.append(create("p", {}, `${job.title} ${word.toLowerCase()}${reason}`));
    while (region.children.length > KEPT_LINES) region.firstChild.remove();
  }
  return { announce };
}
