/** The form that makes a schedule: what runs, with the parameters of that kind, and when. */

import { createSchedule, getDescription, listKinds } from "./api.js";
import { create, setAttribute, setText } from "./dom.js";
import { checkControls, clearFaults, createForm } from "./form/form.js";
import { createShell } from "./form/shell.js";
import { createSubmitter } from "./form/submission.js";
import { explain, hush, say, speakBeside } from "./messages.js";
import { createPlan } from "./schedule_plan.js";

/** Fill `form`, whose parts are `{fields, button, message}`; `onMade()` is called with each success. */
export async function installScheduleForm(form, { fields, button, message }, onMade) {
  const [kinds, description] = await Promise.all([listKinds(), getDescription()]);
  const maxBytes = Number(form.dataset.maxUploadBytes);
  const submit = createSubmitter(createSchedule);
  const control = create(
    "select",
    {},
    ...kinds.map(({ name, title }) => create("option", { value: name }, title)),
  );
  const kind = createShell({ label: "What to run" }, control);
  const plan = createPlan(description);
  let parameters = null;

  /** The fields for the chosen kind; what was typed of the schedule itself stays. */
  function show() {
    const chosen = kinds.find(({ name }) => name === control.value);
    parameters = createForm(chosen.parameters, { maxBytes });
    fields.replaceChildren(kind.element, parameters.element, ...plan.elements);
  }

  async function send() {
    hush(message);
    clearFaults(form);
    if (!checkControls(form)) return;
    setBusy(true);
    try {
      const made = await submit({
        kind: control.value,
        parameters: parameters.read(),
        ...plan.read(),
      });
      say(message, `${made?.title ?? "The schedule"} is on.`, "good");
      await onMade();
    } catch (problem) {
      refuse(problem);
    }
    setBusy(false);
  }

  function refuse(problem) {
    const { field } = problem;
    const text = speakBeside(problem);
    if (field && (plan.fault(field, text) || parameters.fault(field.replace(/^parameters\./, ""), text)))
      return;
    say(message, explain(problem), "bad");
  }

  function setBusy(isBusy) {
    setAttribute(button, "aria-disabled", isBusy ? "true" : null);
    setText(button, isBusy ? "Sending …" : "Make the schedule");
  }

  control.addEventListener("change", show);
  show();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.hasAttribute("aria-disabled")) send();
  });
}
