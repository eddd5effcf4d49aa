/** Does a few things at a time, in their order. */

/** `add(task)` of a queue that runs at most `limit` tasks, which are asynchronous, at once. */
export function createQueue(limit) {
  const waiting = [];
  let running = 0;

  async function next() {
    if (running >= limit || waiting.length === 0) return;
    running += 1;
    await waiting
      .shift()()
      .catch(() => {}); // each tells its own failure
    running -= 1;
    next();
  }

  return (task) => {
    waiting.push(task);
    next();
  };
}
