/** Fields that are made of fields: objects, lists, one of several forms. */

import { create } from "../dom.js";
import { chooseField, nameField, simplify } from "./schema.js";
import { createGroup, createShell, describe, makeId } from "./shell.js";
import { describeCount, describeEach } from "./texts.js";

/** With no more than so many fields there is nothing to put away. */
const SEEN_FIELDS = 3;
/** The field around them has said all that there is to say of each. */
const BARE = new Set(["number", "moment"]);

/**
 * The fields of an object, without a frame: `{element, read(), fault(path, text)}`. Those that need
 * not be filled in are put away, unless `isWhole`; but not those before the first that must be:
 * they come first for a reason, as where one of two must be given.
 */
export function createFields(spec) {
  const { schema, context } = spec;
  const asked = new Set(schema.required ?? []);
  const fields = new Map(
    Object.entries(schema.properties).map(([name, part]) => [
      name,
      spec.make(part, { name, isSent: asked.has(name), value: spec.value?.[name] }, context),
    ]),
  );
  const names = [...fields.keys()];
  const start = names.findIndex((name) => asked.has(name));
  const first = names.filter((name, index) => asked.has(name) || index < start);
  const rest = names.filter((name) => !first.includes(name));
  const isSplit = !spec.isWhole && start >= 0 && names.length > SEEN_FIELDS;
  const elements = (some) => some.map((name) => fields.get(name).element);
  const element = create("div", { class: "fields" }, ...elements(isSplit ? first : names));
  if (isSplit && rest.length) element.append(createMore(elements(rest)));

  function read() {
    const values = [...fields].map(([name, field]) => [name, field.read()]);
    return Object.fromEntries(values.filter(([, value]) => value !== undefined));
  }

  return {
    element,
    read,
    fault: ([name, ...path], text) => fields.get(name)?.fault(path, text) ?? null,
  };
}

/** What has a default is out of the way until somebody wants it. */
export function createMore(elements, words = "More options") {
  return create(
    "details",
    { class: "more" },
    create("summary", {}, words),
    create("div", { class: "fields" }, ...elements),
  );
}

/** An object within another one, in a frame with its name. */
export function createGroupOfFields(spec) {
  const inner = createFields(spec);
  const shell = createGroup(
    { ...spec, isRequired: false, hint: describe(spec.schema) },
    () => findControl(inner.element),
    inner.element,
  );
  return {
    element: shell.element,
    rename: shell.rename,
    read: inner.read,
    fault: (path, text) => inner.fault(path, text) ?? shell.fault(text),
  };
}

/** What may be null: made when its box is ticked. */
export function makeOptional(spec, make) {
  const box = create("input", { type: "checkbox", id: makeId("field") });
  const text = create("span", {}, spec.label);
  const element = create("div", { class: "field" }, create("label", { class: "check" }, box, text));
  let inner = null;

  function show() {
    inner?.element.remove();
    inner = box.checked
      ? make({ ...spec, isRequired: true, schema: { ...spec.schema, isNullable: false } })
      : null;
    if (inner) element.append(inner.element);
  }

  box.addEventListener("change", show);
  box.checked = Boolean(spec.value);
  show();
  return {
    element,
    rename: (words) => text.replaceChildren(words),
    read: () => (inner ? inner.read() : spec.isSent || spec.schema.default ? null : undefined),
    fault: (path, words) => inner?.fault(path, words) ?? null,
  };
}

