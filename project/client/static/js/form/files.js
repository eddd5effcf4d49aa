/** Fields of files: chosen or dropped, sent at once, each with its progress and a small picture. */

import { sendFile } from "../api.js";
import { create, createIcon } from "../dom.js";
import { formatBytes } from "../format.js";
import { createEntry } from "./file_entry.js";
import { createIdEntry } from "./file_id.js";
import { createQueue } from "./queue.js";
import { createGroup, describe } from "./shell.js";
import { describeCount } from "./texts.js";
import { describeTypes, isAccepted, isMadeOnly, listAccepted } from "./types.js";

/** More at once would only wait for each other. */
const AT_ONCE = 3;

/** One file. */
export function createFile(spec) {
  const chooser = createChooser(spec, spec.schema.accept ?? [], 1, spec.value ? [spec.value] : []);
  return {
    ...chooser.field,
    read: () => chooser.list()[0] ?? (spec.isSent && spec.schema.isNullable ? null : undefined),
    fault: (path, text) => chooser.fault(path.length ? path : ["0"], text),
  };
}

/** Any number of files. */
export function createFiles(spec) {
  const chooser = createChooser(
    spec,
    spec.items.accept ?? [],
    spec.schema.maxItems ?? Infinity,
    spec.value ?? [],
  );
  return {
    ...chooser.field,
    read: () => (chooser.list().length || spec.isSent ? chooser.list() : undefined),
    fault: chooser.fault,
  };
}

function createChooser(spec, accept, most, ids) {
  const isMany = most > 1;
  const { maxBytes } = spec.context;
  const least = spec.isRequired ? (isMany ? (spec.schema.minItems ?? 0) : 1) : 0;
  const control = create("input", {
    type: "file",
    accept: listAccepted(accept) || null,
    multiple: isMany ? "" : null,
    "aria-required": least > 0 ? "true" : null,
  });
  control.setAttribute("aria-label", spec.label);
  const face = createFace(isMany);
  const list = create("ul", {
    class: "files",
    role: "list",
    "aria-label": `Files of ${spec.label}`,
  });
  const hint = describe(
    spec.schema,
    describeTypes(accept),
    maxBytes && `up to ${formatBytes(maxBytes)}`,
    isMany && describeCount(spec.schema),
  );
  const shell = createGroup(
    { ...spec, isRequired: least > 0 },
    () => control,
    create("div", { class: "picker" }, control, face),
    create("p", { class: "hint" }, hint),
    list,
    createIdEntry(spec, isMadeOnly(accept), (id) => append(createKept(id))),
  );
  const queue = createQueue(AT_ONCE);
  let entries = [];

  control.addEventListener("change", () => {
    const chosen = [...control.files];
    control.value = ""; // so that the same file can be chosen again
    for (const file of isMany ? chosen : chosen.slice(0, 1)) append(createSent(file));
  });

  function append(entry) {
    if (!isMany) entries.forEach(drop);
    shell.fault("");
    entries.push(entry);
    list.append(entry.element);
    entry.remove.addEventListener("click", () => {
      drop(entry);
      control.focus();
    });
    entry.begin?.();
    check();
  }

  function drop(entry) {
    entries = entries.filter((one) => one !== entry);
    entry.stop?.();
    entry.element.remove();
    check();
  }

  /** The browser's own way to hold a form back, with our words. */
  function check() {
    control.setCustomValidity(findFault());
    control.dispatchEvent(new CustomEvent("settled", { bubbles: true }));
  }

  function findFault() {
    if (entries.some((entry) => entry.state === "sending")) return "Wait until the file is sent.";
    if (entries.some((entry) => entry.state === "bad"))
      return "Remove the file that was not accepted, or send it again.";
    if (entries.length > most) return `Choose at most ${most} files.`;
    if (entries.length < least)
      return least > 1 ? `Choose at least ${least} files.` : "Choose a file.";
    return "";
  }

  /** A file that is sent from here. */
  function createSent(file) {
    const view = createEntry(
      file.name,
      formatBytes(file.size),
      file.type.startsWith("image/") ? URL.createObjectURL(file) : null,
    );
    const again = create(
      "button",
      { type: "button", class: "button button--small", hidden: "" },
      "Send again",
    );
    again.setAttribute("aria-label", `Send ${file.name} again`);
    view.remove.before(again);
    const canceller = new AbortController();
    const entry = { ...view, state: "sending", stop: () => canceller.abort(), begin };
    again.addEventListener("click", begin);

    function begin() {
      if (maxBytes && file.size > maxBytes) {
        fail(`Files may be at most ${formatBytes(maxBytes)}.`);
        return;
      }
      entry.state = "sending";
      again.hidden = true;
      view.show(0);
      check();
      queue(send);
    }

    async function send() {
      if (canceller.signal.aborted) return;
      try {
        take(await sendFile(file, view.show, canceller.signal));
      } catch (problem) {
        if (canceller.signal.aborted) return;
        fail(problem.message);
        again.hidden = false;
      }
    }

    function take(answer) {
      if (!isAccepted(accept, answer.content_type)) {
        fail(`This is ${answer.type}: choose ${describeTypes(accept)}.`);
        return;
      }
      Object.assign(entry, { state: "there", id: answer.file });
      view.end(`${answer.type} · ${formatBytes(answer.bytes)}`);
      check();
    }

    function fail(text) {
      entry.state = "bad";
      view.fail(text);
      check();
    }

    return entry;
  }

  const field = { element: shell.element, rename: shell.rename };
  function fault([index, ...rest], text) {
    const entry = entries[Number(index)];
    if (!entry || rest.length) return shell.fault(text);
    entry.fail(text);
    return control;
  }
  for (const id of ids) append(createKept(id));
  check();
  return { field, fault, list: () => entries.filter(({ id }) => id).map(({ id }) => id) };
}

/** A file that the server has already. */
function createKept(id) {
  const view = createEntry(id, "Sent before", null);
  view.end("Sent before");
  return { ...view, state: "there", id };
}

function createFace(isMany) {
  return create(
    "div",
    { class: "picker__face picker__face--low", "aria-hidden": "true" },
    createIcon("upload"),
    create(
      "span",
      { class: "picker__words" },
      create("span", { class: "picker__name" }, isMany ? "Choose files" : "Choose a file"),
      create("span", { class: "picker__size" }, "or drop here"),
    ),
  );
}
