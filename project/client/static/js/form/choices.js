/** Fields of values that are chosen: a truth value, one of several, some of several. */

import { create } from "../dom.js";
import { createGroup, createNotes, createShell, describe, makeId } from "./shell.js";
import { describeCount } from "./texts.js";

/** As many choices are seen at once; more are a list to open. */
const SEEN_CHOICES = 3;

/** Yes or no. One that may stay open has a third choice. */
export function createTruth(spec) {
  if (spec.schema.isNullable) {
    const schema = { ...spec.schema, enum: [true, false] };
    return createChoice({ ...spec, schema });
  }
  const control = create("input", { type: "checkbox", id: makeId("field") });
  control.checked = Boolean(spec.value);
  const text = create("span", {}, spec.label);
  const notes = createNotes(describe(spec.schema), control);
  const element = create(
    "div",
    { class: "field" },
    create("label", { class: "check" }, control, text),
    ...notes.children,
  );
  return {
    element,
    rename: (words) => text.replaceChildren(words),
    fault: (_, words) => notes.fault(words),
    read: () => control.checked,
  };
}

/** One of several: side by side where they are few. */
export function createChoice(spec) {
  const { enum: values } = spec.schema;
  return values.length <= SEEN_CHOICES ? createRadios(spec) : createSelect(spec);
}

/** What is the same in every job. */
export function createFixed({ schema }) {
  return {
    element: create("span", { hidden: "" }),
    fault: () => null,
    rename() {},
    read: () => schema.const,
  };
}

/** Some of several. */
export function createChecks(spec) {
  const { schema, items } = spec;
  const chosen = new Set(spec.value ?? []);
  const options = items.enum.map((value) =>
    createOption("checkbox", makeId("choice"), value, chosen.has(value)),
  );
  const controls = options.map(({ control }) => control);
  const shell = createGroup(
    {
      ...spec,
      isRequired: spec.isRequired && schema.minItems > 0,
      hint: describe(schema, describeCount(schema)),
    },
    () => controls[0],
    create("div", { class: "options" }, ...options.map(({ element }) => element)),
  );
  const list = () => items.enum.filter((_, index) => controls[index].checked);
  const read = () => (list().length || !schema.isNullable ? list() : leaveOut(spec, null));
  function check() {
    const isShort = spec.isRequired && schema.minItems > list().length;
    controls[0].setCustomValidity(isShort ? `Choose at least ${schema.minItems}.` : "");
  }
  shell.element.addEventListener("change", check);
  check();
  return {
    element: shell.element,
    rename: shell.rename,
    fault: (_, text) => shell.fault(text),
    read,
  };
}

function createRadios(spec) {
  const name = makeId("choice");
  const values = spec.isRequired ? spec.schema.enum : withNothing(spec);
  const options = values.map((value) =>
    createOption("radio", name, value, value === (spec.value ?? null)),
  );
  const controls = options.map(({ control }) => control);
  for (const control of controls) control.required = spec.isRequired;
  const shell = createGroup(
    { ...spec, hint: describe(spec.schema) },
    () => controls.find(({ checked }) => checked) ?? controls[0],
    create("div", { class: "options" }, ...options.map(({ element }) => element)),
  );
  return {
    element: shell.element,
    rename: shell.rename,
    fault: (_, text) => shell.fault(text),
    read: () => leaveOut(spec, values[controls.findIndex(({ checked }) => checked)]),
  };
}

/** Nothing is a choice where it would be what comes of choosing nothing. */
function withNothing({ schema }) {
  const hasDefault = schema.default !== undefined && schema.default !== null;
  return hasDefault && !schema.isNullable ? schema.enum : [...schema.enum, null];
}

function createSelect(spec) {
  const control = create("select", { required: spec.isRequired ? "" : null });
  const values = [null, ...spec.schema.enum];
  values.forEach((value, index) => {
    control.append(
      create(
        "option",
        { value: index ? String(index) : "" },
        index ? showValue(value) : "Choose …",
      ),
    );
  });
  const chosen = spec.schema.enum.indexOf(spec.value);
  control.value = chosen < 0 ? "" : String(chosen + 1);
  const shell = createShell({ ...spec, hint: describe(spec.schema) }, control);
  return {
    element: shell.element,
    rename: shell.rename,
    fault: (_, text) => shell.fault(text),
    read: () => leaveOut(spec, values[Number(control.value)]),
  };
}

function createOption(type, name, value, checked) {
  const control = create("input", { type, name });
  control.checked = checked;
  return {
    control,
    element: create("label", { class: "check" }, control, create("span", {}, showValue(value))),
  };
}

function leaveOut({ schema, isSent }, value) {
  if (value !== null && value !== undefined) return value;
  return schema.isNullable && (isSent || schema.default) ? null : undefined;
}

function showValue(value) {
  if (value === null) return "Not set";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  return String(value).replaceAll("_", " ");
}
