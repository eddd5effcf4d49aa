/**
 * A field for each part of a JSON Schema.
 *
 * Every field is `{element, read(), fault(path, text), rename(label)}`: `read` answers its value,
 * undefined where it is to be left out; `fault` shows a sentence beside the control that the path
 * (names and places, as in `sizes.2`) leads to, and answers that control.
 */

import { createChecks, createChoice, createFixed, createTruth } from "./choices.js";
import { createFile, createFiles } from "./files.js";
import { chooseField, nameField, simplify } from "./schema.js";
import { createGroupOfFields, createRows, createVariants, makeOptional } from "./structures.js";
import {
  createJson,
  createLines,
  createLongText,
  createMoment,
  createNumber,
  createText,
} from "./texts.js";

const MAKERS = {
  text: createText,
  longText: createLongText,
  number: createNumber,
  moment: createMoment,
  json: createJson,
  lines: createLines,
  truth: createTruth,
  choice: createChoice,
  fixed: createFixed,
  checks: createChecks,
  file: createFile,
  files: createFiles,
  group: createGroupOfFields,
  rows: createRows,
  variants: createVariants,
};
/** Too large, or without end, to be made before somebody wants it. */
const ON_DEMAND = new Set(["group", "variants", "rows"]);

/**
 * The field for a schema. `name` is the parameter's, `isSent` whether it must be in the answer,
 * `value` what it holds at first, `isBare` that its label and hint are seen elsewhere, `context`
 * `{root, maxBytes}`: the whole schema, and how large a file may be.
 */
export function createField(written, { name, label, isSent, value, isBare }, context) {
  const schema = simplify(written, context.root);
  const form = chooseField(schema, context.root);
  const spec = {
    schema,
    isSent,
    isBare,
    context,
    label: label ?? nameField(name, written),
    isRequired: isSent && !schema.isNullable,
    value: value === undefined ? schema.default : value,
    items: schema.items && simplify(schema.items, context.root),
    make: createField,
  };
  const isOnDemand = schema.isNullable && ON_DEMAND.has(form);
  return isOnDemand ? makeOptional(spec, MAKERS[form]) : MAKERS[form](spec);
}
