/** What the page says beside the place where a person has just acted. */

import { setAttribute, setText } from "./dom.js";

/** Say something: `tone` is `good` or `bad`. A failure interrupts a screen reader, success waits. */
export function say(element, text, tone) {
  setAttribute(element, "role", tone === "bad" ? "alert" : "status");
  setAttribute(element, "data-tone", tone);
  setText(element, text);
}

/** Take back what was said. */
export function hush(element) {
  setText(element, "");
}

/** A failed submit, in a sentence on what became of it and one on what to do. */
export function explain(problem) {
  if (problem.status === 0) {
    return "The server does not answer. If it got the request after all, the job appears here "
      + "once the connection is back; else try again.";
  }
  if (problem.retryAfter) return `${problem.message} Try again in ${problem.retryAfter} seconds.`;
  return problem.message;
}

/** A problem's sentence beside the field, which it need not name: "sizes.2: Too large." */
export function speakBeside({ message, field }) {
  if (!field || !message.startsWith(`${field}: `)) return message;
  const rest = message.slice(field.length + 2);
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
