/** What a result holds to look at, in the form that `project/kinds/result_view.py` defines. Pure. */

const FILES = "/api/v1/files/";
/** More in one page would help nobody; the server keeps tables shorter than this. */
const SHOWN_ROWS = 200;

/** A sentence on what came of the job; empty where there is none. */
export function readSummary(result) {
  return typeof result?.summary === "string" ? result.summary : "";
}

/** Pictures with `url`, `title`, `width` and `height`; thumbnails are pictures, too. */
export function readPictures(result) {
  const found = list(result?.pictures).filter(isFile);
  if (found.length) return found;
  return list(result?.thumbnails)
    .filter(isFile)
    .map((picture) => ({ ...picture, title: `${picture.width} × ${picture.height} pixels` }));
}

/** Pairs of a name and a text, number or truth value. */
export function readFacts(result) {
  const { facts } = result ?? {};
  if (!facts || typeof facts !== "object" || Array.isArray(facts)) return [];
  return Object.entries(facts).filter(([, value]) => typeof value !== "object" || value === null);
}

/** The report, HTML or PDF; null where there is none. */
export function readReport(result) {
  return result?.report && isFile(result.report) ? result.report : null;
}

/** Tables with `title`, `columns` and `rows`. */
export function readTables(result) {
  return list(result?.tables)
    .filter((table) => Array.isArray(table?.columns) && Array.isArray(table.rows))
    .map((table) => ({ ...table, rows: table.rows.filter(Array.isArray).slice(0, SHOWN_ROWS) }));
}

/** Files to download. */
export function readFiles(result) {
  return list(result?.files).filter(isFile);
}

/** Whether it is a file of ours: whatever a result says, no link leads elsewhere. */
export function isFile(part) {
  return typeof part?.url === "string" && part.url.startsWith(FILES);
}

function list(value) {
  return Array.isArray(value) ? value : [];
}
