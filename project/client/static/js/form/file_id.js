/** For what a job has made: the id of a file instead of the file. */

import { create, setAttribute } from "../dom.js";

const ID = /^[0-9a-f]{32}\.[a-z]{3,7}$/;

/** Closed until somebody needs it; `onId(id)` is told each id. An address of a file does as well. */
export function createIdEntry(spec, isOpen, onId) {
  const control = create("input", {
    type: "text",
    class: "id-entry__text",
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": `Id of a file for ${spec.label}`,
    placeholder: "Id of a file that a job has made",
  });
  const button = create("button", { type: "button", class: "button button--small" }, "Use it");
  function take() {
    const id = control.value.trim().split("/").at(-1);
    if (!ID.test(id)) {
      setAttribute(control, "aria-invalid", "true");
      return;
    }
    setAttribute(control, "aria-invalid", null);
    control.value = "";
    onId(id);
  }
  button.addEventListener("click", take);
  control.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // it would send the form
    take();
  });
  return create(
    "details",
    { class: "id-entry", open: isOpen ? "" : null },
    create("summary", {}, "Use a file that a job has made"),
    create("div", { class: "id-entry__body" }, control, button),
  );
}
