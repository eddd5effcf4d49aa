/** Shows how news comes in. The words carry it; colour and sign only repeat it. */

import { setAttribute, setText } from "./dom.js";

const STATES = {
  connecting: ["Connecting", "Asking the server how things stand"],
  live: ["Live", "Changes are pushed by the server"],
  polling: ["Polling", "Changes cannot be pushed at the moment: the page asks every 2 seconds"],
  offline: ["Offline", "The server does not answer: what you see may be old; the page tries again"],
};

/** `show(state)` with one of `connecting`, `live`, `polling`, `offline`. */
export function createIndicator(element, text) {
  return {
    show(state) {
      const [word, explanation] = STATES[state];
      setAttribute(element, "data-state", state);
      setAttribute(element, "title", explanation);
      setText(text, word);
    },
  };
}
