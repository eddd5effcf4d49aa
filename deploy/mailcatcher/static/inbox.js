// Shows new mail automatically: polls the newest mail's id, and reloads the page when it changes.
const shown = document.currentScript.dataset.newest;

async function look() {
  try {
    const health = await (await fetch("/healthz")).json();
    if (health.newest !== shown) location.reload();
  } catch {
    // The catcher is restarting: try again later.
  }
}

setInterval(() => { if (!document.hidden) look(); }, 2000);
