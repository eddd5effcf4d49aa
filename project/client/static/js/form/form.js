/** The fields of a whole JSON Schema as one part of a page: read it, check it, show what is wrong. */

import { create, setAttribute, setText } from "../dom.js";
import { createField } from "./field.js";
import { createFields } from "./structures.js";
import { simplify } from "./schema.js";

/**
 * The fields of an object's schema: `{element, read(), check(), fault(field, text), clear()}`.
 * `value` is what they hold at first; a file may have `maxBytes`; references lead into
 * `root`; with `isWhole` nothing is put away under "More options".
 */
export function createForm(schema, { value, maxBytes, root = schema, isWhole = false } = {}) {
  const fields = createFields({
    schema: { properties: {}, ...simplify(schema, root) },
    value,
    isWhole,
    make: createField,
    context: { root, maxBytes },
  });
  const element = create("div", { class: "form", "data-form": "" }, fields.element);
  for (const event of ["input", "change", "settled"]) {
    element.addEventListener(event, ({ target }) => forget(target));
  }
  return {
    element,
    read: fields.read,
    check: () => checkControls(element),
    clear: () => clearFaults(element),
    /** Show the sentence at the field of that name, as in `sizes.2`; false where there is none. */
    fault(field, text) {
      const control = fields.fault(field.split("."), text);
      if (control) reveal(control);
      return Boolean(control);
    },
  };
}

/**
 * What the browser itself finds wrong is shown at each field, and the first of them gets the focus.
 * Whether nothing is.
 */
export function checkControls(element) {
  const wrong = [...element.querySelectorAll("input, select, textarea")].filter(
    (control) => !control.validity.valid,
  );
  for (const control of wrong) show(control, control.validationMessage);
  if (wrong.length) reveal(wrong[0]);
  return wrong.length === 0;
}

/** Take back all that was said. */
export function clearFaults(element) {
  for (const error of element.querySelectorAll(".field > .error, .group__body > .error"))
    setText(error, "");
  for (const control of element.querySelectorAll("[aria-invalid]"))
    setAttribute(control, "aria-invalid", null);
}

/** Focus a control, wherever it has been put away. */
export function reveal(control) {
  for (let more = control.closest("details"); more; more = more.parentElement.closest("details")) {
    more.open = true;
  }
  control.focus();
}

function show(control, text) {
  const error = findError(control);
  if (error) setText(error, text);
  setAttribute(control, "aria-invalid", "true");
}

/** What was wrong with a field is no longer said while it is being put right. */
function forget(control) {
  const error = findError(control);
  if (error && control.validity?.valid !== false) setText(error, "");
  setAttribute(control, "aria-invalid", null);
}

function findError(control) {
  return control
    .closest(".field")
    ?.querySelector(":scope > .error, :scope > .group__body > .error");
}
