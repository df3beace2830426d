// In the browser: no token, only a grant for one upload, which the app's own server asks for.
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import Tus from "@uppy/tus";
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";

const grant = await (await fetch("/grant", { method: "POST" })).json();

new Uppy({ restrictions: { maxNumberOfFiles: 1, maxFileSize: grant.max_bytes } })
  .use(Dashboard, { inline: true, target: "#uppy" })
  .use(Tus, { endpoint: grant.endpoint, removeFingerprintOnSuccess: true });
