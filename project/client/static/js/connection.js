/** Shows how news comes in. The words carry it; colour and sign only repeat it. */

import { setAttribute, setText } from "./dom.js";

const STATES = {
  connecting: ["Connecting", "Loading the current state from the server"],
  live: ["Live", "Changes are pushed by the server"],
  polling: ["Polling", "The server cannot push changes now, so the page asks every 2 seconds"],
  offline: ["Offline", "The server does not answer. The page may be outdated, and tries again"],
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
