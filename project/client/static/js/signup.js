/** The sign-up form: hints before it is sent, the server's word beside the field after. */

import { signUp } from "./api.js";
import { setAttribute, setText } from "./dom.js";
import { explain, hush, say } from "./messages.js";
import { createPicker } from "./picker.js";

/** An upload smaller than this is over before its progress could be read. */
const WORTH_SHOWING_BYTES = 512 * 1024;

/** Install the form; `onSignedUp(signup)` is called once both jobs are with the broker. */
export function installSignup(form, onSignedUp) {
  const find = (id) => form.querySelector(`#${id}`);
  const fields = { picture: find("picture"), email: find("email") };
  const [button, progress, message] = [find("signup-button"), find("signup-progress"),
    find("signup-message")];
  const picker = createPicker(
    { input: fields.picture, preview: find("picture-preview"), name: find("picture-name"),
      size: find("picture-size") },
    Number(form.dataset.maxUploadBytes),
    () => setFault("picture", fields.picture.files.length ? picker.check() : ""),
  );
  let isBusy = false;

  fields.email.addEventListener("input", () => setFault("email", ""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!isBusy && check()) send();
  });

  /** Whether the form can be sent; if not, each fault is shown and the first gets the focus. */
  function check() {
    const faults = { picture: picker.check(), email: checkEmail(fields.email) };
    hush(message);
    for (const [name, text] of Object.entries(faults)) setFault(name, text);
    const first = Object.keys(faults).find((name) => faults[name]);
    if (first) fields[first].focus();
    return !first;
  }

  async function send() {
    const sent = read();
    setBusy(true);
    try {
      const signup = await signUp(new FormData(form), (share) => { progress.value = share; });
      clear(sent);
      say(message, `Signed up. A mail to ${signup.email} is on its way.`, "good");
      await onSignedUp(signup);
    } catch (problem) {
      refuse(problem);
    } finally {
      setBusy(false);
    }
  }

  /** Say what the server said, where it belongs. What was typed and chosen stays. */
  function refuse(problem) {
    const field = problem.status === 413 ? "picture" : problem.field;
    if (!Object.hasOwn(fields, field ?? "")) {
      say(message, explain(problem), "bad");
      return;
    }
    setFault(field, problem.message);
    fields[field].focus();
  }

  function setFault(name, text) {
    setText(find(`${name}-error`), text);
    setAttribute(fields[name], "aria-invalid", text ? "true" : null);
  }

  function setBusy(busy) {
    isBusy = busy;
    // Not `disabled`, which would take the focus away from who has just pressed it.
    setAttribute(button, "aria-disabled", busy ? "true" : null);
    setText(button, busy ? "Sending …" : "Sign up");
    progress.value = 0;
    progress.hidden = !busy || (fields.picture.files[0]?.size ?? 0) < WORTH_SHOWING_BYTES;
  }

  function read() {
    return { email: fields.email.value, file: fields.picture.files[0] };
  }

  /** Empty the form, unless it holds the next person's sign-up by now. */
  function clear(sent) {
    const { email, file } = read();
    if (email !== sent.email || file !== sent.file) return;
    form.reset();
    picker.clear();
  }
}

function checkEmail(input) {
  if (input.validity.valueMissing) return "Enter your email address.";
  if (!input.validity.valid) return "Enter a valid email address, like name@example.org.";
  return "";
}
