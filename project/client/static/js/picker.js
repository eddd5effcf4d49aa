/** The picture field: shows what was chosen, and says early what the server would refuse. */

import { setText } from "./dom.js";
import { formatBytes } from "./format.js";

const EMPTY = { name: "Choose a picture", size: "or drop it here" };

/** A view over the file field: `{check(), clear()}`; `onChange` is called after each choice. */
export function createPicker(parts, maxBytes, onChange) {
  const { input, preview, name, size } = parts;

  input.addEventListener("change", () => {
    show(input.files[0]);
    onChange();
  });
  // What the browser cannot show it does not show; whether it is a picture is the server's to say.
  preview.addEventListener("error", hidePreview);

  function show(file) {
    hidePreview();
    setText(name, file ? file.name : EMPTY.name);
    setText(size, file ? formatBytes(file.size) : EMPTY.size);
    if (file && file.size <= maxBytes && isPicture(input, file)) {
      preview.src = URL.createObjectURL(file);
      preview.hidden = false;
    }
  }

  function hidePreview() {
    if (preview.src) URL.revokeObjectURL(preview.src);
    preview.removeAttribute("src");
    preview.hidden = true;
  }

  return {
    /** What is wrong with the choice; empty where nothing is. */
    check: () => findFault(input, maxBytes),
    clear: () => show(undefined),
  };
}

function findFault(input, maxBytes) {
  const file = input.files[0];
  if (!file) return "Choose a picture.";
  if (!isPicture(input, file)) return "The file is not a picture: choose a JPEG, PNG, GIF or WebP file.";
  if (file.size > maxBytes) {
    return `The file has ${formatBytes(file.size)}; pictures may be at most ${formatBytes(maxBytes)}.`;
  }
  return "";
}

/** By its declared type, which may be missing; its content is the server's to judge. */
function isPicture(input, file) {
  return !file.type || input.accept.split(",").includes(file.type);
}
