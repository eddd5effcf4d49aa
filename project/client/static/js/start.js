/*
 * Loads the page's modules. One that cannot be fetched (the network changed in that moment, as it
 * does when containers start beside the browser) leaves a page that looks ready and is dead: so the
 * page is loaded again, and after three tries it says that it is not ready. No module itself.
 */
(() => {
  const KEY = "failed-loads";
  const TRIES = 3;
  const PAUSE_MS = 1000;

  const script = document.createElement("script");
  script.type = "module";
  script.src = document.currentScript.dataset.main;
  script.addEventListener("load", () => sessionStorage.removeItem(KEY));
  script.addEventListener("error", tryAgain);
  document.head.append(script);

  function tryAgain() {
    const failed = Number(sessionStorage.getItem(KEY)) + 1;
    if (failed <= TRIES) {
      sessionStorage.setItem(KEY, failed);
      setTimeout(() => location.reload(), PAUSE_MS);
      return;
    }
    sessionStorage.removeItem(KEY); // whoever reloads by hand gets as many tries again
    const sign = document.getElementById("connection");
    if (sign) sign.dataset.state = "offline";
    document.querySelector("#connection-text, #run-message").textContent = "Not loaded: reload the page";
  }
})();
