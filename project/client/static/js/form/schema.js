/** JSON Schema, as pydantic writes it, made plain enough to choose a field by. Pure. */

/** A text that may be longer than this gets several lines. */
const ONE_LINE = 200;
/** Of a list of texts each is still a line where it may be no longer, as a file's name. */
const MOST_OF_A_LINE = 255;
const ACRONYMS = {
  html: "HTML",
  url: "URL",
  urls: "URLs",
  id: "ID",
  csv: "CSV",
  pdf: "PDF",
  json: "JSON",
};

/**
 * The schema with references followed and "or null" taken out: `isNullable` says that it was there.
 * Where it is one of several forms, `variants` has them.
 */
export function simplify(schema, root) {
  const { $ref, anyOf, oneOf, allOf, ...own } = schema;
  if ($ref) return { ...simplify(follow($ref, root), root), ...own };
  if (allOf) return { ...Object.assign({}, ...allOf.map((part) => simplify(part, root))), ...own };
  const forms = anyOf ?? oneOf;
  if (!forms) return own;
  const isNullable = forms.some(isNull);
  const variants = merge(forms.filter((form) => !isNull(form)).map((form) => simplify(form, root)));
  return variants.length === 1
    ? { ...variants[0], ...own, isNullable }
    : { ...own, isNullable, variants };
}

/** Which field a simplified schema needs: a name of `MAKERS`. */
export function chooseField(schema, root) {
  if (schema.variants) return "variants";
  if ("const" in schema) return "fixed";
  if (schema.enum) return "choice";
  switch (schema.type) {
    case "boolean":
      return "truth";
    case "integer":
    case "number":
      return "number";
    case "string":
      return chooseText(schema);
    case "array":
      return chooseList(schema, root);
    case "object":
      return schema.properties ? "group" : "json";
    default:
      return "json";
  }
}

function chooseText({ format, maxLength }) {
  if (format === "file") return "file";
  if (["date", "date-time", "time"].includes(format)) return "moment";
  return maxLength > ONE_LINE && format !== "uri" && format !== "email" ? "longText" : "text";
}

function chooseList({ items, prefixItems }, root) {
  if (!items || prefixItems || typeof items !== "object") return "json";
  const item = simplify(items, root);
  if (item.enum) return "checks";
  const field = chooseField(item, root);
  if (field === "file") return "files";
  if (field === "json") return "json";
  return field === "text" || item.maxLength <= MOST_OF_A_LINE ? "lines" : "rows";
}

/** The words for a field: the title that somebody gave it, else its name as words. */
export function nameField(name, schema) {
  const { title } = schema;
  return title && squeeze(title) !== squeeze(name) ? title : asWords(name);
}

function asWords(name) {
  const words = name
    .split(/[_\s]+/)
    .filter(Boolean)
    .map((word) => ACRONYMS[word.toLowerCase()] ?? word);
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function squeeze(text) {
  return text.toLowerCase().replace(/[_\s]/g, "");
}

/** A JSON pointer into the same document, as in `#/$defs/Name`. */
function follow(reference, root) {
  const names = reference.split("/").slice(1).map(decodeURIComponent);
  return names.reduce((place, name) => place?.[name], root) ?? {};
}

function isNull(schema) {
  return schema.type === "null";
}

/** Forms that one field can take are one: choices together, and a number that may come as text. */
function merge(forms) {
  if (forms.length > 1 && forms.every((form) => form.enum || "const" in form)) {
    return [{ enum: forms.flatMap((form) => form.enum ?? [form.const]) }];
  }
  const number =
    forms.find((form) => form.type === "number") ?? forms.find((form) => form.type === "integer");
  const isNumeric =
    number &&
    forms.every(
      (form) =>
        form === number || form.type === "integer" || (form.type === "string" && form.pattern),
    );
  return isNumeric ? [number] : forms;
}
