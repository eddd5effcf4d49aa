/** One schedule: what runs, when, what came of it last, and what can be done with it. */

import { changeSchedule, deleteSchedule } from "./api.js";
import { create, createIcon, setAttribute, setIcon, setText } from "./dom.js";
import { formatLimit, formatMoment } from "./format.js";
import { explain, hush, say } from "./messages.js";

/** A view: `{element, update(schedule)}`; `onChanged()` is called when something was done. */
export function createSchedule(first, onChanged) {
  const sign = createIcon("queued");
  const state = create("span", {});
  const [rhythm, next, last] = [create("dd"), create("dd"), create("dd")];
  const note = create("p", { class: "note", role: "status" });
  const pause = createVerb("Pause", first, act);
  const resume = createVerb("Resume", first, act);
  const run = createVerb("Run now", first, act, "run");
  const remove = createVerb("Delete", first, act);
  const status = create("p", { class: "status" }, sign, state);
  const element = create(
    "li",
    { class: "panel schedule" },
    create(
      "div",
      { class: "schedule__head" },
      create("h2", {}, first.title),
      status,
    ),
    create(
      "dl",
      { class: "facts" },
      fact("Kind", create("dd", {}, create("code", {}, first.kind))),
      fact("When", rhythm),
      fact("Next run", next),
      fact("Last run", last),
    ),
    create("div", { class: "schedule__buttons" }, run, pause, resume, remove),
    note,
  );

  async function act(verb, button) {
    if (verb === "delete" && !confirm(`Delete “${first.title}”? Its jobs stay.`)) return;
    button.disabled = true;
    hush(note);
    try {
      await (verb === "delete" ? deleteSchedule(first.id) : changeSchedule(first.id, verb));
      await onChanged();
      if (verb === "run") say(note, "Submitted: the job appears as the last run in a moment.", "good");
    } catch (problem) {
      say(note, explain(problem), "bad");
    }
    button.disabled = false;
  }

  function update(schedule) {
    const { is_paused: isPaused } = schedule;
    setText(state, isPaused ? "Paused" : "On");
    setAttribute(status, "data-tone", isPaused ? "wait" : "good");
    setIcon(sign, isPaused ? "cancelled" : "queued");
    pause.hidden = isPaused;
    resume.hidden = !isPaused;
    setText(rhythm, describeRhythm(schedule));
    setText(next, isPaused || !schedule.next_at ? "–" : formatMoment(schedule.next_at));
    last.replaceChildren(showLast(schedule));
  }

  return { element, update };
}

/** "Every 5 min", or the cron expression with its time zone. Pure. */
export function describeRhythm({ cron, every_seconds: seconds, time_zone: zone }) {
  if (seconds) return `Every ${formatLimit(seconds)}`;
  return [cron, zone].filter(Boolean).join(", ");
}

function showLast({ last_at: at, last_job_id: id }) {
  if (!at) return "Not yet";
  const time = formatMoment(at);
  return id ? create("a", { href: `/jobs/${encodeURIComponent(id)}` }, time) : time;
}

function fact(name, value) {
  return create("div", {}, create("dt", {}, name), value);
}

function createVerb(word, { title }, act, verb = word.toLowerCase()) {
  const button = create("button", { type: "button", class: "button button--small" }, word);
  button.setAttribute("aria-label", `${word}: ${title}`);
  button.addEventListener("click", () => act(verb, button));
  return button;
}
