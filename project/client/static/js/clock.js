/**
 * The server's time, without trust in this machine's clock.
 *
 * A time that the server has written lies in its past, so each one seen is a lower bound of its
 * present; the largest bound is off by no more than the fastest delivery took. `performance.now()`
 * carries it on: it is steady, whatever happens to the machine's clock.
 */

let offset = -Infinity;

/** Note a time (milliseconds since 1970) that the server has written; NaN is ignored. */
export function observe(time) {
  if (!Number.isNaN(time)) offset = Math.max(offset, time - performance.now());
}

/** The server's time now, in milliseconds since 1970. */
export function now() {
  return offset === -Infinity ? Date.now() : performance.now() + offset;
}
