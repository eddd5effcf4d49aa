/** A job's own log: closed until somebody wants to see it; while it is open, new lines come live. */

import { create, setText } from "./dom.js";
import { createLines } from "./log_lines.js";

/** As many lines are asked for when it opens. */
const FIRST_LINES = 200;
/** A stream that was refused is opened again after so long; one that broke is by the browser. */
const REOPEN_MS = 5000;

/** Closes the log that is open. Over HTTP/1.1 a site has six connections: each stream takes one. */
let closeOther = null;

/**
 * A view of one log: `{toggle, element, update(job), open()}`, a button and the element that it
 * opens, which is `element` with the log in it.
 */
export function createLog(first, element) {
  const address = `/api/v1/jobs/${encodeURIComponent(first.id)}/log`;
  const name = `Log of ${first.title}, job ${first.id.slice(0, 8)}`;
  const button = create("button", { type: "button", class: "log__button", "aria-label": name,
    "aria-expanded": "false", "aria-controls": `log-${first.id}` }, "Log");
  const toggle = create("span", { class: "log__toggle", hidden: "" }, " · ", button);
  const lines = createLines(name);
  const note = create("span", { class: "log__state", role: "status" });
  const link = create("a", { href: `${address}?format=text` }, "As text");
  element.id = `log-${first.id}`;
  element.hidden = true;
  element.append(lines.element, create("p", { class: "log__foot" }, note, link));
  let job = first;
  let stream = null;
  let timer = 0;
  let last = "";
  let isOver = false;

  function connect() {
    disconnect();
    if (isOver || element.hidden || document.hidden) return;
    const start = last ? `after=${last}` : `newest=${FIRST_LINES}`;
    stream = new EventSource(`${address}/events?${start}`);
    stream.addEventListener("open", describe);
    stream.addEventListener("line", (event) => take(JSON.parse(event.data)));
    stream.addEventListener("end", end);
    stream.addEventListener("error", fail);
  }

  function disconnect() {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  }

  function take(line) {
    if (!element.isConnected) close(); // newer jobs have pushed its row out of the list
    last = line.id;
    lines.add(line);
    describe();
  }

  function end() {
    isOver = true;
    disconnect();
    describe();
  }

  function fail() {
    setText(note, "The log is unavailable.");
    if (stream.readyState === EventSource.CLOSED) timer = setTimeout(connect, REOPEN_MS);
  }

  /** One sentence for where there is nothing to see, or nothing to come. */
  function describe() {
    if (isOver) setText(note, last ? "" : "Nothing was logged.");
    else setText(note, last ? "" : "Nothing logged so far.");
  }

  function show(isOpen) {
    if (isOpen && closeOther !== close) closeOther?.();
    closeOther = isOpen ? close : null;
    element.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    // A hidden page needs no news; it goes on from the last line when it is looked at again.
    if (isOpen) document.addEventListener("visibilitychange", connect);
    else document.removeEventListener("visibilitychange", connect);
    connect();
    update(job);
  }

  function close() {
    show(false);
  }

  button.addEventListener("click", () => show(element.hidden));

  /** It is offered where there are lines, and while there may be some. */
  function update(next) {
    job = next;
    toggle.hidden = element.hidden && !job.has_log && job.status !== "running";
  }

  return { toggle, element, update, open: () => show(true) };
}
