/** Calls to the server. Every failure is a `Problem` with a sentence for people. */

import { observe } from "./clock.js";

const TIMEOUT_MS = 10_000;
const NO_CONTENT = 204;

/** An answer that is none of what was asked for, or no answer at all (status 0). */
export class Problem extends Error {
  constructor({ status = 0, detail, field = null, retryAfter = null }) {
    super(detail);
    this.name = "Problem";
    this.status = status;
    /** Name of the form field it is about, if any. */
    this.field = field;
    /** Seconds after which another try makes sense, if the server said so. */
    this.retryAfter = retryAfter;
  }
}

/** This browser's newest jobs. */
export async function listJobs(limit) {
  return (await request(`/api/v1/jobs?owner=me&limit=${limit}`)).jobs;
}

/** This browser's sign-ups. */
export async function listSignups() {
  return (await request("/api/v1/signups")).signups;
}

/** One job. */
export function getJob(id) {
  return request(jobAddress(id));
}

/** A job with all its descendants: `{root_id, jobs, counts}`. */
export function getTree(id) {
  return request(`${jobAddress(id)}/tree`);
}

/** What can be run. */
export async function listKinds() {
  return (await request("/api/v1/kinds")).kinds;
}

/** Submit a job; a repeated call with the same key and document returns the same job. */
export function submitJob(submission, key) {
  return post("/api/v1/jobs", submission, { "Idempotency-Key": key });
}

/** What runs by itself, and when. */
export async function listSchedules() {
  return (await request("/api/v1/schedules")).schedules;
}

/** Make a schedule; resolves to it. */
export function createSchedule(schedule, key) {
  return post("/api/v1/schedules", schedule, { "Idempotency-Key": key });
}

/** Do `pause`, `resume` or `run` with a schedule. */
export function changeSchedule(id, verb) {
  return request(`/api/v1/schedules/${encodeURIComponent(id)}/${verb}`, { method: "POST" });
}

/** A schedule runs no more; its jobs stay. */
export function deleteSchedule(id) {
  return request(`/api/v1/schedules/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** The API's own description (OpenAPI). */
export function getDescription() {
  return request("/openapi.json");
}

/** Run an ended job again; resolves to the new job. */
export function rerunJob(id) {
  return request(`${jobAddress(id)}/rerun`, { method: "POST" });
}

/** Start the tutorial's job; resolves to its id once the broker has it. */
export async function startTask(type) {
  return (await post("/tasks", { type })).task_id;
}

/** Keep a job from starting, or ask it to stop; resolves to the job. */
export function cancelJob(id) {
  return request(`${jobAddress(id)}/cancel`, { method: "POST" });
}

/** Send the form. `onProgress` gets the share that is sent, 0 to 1. */
export function signUp(form, onProgress) {
  return upload("/api/v1/signups", form, {}, onProgress);
}

/** Send a file for the parameters of a job: `{file, type, content_type, bytes, url}`. */
export function sendFile(file, onProgress, signal) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  return upload("/api/v1/files", file, headers, onProgress, signal);
}

function jobAddress(id) {
  return `/api/v1/jobs/${encodeURIComponent(id)}`;
}

function post(path, document, headers = {}) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(document),
  });
}

/** A request that tells how much of it is sent, which `fetch` could not. It takes its time. */
function upload(path, body, headers, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", path);
    for (const [name, value] of Object.entries({ Accept: "application/json", ...headers })) {
      call.setRequestHeader(name, value);
    }
    signal?.addEventListener("abort", () => call.abort());
    call.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    call.addEventListener("error", () => reject(unanswered()));
    call.addEventListener("load", () => {
      observe(Date.parse(call.getResponseHeader("Date")));
      const body = parse(call.responseText);
      if (call.status < 300 && body) resolve(body);
      else reject(describe(call.status, body, call.getResponseHeader("Retry-After")));
    });
    call.addEventListener("abort", () => reject(unanswered()));
    call.send(body);
  });
}

async function request(path, options = {}) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let answer, text;
  try {
    const headers = { Accept: "application/json", ...options.headers };
    answer = await fetch(path, { ...options, headers, signal, cache: "no-store" });
    text = await answer.text();
  } catch {
    throw unanswered();
  }
  observe(Date.parse(answer.headers.get("Date")));
  const body = parse(text);
  if (answer.ok && (body || answer.status === NO_CONTENT)) return body;
  throw describe(answer.status, body, answer.headers.get("Retry-After"));
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page, say
  }
}

function unanswered() {
  return new Problem({ detail: "The server does not answer." });
}

function describe(status, body, retryAfter) {
  return new Problem({
    status,
    detail: body?.detail ?? `The server answered ${status}, which this page does not understand.`,
    field: body?.field ?? null,
    retryAfter: retryAfter === null ? null : Number.parseInt(retryAfter, 10) || null,
  });
}
