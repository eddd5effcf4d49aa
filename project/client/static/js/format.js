/** Numbers and times as people read them. Pure. */

const DAY_MINUTES = 24 * 60;

/** A duration: "42 ms", "3.2 s", "48 s", "1 min 05 s", "2 h 03 min". */
export function formatDuration(milliseconds) {
  const rounded = Math.max(0, milliseconds);
  if (rounded < 99.5) return `${Math.round(rounded)} ms`;
  if (rounded < 9950) return `${(rounded / 1000).toFixed(1)} s`;
  return formatSeconds(Math.round(rounded / 1000));
}

/** A duration that is still growing, in whole seconds. */
export function formatElapsed(milliseconds) {
  return formatSeconds(Math.floor(Math.max(0, milliseconds) / 1000));
}

/** A limit of whole seconds: "90 s", "2 min", "1 h 10 min", "7 days". */
export function formatLimit(seconds) {
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes >= 2 * DAY_MINUTES && minutes % DAY_MINUTES === 0)
    return `${minutes / DAY_MINUTES} days`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

function formatSeconds(seconds) {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

/** A file's size: "812 B", "61 KiB", "9.8 MiB", "2 GiB". */
export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KiB`;
  if (bytes < 1024 ** 3) return `${Number((bytes / 1024 ** 2).toFixed(1))} MiB`;
  return `${Number((bytes / 1024 ** 3).toFixed(1))} GiB`;
}

/** The time of day in this browser's own manner; with the date, or its year, where not this one's. */
export function formatMoment(text) {
  const moment = new Date(text);
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = new Date();
  if (moment.toDateString() === today.toDateString()) return time;
  const year = moment.getFullYear() === today.getFullYear() ? undefined : "numeric";
  const date = moment.toLocaleDateString([], { day: "numeric", month: "short", year });
  return `${date}, ${time}`;
}

/** A job's result as short text. */
export function formatResult(result) {
  if (result === null || result === undefined) return "";
  if (typeof result !== "object" || Array.isArray(result)) return JSON.stringify(result);
  return Object.entries(result)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
