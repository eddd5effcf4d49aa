/** Fields of one value that is typed: text, long text, numbers, dates, JSON, one text a line. */

import { create } from "../dom.js";
import { createShell, describe, makeId } from "./shell.js";

const TYPES = { email: "email", uri: "url", password: "password" };
/** What is meant by a field from which a default was taken out. A number is never nothing. */
const EMPTY = { string: () => "", array: () => [], object: () => ({}) };
/** A longer example is scrolled. */
const MOST_LINES = 22;
const MOMENTS = { date: "date", time: "time", "date-time": "datetime-local" };

/** A line of text, an email address, a URL. */
export function createText(spec) {
  const { schema } = spec;
  const control = create("input", {
    type: TYPES[schema.format] ?? "text",
    ...bounds(spec),
    maxlength: schema.maxLength,
    spellcheck: schema.format in TYPES ? "false" : null,
    autocomplete: "off",
  });
  control.value = spec.value ?? "";
  if (schema.format !== "time-zone") return createTyped(spec, control, (text) => text);
  const zones = create("datalist", { id: makeId("zones") }, ...listZones());
  control.setAttribute("list", zones.id);
  return createTyped(spec, control, (text) => text, zones);
}

function listZones() {
  const names = ["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])];
  return [...new Set(names)].map((value) => create("option", { value }));
}

/** Several lines of text. */
export function createLongText(spec) {
  const control = create("textarea", {
    ...bounds(spec),
    rows: "5",
    maxlength: spec.schema.maxLength,
  });
  control.value = spec.value ?? "";
  return createTyped(spec, control, (text) => text);
}

/** A number, whole or not. */
export function createNumber(spec) {
  const { schema } = spec;
  const isWhole = schema.type === "integer";
  const over =
    isWhole && schema.exclusiveMinimum !== undefined
      ? schema.exclusiveMinimum + 1
      : schema.exclusiveMinimum;
  const under =
    isWhole && schema.exclusiveMaximum !== undefined
      ? schema.exclusiveMaximum - 1
      : schema.exclusiveMaximum;
  const [min, max] = [schema.minimum ?? over, schema.maximum ?? under];
  const control = create("input", {
    type: "number",
    ...bounds(spec),
    min,
    max,
    step: schema.multipleOf ?? (isWhole ? "1" : "any"),
    inputmode: isWhole ? "numeric" : "decimal",
  });
  control.value = spec.value ?? "";
  return createTyped({ ...spec, hint: describe(schema, describeRange(min, max)) }, control, Number);
}

/** A date, a time of day, or both. */
export function createMoment(spec) {
  const type = MOMENTS[spec.schema.format];
  const control = create("input", { type, ...bounds(spec) });
  control.value = spec.value ? asLocal(spec.value, type) : "";
  return createTyped(spec, control, (text) =>
    type === "datetime-local" ? new Date(text).toISOString() : text,
  );
}

/** Anything that has no field of its own, as JSON. What must be given begins with its example. */
export function createJson(spec) {
  const isObject = spec.schema.type === "object";
  const isList = spec.schema.type === "array";
  const given = spec.schema.examples?.find((one) => typeof one === "object");
  const example = given ? asText(given) : isObject ? '{"name": "value"}' : isList ? '["value"]' : '"value"';
  const control = create("textarea", {
    ...bounds(spec),
    rows: String(Math.min(MOST_LINES, Math.max(4, example.split("\n").length))),
    class: "code",
    spellcheck: "false",
  });
  control.placeholder ||= example;
  if (!isEmpty(spec.value)) control.value = asText(spec.value);
  else if (spec.isRequired && given) control.value = example;
  control.addEventListener("input", () => {
    control.setCustomValidity(findJsonFault(control.value, isObject, isList));
  });
  return createTyped({ ...spec, hint: describe(spec.schema, "As JSON") }, control, JSON.parse);
}

function asText(value) {
  return JSON.stringify(value, null, 2);
}

/** A list of texts, one a line; what the server says of one of them names its line. */
export function createLines(spec) {
  const isRequired = spec.isRequired && spec.schema.minItems > 0;
  const control = create("textarea", {
    ...bounds({ ...spec, isRequired }),
    rows: "3",
    spellcheck: "false",
  });
  const example = spec.schema.examples?.find(Array.isArray);
  if (example) control.placeholder = example.join("\n");
  control.value = (spec.value ?? []).join("\n");
  const field = createTyped(
    {
      ...spec,
      isRequired,
      hint: describe(spec.schema, "One per line", describeCount(spec.schema)),
    },
    control,
    splitLines,
  );
  function fault(path, text) {
    if (!path.length) return field.fault(path, text);
    const number = Number(path[0]);
    field.fault([], `${splitLines(control.value)[number] ?? `Line ${number + 1}`}: ${text}`);
    return control;
  }
  const read = () => (spec.isSent && control.value === "" ? [] : field.read());
  return { ...field, read, fault };
}

/** At the most so many, as a person says it. */
export function describeCount({ minItems, maxItems }) {
  if (minItems && maxItems)
    return minItems === maxItems ? `${minItems} of them` : `${minItems} to ${maxItems}`;
  if (maxItems) return `At most ${maxItems}`;
  return minItems > 1 ? `At least ${minItems}` : "";
}

/** What holds for each of a list of numbers. */
export function describeEach({ minimum, maximum }) {
  const range = describeRange(minimum, maximum);
  return range && `each ${range.toLowerCase()}`;
}

function describeRange(min, max) {
  if (min !== undefined && max !== undefined) return `${min} to ${max}`;
  if (max !== undefined) return `At most ${max}`;
  return min > 0 ? `At least ${min}` : "";
}

function bounds({ schema, isRequired }) {
  const example = schema.examples?.find((one) => typeof one !== "object");
  return {
    required: isRequired ? "" : null,
    minlength: schema.minLength,
    placeholder: example ?? null,
  };
}

/** The field of a control whose text `parse` makes a value. */
function createTyped(spec, control, parse, ...more) {
  const hint = spec.hint ?? describe(spec.schema);
  const shell = createShell({ ...spec, hint }, control, ...more);
  return {
    element: shell.element,
    rename: shell.rename,
    fault: (_, text) => shell.fault(text),
    read: () => (control.value === "" ? readEmpty(spec) : parse(control.value)),
  };
}

/** What an empty field says: nothing, unless that would mean a default that was taken out. */
export function readEmpty({ schema, isSent }) {
  if (isSent) return schema.isNullable ? null : "";
  if (schema.isNullable) return isEmpty(schema.default) ? undefined : null;
  if (isEmpty(schema.default)) return undefined;
  return EMPTY[schema.type]?.();
}

function isEmpty(value) {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function splitLines(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}

function findJsonFault(text, isObject, isList) {
  if (text.trim() === "") return "";
  try {
    const value = JSON.parse(text);
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isObject && !isMap) return 'Write a JSON object, as in {"name": "value"}.';
    if (isList && !Array.isArray(value)) return 'Write a JSON list, as in ["value"].';
    return "";
  } catch (error) {
    return `This is not valid JSON: ${error.message}.`;
  }
}

/** A time of the schema in the words of the control, which knows no offset. */
function asLocal(value, type) {
  if (type !== "datetime-local") return value;
  const moment = new Date(value);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
