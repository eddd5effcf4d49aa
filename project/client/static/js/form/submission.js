/** Submits a form once, however often its button is pressed and whatever gets lost on the way. */

/**
 * `submit(document)` resolves to what `send(document, key)` does, a call to the server. The same
 * document after a failure has the same key.
 */
export function createSubmitter(send) {
  let last = { text: "", key: "" };
  let running = null;

  async function hand(document) {
    const text = JSON.stringify(document);
    if (text !== last.text) last = { text, key: makeKey() };
    const answer = await send(document, last.key);
    last = { text: "", key: "" }; // who sends it once more wants another one
    return answer;
  }

  return (document) => {
    running ??= hand(document).finally(() => {
      running = null;
    });
    return running;
  };
}

/** Random enough to be nobody else's. `crypto.randomUUID` is there over HTTPS only. */
function makeKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("-");
}
