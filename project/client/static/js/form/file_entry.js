/** One file in the list of a field: its name, a small picture, how far it is, what is wrong. */

import { create, createIcon, setText } from "../dom.js";

/**
 * A view of one file: `{element, remove, show(share), end(text), fail(text)}`. `words` say what is
 * known of it at first, `picture` is the address of one to show, or null.
 */
export function createEntry(name, words, picture) {
  const size = create("span", { class: "file__size" }, words);
  const bar = create("progress", {
    class: "bar",
    max: "1",
    value: "0",
    hidden: "",
    "aria-label": `Upload of ${name}`,
  });
  const error = create("p", { class: "error", role: "alert" });
  const remove = create(
    "button",
    { type: "button", class: "button button--small", "aria-label": `Remove ${name}` },
    "Remove",
  );
  const frame = create("span", { class: "file__frame" }, createIcon("file"));
  if (picture) showPicture(frame, picture);
  const element = create(
    "li",
    { class: "file" },
    frame,
    create(
      "div",
      { class: "file__body" },
      create("span", { class: "file__name" }, name),
      size,
      bar,
      error,
    ),
    remove,
  );
  return {
    element,
    remove,
    show(share) {
      setText(error, "");
      bar.hidden = false;
      bar.value = share;
      setText(
        size,
        share < 1 ? `${words} · ${Math.floor(share * 100)} %` : `${words} · being checked`,
      );
    },
    end(text) {
      bar.hidden = true;
      setText(size, text);
    },
    fail(text) {
      bar.hidden = true;
      setText(size, words);
      setText(error, text);
    },
  };
}

/** What the browser cannot show it does not show. */
function showPicture(frame, address) {
  const image = create("img", { alt: "", src: address });
  image.addEventListener("load", () => frame.replaceChildren(image));
  for (const event of ["load", "error"])
    image.addEventListener(event, () => URL.revokeObjectURL(address));
}
