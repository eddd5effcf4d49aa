// Shows a new mail without a reload by hand: asks for the newest mail's id, reloads when it changed.
const shown = document.currentScript.dataset.newest;

async function look() {
  try {
    const health = await (await fetch("/healthz")).json();
    if (health.newest !== shown) location.reload();
  } catch {
    // The catcher is being restarted: ask again.
  }
}

setInterval(() => { if (!document.hidden) look(); }, 2000);