/** A list of anything but lines of text: rows to add and to take away. */
export function createRows(spec) {
  const { schema, context } = spec;
  const { maxItems = Infinity } = schema;
  const minItems = spec.isRequired ? (schema.minItems ?? 0) : 0;
  const rows = [];
  const isBare = BARE.has(chooseField(spec.items, context.root));
  const list = create("ol", { class: "rows", role: "list" });
  const add = create("button", { type: "button", class: "button button--small" }, "Add");
  add.setAttribute("aria-label", `Add to ${spec.label}`);
  const shell = createGroup(
    {
      ...spec,
      isRequired: minItems > 0,
      hint: describe(schema, describeCount(schema), isBare ? describeEach(spec.items) : ""),
    },
    () => findControl(list) ?? add,
    list,
    add,
  );

  function append(value) {
    const field = spec.make(
      schema.items,
      { name: "", label: nameRow(rows.length), isSent: true, value, isBare },
      context,
    );
    const remove = create("button", { type: "button", class: "button button--small" }, "Remove");
    const row = { field, remove, element: create("li", { class: "row" }, field.element, remove) };
    row.element.classList.toggle("row--bare", isBare);
    row.element.classList.toggle("row--tall", field.element.matches("fieldset"));
    remove.addEventListener("click", () => takeAway(row));
    rows.push(row);
    list.append(row.element);
    update();
    return row;
  }

  function takeAway(row) {
    rows.splice(rows.indexOf(row), 1);
    row.element.remove();
    update();
    (rows.at(-1)?.remove ?? add).focus();
  }

  /** The rows are numbered anew; what would break a limit is not offered. */
  function update() {
    rows.forEach(({ field, remove }, index) => {
      field.rename(nameRow(index));
      remove.setAttribute("aria-label", `Remove ${nameRow(index)}`);
      remove.hidden = rows.length <= minItems;
    });
    add.hidden = rows.length >= maxItems;
  }

  function nameRow(index) {
    return `${spec.label} ${index + 1}`;
  }

  add.addEventListener("click", () => findControl(append().element)?.focus());
  for (const value of spec.value ?? []) append(value);
  while (rows.length < minItems) append();
  return {
    element: shell.element,
    rename: shell.rename,
    read: () =>
      rows.length || spec.isSent || spec.value ? rows.map(({ field }) => field.read()) : undefined,
    fault: ([index, ...path], text) =>
      rows[Number(index)]?.field.fault(path, text) ?? shell.fault(text),
  };
}

/** One of several forms: which one, and then its fields. */
export function createVariants(spec) {
  const { variants, discriminator } = spec.schema;
  const control = create("select", {});
  variants.forEach((variant, index) =>
    control.append(create("option", { value: index }, nameVariant(variant))),
  );
  const shell = createShell({ ...spec, hint: describe(spec.schema) }, control);
  const place = create("div", { class: "variant" });
  const element = create("div", { class: "field" }, shell.element, place);
  let inner = null;

  function show(value) {
    const name = control.selectedOptions[0].textContent;
    inner = spec.make(
      variants[Number(control.value)],
      { name: "", label: name, isSent: true, value },
      spec.context,
    );
    place.replaceChildren(inner.element);
  }

  control.addEventListener("change", () => show());
  control.value = String(
    Math.max(
      0,
      variants.findIndex((variant) => fits(variant, spec.value, discriminator)),
    ),
  );
  show(spec.value);
  return {
    element,
    rename: shell.rename,
    read: () => inner.read(),
    // pydantic puts the name of the form that it took into the path.
    fault: ([name, ...path], text) =>
      inner.fault([name, ...path], text) ?? inner.fault(path, text) ?? shell.fault(text),
  };

  function nameVariant(variant) {
    const key = discriminator?.propertyName;
    const word = variant.properties?.[key]?.const ?? variant.title ?? variant.type;
    return nameField(String(word), {});
  }

  function fits(variant, value, { propertyName } = {}) {
    if (value === undefined || value === null) return false;
    if (propertyName)
      return (
        simplify(variant.properties[propertyName], spec.context.root).const === value[propertyName]
      );
    const isList = Array.isArray(value);
    const type = isList ? "array" : typeof value;
    return variant.type === type || (variant.type === "integer" && Number.isInteger(value));
  }
}

function findControl(element) {
  return element.querySelector("input, select, textarea, button");
}
