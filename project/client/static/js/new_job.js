/** The page that runs a job of one kind: a form made from the schema of its parameters. */

import { listKinds, submitJob } from "./api.js";
import { setAttribute, setText } from "./dom.js";
import { checkControls, clearFaults, createForm, reveal } from "./form/form.js";
import { createStartTime } from "./form/start_time.js";
import { createSubmitter } from "./form/submission.js";
import { formatLimit } from "./format.js";
import { explain, hush, say, speakBeside } from "./messages.js";

const find = (id) => document.getElementById(id);
const form = find("run");
const button = find("run-button");
const message = find("run-message");
const submit = createSubmitter(submitJob);

load();

async function load() {
  try {
    const kind = (await listKinds()).find(({ name }) => name === form.dataset.kind);
    show(kind);
  } catch (problem) {
    say(
      message,
      `The form cannot be made. ${problem.message} Reload the page to try again.`,
      "bad",
    );
  }
}

function show(kind) {
  const parameters = createForm(kind.parameters, {
    value: readPrefill(),
    maxBytes: Number(form.dataset.maxUploadBytes),
  });
  const start = createStartTime();
  find("fields").replaceChildren(parameters.element, start.element);
  setText(find("limits"), describeLimits(kind));
  find("required").hidden = !form.querySelector(".field__name--asked");
  button.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.hasAttribute("aria-disabled")) send(kind, parameters, start);
  });
}

async function send(kind, parameters, start) {
  hush(message);
  clearFaults(form);
  if (!checkControls(form)) return;
  setBusy(true);
  try {
    const job = await submit({ kind: kind.name, parameters: parameters.read(), ...start.read() });
    location.assign(`/jobs/${encodeURIComponent(job.id)}`);
  } catch (problem) {
    refuse(problem, parameters, start);
  }
  setBusy(false);
}

/** Say what the server said, where it belongs. All that was typed and chosen stays. */
function refuse(problem, parameters, start) {
  const { field } = problem;
  const text = speakBeside(problem);
  if (field && parameters.fault(field, text)) return;
  const control = field && start.fault(field, text);
  if (control) reveal(control);
  else say(message, explain(problem), "bad");
}

function setBusy(isBusy) {
  // Not `disabled`, which would take the focus away from who has just pressed it.
  setAttribute(button, "aria-disabled", isBusy ? "true" : null);
  setText(button, isBusy ? "Sending …" : "Run");
}

function describeLimits({ queue, time_limit_seconds: seconds, max_attempts: attempts }) {
  const where = queue ? `On the ${queue} queue` : "The queue depends on the parameters";
  const tries = attempts === 1 ? "one attempt" : `up to ${attempts} attempts`;
  return `${where} · at most ${formatLimit(seconds)} · ${tries}`;
}

/** Values that a link to this page brings: `?parameters={"name": …}`. */
function readPrefill() {
  try {
    const value = JSON.parse(new URLSearchParams(location.search).get("parameters"));
    return value && typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

// Going back to this page shows it as it was left: it can be sent again.
window.addEventListener("pageshow", () => setBusy(false));
