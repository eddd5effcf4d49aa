/** Swagger UI on our own description, light or dark as the rest of the page. */

const { description } = document.currentScript.dataset;
const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dark.addEventListener("change", follow);
follow();

window.SwaggerUIBundle({
  url: description,
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Without these it would ask a host of its own whether the description is valid.
  validatorUrl: null,
  queryConfigEnabled: false,
});
