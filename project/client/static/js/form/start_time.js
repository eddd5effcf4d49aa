/** When a job is to run: at once, after a while, or at a time. */

import { create } from "../dom.js";
import { createNotes, createShell, makeId } from "./shell.js";

const UNITS = { seconds: 1, minutes: 60, hours: 3600, days: 86_400 };
const CHOICES = [
  ["now", "Now"],
  ["delay", "After a while"],
  ["time", "At a time"],
];

/** `{element, read(), fault(field, text)}`; `read` answers members of a submission. */
export function createStartTime() {
  const name = makeId("start");
  const radios = CHOICES.map(([value]) => create("input", { type: "radio", name, value }));
  radios[0].checked = true;
  const amount = create("input", {
    type: "number",
    min: "0",
    step: "any",
    inputmode: "decimal",
    value: "5",
  });
  const unit = create(
    "select",
    { "aria-label": "Unit of the delay" },
    ...Object.keys(UNITS).map((word) => create("option", { value: word }, word)),
  );
  unit.value = "minutes";
  const moment = create("input", { type: "datetime-local" });
  const delay = createShell({ label: "Delay" }, amount, unit);
  delay.element.classList.add("field--joined");
  const time = createShell({ label: "Start", hint: "In the time of this device" }, moment);
  const notes = createNotes("");
  const element = create(
    "fieldset",
    { class: "field group" },
    create("legend", {}, "When"),
    create(
      "div",
      { class: "group__body" },
      create(
        "div",
        { class: "options" },
        ...radios.map((radio, index) =>
          create("label", { class: "check" }, radio, create("span", {}, CHOICES[index][1])),
        ),
      ),
      delay.element,
      time.element,
      ...notes.children,
    ),
  );

  function chosen() {
    return radios.find(({ checked }) => checked).value;
  }

  /** Only what is asked for is there, and only that can be wrong. */
  function update() {
    delay.element.hidden = chosen() !== "delay";
    time.element.hidden = chosen() !== "time";
    amount.disabled = unit.disabled = delay.element.hidden;
    moment.disabled = time.element.hidden;
    amount.required = !amount.disabled;
    moment.required = !moment.disabled;
  }

  element.addEventListener("change", update);
  update();
  return {
    element,
    read() {
      if (chosen() === "delay") return { delay_seconds: Number(amount.value) * UNITS[unit.value] };
      return chosen() === "time" ? { run_at: new Date(moment.value).toISOString() } : {};
    },
    fault: (field, text) =>
      field === "delay_seconds"
        ? delay.fault(text) && amount
        : field === "run_at"
          ? time.fault(text)
          : null,
  };
}
