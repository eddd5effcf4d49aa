/** What is around every control: its label, a hint, and the place for what is wrong with it. */

import { create, setAttribute, setText } from "../dom.js";

let count = 0;

/** An id that the page has only once. */
export function makeId(name) {
  count += 1;
  return `${name}-${count}`;
}

/** One control with its label: `{element, fault(text), rename(text)}`. */
export function createShell({ label, isRequired, hint, isBare }, control, ...more) {
  control.id = makeId("field");
  const words = createWords(label, isRequired && !isBare);
  const name = create("label", { for: control.id, class: isBare ? "visually-hidden" : null }, words.text);
  const notes = createNotes(isBare ? "" : hint, control);
  const element = create(
    "div",
    { class: isShort(control) ? "field field--short" : "field" },
    name,
    control,
    ...more,
    ...notes.children,
  );
  return { element, fault: notes.fault, rename: words.rename };
}

/** Several controls that are one field; the first of them is where the focus goes. */
export function createGroup({ label, isRequired, hint }, getControl, ...children) {
  const words = createWords(label, isRequired);
  const name = create("legend", {}, words.text);
  const notes = createNotes(hint);
  // A class of its own, as fieldsets do not lay out everywhere what is in them.
  const body = create("div", { class: "group__body" }, ...notes.hints, ...children, notes.error);
  const element = create("fieldset", { class: "field group" }, name, body);
  setAttribute(element, "aria-describedby", notes.ids);
  return { element, body, fault: (text) => notes.fault(text, getControl()), rename: words.rename };
}

/** The place of a hint and a fault, as `{children, hints, error, ids, fault(text)}`. */
export function createNotes(hint, control = null) {
  const error = create("p", { class: "error", role: "alert", id: makeId("error") });
  const hints = hint ? [create("p", { class: "hint", id: makeId("hint") }, ...markCode(hint))] : [];
  const children = [...hints, error];
  const ids = children.map(({ id }) => id).join(" ");
  if (control) setAttribute(control, "aria-describedby", ids);
  function fault(text, marked = control) {
    setText(error, text);
    if (marked) setAttribute(marked, "aria-invalid", text ? "true" : null);
    return marked;
  }
  return { children, hints, error, ids, fault };
}

/** What stands between backticks is what a program would be given. */
function markCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? create("code", {}, part) : part));
}

/** Whether two such fields have room beside each other. */
function isShort(control) {
  return control.matches("select, [type=number], [type=date], [type=time], [type=datetime-local]");
}

function createWords(label, isRequired) {
  // The star is the style sheet's; a screen reader is told by the control itself.
  const text = create(
    "span",
    { class: isRequired ? "field__name field__name--asked" : "field__name" },
    label,
  );
  return { text, rename: (words) => setText(text, words) };
}

/** What a field says below itself: the schema's description, and limits that a person should know. */
export function describe(schema, ...more) {
  const text = [schema.description, ...more].filter(Boolean).join(" · ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
