/** What is around every control: its label, a hint, and the place for what is wrong with it. */

import { create, setAttribute, setText } from "../dom.js";

let count = 0;

/** An id that the page has only once. */
export function makeId(name) {
  count += 1;
  return `${name}-${count}`;
}

/** One control with its label: `{element, fault(text), rename(text)}`. */
export function createShell({ label, isRequired, hint }, control, ...more) {
  control.id = makeId("field");
  const words = createWords(label, isRequired);
  const name = create("label", { for: control.id }, ...words.children);
  const notes = createNotes(hint, control);
  const element = create("div", { class: "field" }, name, control, ...more, ...notes.children);
  return { element, fault: notes.fault, rename: words.rename };
}

/** Several controls that are one field; the first of them is where the focus goes. */
export function createGroup({ label, isRequired, hint }, getControl, ...children) {
  const words = createWords(label, isRequired);
  const name = create("legend", {}, ...words.children);
  const notes = createNotes(hint);
  // A class of its own, as fieldsets do not lay out everywhere what is in them.
  const body = create("div", { class: "group__body" }, ...children, ...notes.children);
  const element = create("fieldset", { class: "field group" }, name, body);
  setAttribute(element, "aria-describedby", notes.ids);
  return { element, body, fault: (text) => notes.fault(text, getControl()), rename: words.rename };
}

/** The place of a hint and a fault, as `{children, ids, fault(text)}`. */
export function createNotes(hint, control = null) {
  const error = create("p", { class: "error", role: "alert", id: makeId("error") });
  const children = hint ? [create("p", { class: "hint", id: makeId("hint") }, hint), error] : [error];
  const ids = children.map(({ id }) => id).join(" ");
  if (control) setAttribute(control, "aria-describedby", ids);
  function fault(text, marked = control) {
    setText(error, text);
    if (marked) setAttribute(marked, "aria-invalid", text ? "true" : null);
    return marked;
  }
  return { children, ids, fault };
}

function createWords(label, isRequired) {
  const text = create("span", {}, label);
  // For the eye; a screen reader is told by the control itself.
  const mark = create("span", { class: "field__mark", "aria-hidden": "true" }, " *");
  return { children: isRequired ? [text, mark] : [text], rename: (words) => setText(text, words) };
}

/** What a field says below itself: the schema's description, and limits that a person should know. */
export function describe(schema, ...more) {
  return [schema.description, ...more].filter(Boolean).join(" · ");
}
