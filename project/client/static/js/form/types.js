/** Content types of files, in words and for the browser's file chooser. Pure. */

const MADE = "application/octet-stream";
const TYPES = {
  "image/jpeg": { word: "JPEG", suffix: ".jpg" },
  "image/png": { word: "PNG", suffix: ".png" },
  "image/gif": { word: "GIF", suffix: ".gif" },
  "image/webp": { word: "WebP", suffix: ".webp" },
  "image/avif": { word: "AVIF", suffix: ".avif" },
  "image/svg+xml": { word: "SVG", suffix: ".svg" },
  "application/pdf": { word: "PDF", suffix: ".pdf" },
  "text/html": { word: "HTML", suffix: ".html" },
  "text/csv": { word: "CSV", suffix: ".csv" },
  "text/plain": { word: "text", suffix: ".txt" },
  "application/json": { word: "JSON", suffix: ".json" },
  "application/xml": { word: "XML", suffix: ".xml" },
  "application/vnd.apache.parquet": { word: "Parquet", suffix: ".parquet" },
  [MADE]: { word: "a file that a job has made" },
};

/** "JPEG, PNG or WebP"; empty where any file is taken. */
export function describeTypes(accept) {
  const order = Object.keys(TYPES); // the best known first
  const words = [...accept]
    .sort((a, b) => order.indexOf(a) - order.indexOf(b))
    .map((type) => TYPES[type]?.word ?? type);
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** For the attribute `accept`: also the suffixes, as systems know few of these types. */
export function listAccepted(accept) {
  const known = accept.filter((type) => type !== MADE);
  return known.flatMap((type) => [type, TYPES[type]?.suffix ?? []].flat()).join(",");
}

/** Whether only what a job has made is taken, which nobody has at hand to send. */
export function isMadeOnly(accept) {
  return accept.length > 0 && accept.every((type) => type === MADE);
}

/** Whether a file of that content type is taken. */
export function isAccepted(accept, contentType) {
  return accept.length === 0 || accept.includes(contentType.split(";")[0].trim());
}
