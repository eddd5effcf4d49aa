/** The lines of a job's own log, as text: what a job has logged may hold anything. */

import { create } from "./dom.js";

/** Older ones are left to the link beside them. */
const SHOWN_LINES = 500;
/** Who has scrolled up further than this is reading, and is not moved. */
const AT_END_PX = 24;
const PLAIN = /^[\w./:@+-]+$/;

/** A view of lines: `{element, add(line)}`; a burst of lines is drawn at once. */
export function createLines(label) {
  const element = create("div",
    // What is there when it opens is not read out; what comes later is.
    { class: "log__lines", role: "log", "aria-label": label, "aria-live": "off", tabindex: "0" });
  let waiting = [];
  let attempt = 1;

  function add(line) {
    if (waiting.push(line) === 1) requestAnimationFrame(draw);
  }

  function draw() {
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < AT_END_PX;
    element.append(...waiting.flatMap(createLine));
    waiting = [];
    while (element.childElementCount > SHOWN_LINES) element.firstElementChild.remove();
    if (isAtEnd) element.scrollTop = element.scrollHeight;
    requestAnimationFrame(() => element.setAttribute("aria-live", "polite"));
  }

  function createLine(line) {
    const notes = [];
    if (line.attempt !== attempt) notes.push(createNote(`Attempt ${line.attempt}`));
    if (line.missing) notes.push(createNote(`… ${countLines(line.missing)} missing here`));
    attempt = line.attempt;
    return [...notes, createEntry(line)];
  }

  return { element, add };
}

function createNote(text) {
  return create("p", { class: "log__note" }, text);
}

function countLines(number) {
  return number === 1 ? "1 line is" : `${number} lines are`;
}

function createEntry(line) {
  const fields = Object.entries(line.fields).map(([name, value]) => `${name}=${formatValue(value)}`);
  const moment = new Date(line.time);
  const entry = create("div", { class: "log__line", "data-level": line.level },
    create("time", { class: "log__time", datetime: line.time, title: moment.toLocaleString() },
      formatTime(moment)), " ",
    create("span", { class: "log__level" }, line.level), " ",
    create("span", { class: "log__message" }, line.message));
  if (fields.length) entry.append(" ", create("span", { class: "log__fields" }, fields.join(" ")));
  if (line.error) entry.append(create("span", { class: "log__error" }, describeError(line.error)));
  return entry;
}

function formatTime(moment) {
  return moment.toLocaleTimeString([],
    { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
}

function formatValue(value) {
  return typeof value === "string" && PLAIN.test(value) ? value : JSON.stringify(value);
}

function describeError({ type, message, traceback }) {
  return traceback.trimEnd() || `${type}: ${message}`;
}
