/**
 * The form that makes a schedule. Its own fields follow the API's description, so that they are
 * those of the server that answers; the parameters follow the kind that is chosen.
 */

import { createSchedule, getDescription, listKinds } from "./api.js";
import { create, setAttribute, setText } from "./dom.js";
import { checkControls, clearFaults, createForm } from "./form/form.js";
import { createShell } from "./form/shell.js";
import { createSubmitter } from "./form/submission.js";
import { explain, hush, say, speakBeside } from "./messages.js";

const OURS = new Set(["kind", "parameters"]);

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
  let own = null;
  let parameters = null;

  /** The fields for the chosen kind; what was typed of the schedule itself stays. */
  function show() {
    const chosen = kinds.find(({ name }) => name === control.value);
    own ??= createForm(findSchema(description, chosen.name), {
      root: description,
      isWhole: true,
      value: { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone },
    });
    parameters = createForm(chosen.parameters, { maxBytes });
    fields.replaceChildren(kind.element, parameters.element, own.element);
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
        ...own.read(),
      });
      say(message, `${made?.title ?? "The schedule"} is on.`, "good");
      await onMade();
    } catch (problem) {
      refuse(problem);
    }
    setBusy(false);
  }

  function refuse(problem) {
    const field = (problem.field ?? "").replace(/^parameters\./, "");
    const text = speakBeside(problem);
    if (field && (own.fault(field, text) || parameters.fault(field, text))) return;
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

/** The schema of a schedule without the kind and its parameters, which have fields of their own. */
function findSchema(description, kind) {
  const body = description.paths["/api/v1/schedules"].post.requestBody;
  let schema = resolve(body.content["application/json"].schema, description);
  const forms = (schema.oneOf ?? schema.anyOf ?? []).map((form) => resolve(form, description));
  schema = forms.find((form) => form.properties?.kind?.const === kind) ?? forms[0] ?? schema;
  const properties = Object.fromEntries(
    Object.entries(schema.properties ?? {}).filter(([name]) => !OURS.has(name)),
  );
  return {
    ...schema,
    properties,
    required: (schema.required ?? []).filter((name) => !OURS.has(name)),
  };
}

function resolve(schema, description) {
  if (!schema.$ref) return schema;
  const names = schema.$ref.split("/").slice(1);
  return names.reduce((place, name) => place?.[decodeURIComponent(name)], description) ?? {};
}
