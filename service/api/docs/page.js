"use strict";

// The page lies in `docs/` of the service, below whatever prefix a proxy adds.
const service = new URL("..", document.baseURI);
const FORM = "multipart/form-data";

// Files are chosen in forms, so forms come first.
function preferForm(content) {
  const { [FORM]: form, ...others } = content;
  return form ? { [FORM]: form, ...others } : content;
}

// Swagger UI would fill fields with values of its own.
function empty(form) {
  for (const [name, field] of Object.entries(form.properties ?? {})) {
    if (field.format !== "binary" && !form.required?.includes(name)) field.default = "";
    delete field.examples;
  }
}

function adapt(reference) {
  reference.servers = [{ url: service.href.replace(/\/$/, "") }];
  for (const path of Object.values(reference.paths)) {
    for (const { requestBody } of Object.values(path)) {
      if (requestBody) requestBody.content = preferForm(requestBody.content);
    }
  }
  for (const [name, schema] of Object.entries(reference.components.schemas)) {
    if (name.endsWith("Form")) empty(schema);
  }
  return reference;
}

function dropEmpty(request) {
  if (request.body instanceof FormData) {
    for (const [name, value] of [...request.body]) {
      // A file that was not chosen is sent as one without bytes.
      if (value === "" || value.size === 0) request.body.delete(name);
    }
  }
  return request;
}

async function show() {
  const answer = await fetch(new URL("openapi.json", service));
  if (!answer.ok) throw new Error(`openapi.json: ${answer.status}`);
  window.ui = SwaggerUIBundle({
    dom_id: "#reference",
    spec: adapt(await answer.json()),
    deepLinking: true,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    requestInterceptor: dropEmpty,
  });
}

show().catch((error) => {
  document.getElementById("reference").textContent = `The reference cannot be shown: ${error.message}`;
});
