/** The page of schedules: the list, and the form that makes one. */

import { listSchedules } from "./api.js";
import { setText } from "./dom.js";
import { createKeyedList } from "./keyed_list.js";
import { explain, hush, say } from "./messages.js";
import { installScheduleForm } from "./schedule_form.js";
import { createSchedule } from "./schedule_row.js";

const POLL_MS = 10_000;
const NOT_OFFERED = 404;

const find = (id) => document.getElementById(id);
const views = createKeyedList(find("schedules"), (schedule) => createSchedule(schedule, refresh));
let timer = 0;

start();

async function start() {
  if (!(await refresh())) return;
  const parts = {
    fields: find("fields"),
    button: find("run-button"),
    message: find("form-message"),
  };
  try {
    await installScheduleForm(find("run"), parts, refresh);
    find("new").hidden = false;
  } catch (problem) {
    say(find("run-message"), `A schedule cannot be made here. ${problem.message}`, "bad");
  }
}

/** Ask how things stand; false where this server has no schedules. */
async function refresh() {
  clearTimeout(timer);
  try {
    const schedules = await listSchedules();
    views.show(schedules);
    hush(find("run-message"));
    find("empty").hidden = schedules.length > 0;
  } catch (problem) {
    if (problem.status === NOT_OFFERED) {
      setText(find("run-message"), "This server has no schedules.");
      return false;
    }
    say(find("run-message"), explain(problem), "bad");
  }
  timer = setTimeout(refresh, POLL_MS);
  return true;
}
