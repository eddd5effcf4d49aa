/** Hands in what a form holds, once: however often it is pressed, and whatever gets lost on the way. */

import { submitJob } from "../api.js";

/** `submit(submission)` resolves to the job. The same submission after a failure is the same job. */
export function createSubmitter() {
  let last = { text: "", key: "" };
  let running = null;

  async function send(submission) {
    const text = JSON.stringify(submission);
    if (text !== last.text) last = { text, key: makeKey() };
    const job = await submitJob(submission, last.key);
    last = { text: "", key: "" }; // who sends it once more wants another job
    return job;
  }

  return (submission) => {
    running ??= send(submission).finally(() => { running = null; });
    return running;
  };
}

/** Random enough to be nobody else's. `crypto.randomUUID` is there over HTTPS only. */
function makeKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
