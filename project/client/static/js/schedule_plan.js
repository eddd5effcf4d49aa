/** When a schedule runs, by the clock or at intervals, and what else there is to say of it. */

import { create } from "./dom.js";
import { createForm } from "./form/form.js";
import { createMore } from "./form/structures.js";
import { makeId } from "./form/shell.js";

/** The parts of a schedule, with titles where its names would not do for people. */
const RHYTHMS = [
  { word: "By the clock", asked: "cron", others: ["time_zone"] },
  { word: "At intervals", asked: "every_seconds", others: ["starts_at"] },
];
const TITLES = { every_seconds: "Seconds between two runs", starts_at: "First run" };

/**
 * The fields, made from the API's own description: `{elements, read(), fault(field, text)}`. What
 * was typed of one rhythm stays while the other one is looked at.
 */
export function createPlan(description) {
  const { properties } = findSchema(description);
  const value = { time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone };
  const make = (names, required = []) =>
    createForm(pick(properties, names, required), { root: description, isWhole: true, value });
  const rhythms = RHYTHMS.map(({ asked, others }) => make([asked, ...others], [asked]));
  const title = make(["title"]);
  const rest = make(["overlap", "catch_up", "id"]);
  const choice = createChoice(RHYTHMS.map(({ word }) => word), show);
  const place = create("div", { class: "form" });
  const when = create(
    "fieldset",
    { class: "field group" },
    create("legend", {}, "When"),
    create("div", { class: "group__body" }, choice.element, place),
  );

  /** Only what is asked for is there, so only that can be wrong. */
  function show() {
    place.replaceChildren(rhythms[choice.read()].element);
  }

  show();
  const shown = () => [rhythms[choice.read()], title, rest];
  return {
    elements: [when, title.element, createMore([rest.element], "Overlapping and missed runs, id")],
    read: () => Object.assign({}, ...shown().map((form) => form.read())),
    fault: (field, text) => shown().some((form) => form.fault(field, text)),
  };
}

function createChoice(words, onChange) {
  const name = makeId("rhythm");
  const radios = words.map(() => create("input", { type: "radio", name }));
  const element = create(
    "div",
    { class: "options" },
    ...radios.map((radio, index) =>
      create("label", { class: "check" }, radio, create("span", {}, words[index])),
    ),
  );
  radios[0].checked = true;
  element.addEventListener("change", onChange);
  return { element, read: () => radios.findIndex(({ checked }) => checked) };
}

function pick(properties, names, required) {
  const chosen = names.filter((name) => properties[name]);
  const parts = chosen.map((name) => [name, withTitle(name, properties[name])]);
  return { type: "object", properties: Object.fromEntries(parts), required };
}

function withTitle(name, schema) {
  return TITLES[name] ? { ...schema, title: TITLES[name] } : schema;
}

function findSchema(description) {
  const { content } = description.paths["/api/v1/schedules"].post.requestBody;
  const { schema } = content["application/json"];
  return schema.$ref ? description.components.schemas[schema.$ref.split("/").at(-1)] : schema;
}
