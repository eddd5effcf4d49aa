/** All that came of a job, for its page: facts, pictures, a report, tables, files, or plain JSON. */

import { create, createIcon } from "./dom.js";
import { formatBytes } from "./format.js";
import {
  readFacts,
  readFiles,
  readPictures,
  readReport,
  readSummary,
  readTables,
} from "./result_parts.js";

/** What people do next with a file, by its ending. */
const NEXT = {
  ".skops": { kind: "ml.predict", parameter: "model", words: "Predict with this model" },
};
/** A text of a table that is kept on one line. */
const SHORT = 24;

/** The elements that show a result, one below the other. */
export function showResult(result) {
  const parts = [
    ...some([readSummary(result)].filter(Boolean), ([text]) =>
      create("p", { class: "result__summary" }, text),
    ),
    ...some(readFacts(result), showFacts),
    ...some(readPictures(result), showGallery),
    ...some([readReport(result)].filter(Boolean), ([report]) => showReport(report)),
    ...readTables(result).map(showTable),
    ...some(readFiles(result), showFiles),
  ];
  const json = JSON.stringify(result, null, 2) ?? "null";
  return parts.length ? [...parts, foldJson(json)] : [showJson(json)];
}

function some(items, show) {
  return items.length ? [show(items)] : [];
}

function showGallery(pictures) {
  return create(
    "ul",
    { class: "gallery", role: "list" },
    ...pictures.map(({ url, title, width, height }) => {
      const words = typeof title === "string" ? title : "";
      const image = create("img", {
        src: url,
        alt: words || "Picture",
        loading: "lazy",
        width,
        height,
      });
      return create(
        "li",
        {},
        create(
          "figure",
          {},
          create(
            "a",
            { class: "gallery__frame", href: url, target: "_blank", rel: "noopener" },
            image,
          ),
          create("figcaption", { class: "gallery__title" }, words),
        ),
      );
    }),
  );
}

/** A report's own scripts never run; a browser's viewer of PDF files works in no sandbox. */
function showReport({ url, name, bytes }) {
  const isPdf = url.endsWith(".pdf");
  const title = typeof name === "string" ? name : "Report";
  const head = create(
    "p",
    { class: "result__head" },
    create("strong", {}, title),
    create("a", { href: url, target: "_blank", rel: "noopener" }, "Open in a new tab"),
    download({ url, name: title, bytes }, "Download"),
  );
  if (isPdf && !navigator.pdfViewerEnabled) return create("section", { class: "report" }, head);
  const frame = create("iframe", {
    class: "report__frame",
    src: url,
    title,
    loading: "lazy",
    sandbox: isPdf ? null : "",
  });
  return create("section", { class: "report" }, head, frame);
}

function showFacts(facts) {
  return create(
    "dl",
    { class: "facts" },
    ...facts.map(([name, value]) =>
      create("div", {}, create("dt", {}, name), create("dd", {}, showValue(value))),
    ),
  );
}

function showTable({ title, columns, rows }) {
  const classes = columns.map((_, index) => chooseClass(rows.map((row) => row[index])));
  const cell = (name, value, index, more = {}) =>
    create(name, { ...more, class: classes[index] }, showValue(value));
  const caption = typeof title === "string" ? title : "Table";
  return create(
    "section",
    { class: "table" },
    create("h3", { class: "table__title" }, caption),
    // It can be scrolled, so the keyboard must reach it; a role and a name say what has the focus.
    create(
      "div",
      { class: "table__frame", tabindex: "0", role: "group", "aria-label": caption },
      create(
        "table",
        { "aria-label": caption },
        create(
          "thead",
          {},
          create(
            "tr",
            {},
            ...columns.map((name, index) => cell("th", name, index, { scope: "col" })),
          ),
        ),
        create(
          "tbody",
          {},
          ...rows.map((row) =>
            create("tr", {}, ...columns.map((_, index) => cell("td", row[index], index))),
          ),
        ),
      ),
    ),
  );
}

/** Numbers stand below each other; dates and words are not broken into lines. */
function chooseClass(values) {
  if (values.every((value) => typeof value === "number" || value === null)) return "number";
  return values.every((value) => showValue(value).length <= SHORT) ? "short" : null;
}

function showFiles(files) {
  return create(
    "ul",
    { class: "downloads", role: "list", "aria-label": "Files" },
    ...files.map((file) => create("li", {}, download(file), ...linkNext(file))),
  );
}

/** To the form of the kind that such a file is made for, filled in with it. */
function linkNext({ file, url }) {
  const next = NEXT[url.slice(url.lastIndexOf("."))];
  if (!next || typeof file !== "string") return [];
  const parameters = encodeURIComponent(JSON.stringify({ [next.parameter]: file }));
  const address = `/new/${next.kind}?parameters=${parameters}`;
  return [create("a", { class: "downloads__next", href: address }, next.words)];
}

/** A link that saves the file under the name that the job has given it, `label` or that on its face. */
function download({ url, name, bytes }, label) {
  const words = typeof name === "string" ? name : "File";
  const link = create(
    "a",
    { class: "download", href: url, download: words, "aria-label": `Download ${words}` },
    createIcon("download"),
    create("span", { class: "download__name" }, label ?? words),
  );
  if (Number.isFinite(bytes))
    link.append(create("span", { class: "download__size" }, formatBytes(bytes)));
  return link;
}

function foldJson(json) {
  return create("details", { class: "more" }, create("summary", {}, "As JSON"), showJson(json));
}

function showJson(json) {
  return create(
    "pre",
    { class: "json", tabindex: "0", role: "group", "aria-label": "Result as JSON" },
    json,
  );
}

function showValue(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (typeof value === "number") return value.toLocaleString("en-GB", { maximumFractionDigits: 6 });
  return typeof value === "string" ? value : JSON.stringify(value);
}
