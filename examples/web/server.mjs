// The app's own server: it has a token, and gives each visitor a grant for one upload.
import { readFile } from "node:fs/promises";
import http from "node:http";

const { GATEWAY, LOADLOCK_TOKEN, BUILT, PORT = 5173 } = process.env;
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };

http.createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/grant") {
    const answer = await fetch(new URL("/v1/loadlock/upload-grants", GATEWAY), {
      method: "POST",
      headers: { authorization: `Bearer ${LOADLOCK_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ max_bytes: 10_000_000, media_types: ["text/plain", "image/*"], expires_in: 600 }),
    });
    const grant = await answer.json();
    const endpoint = new URL(grant.tus_url, GATEWAY).href;
    return response.end(JSON.stringify({ max_bytes: grant.max_bytes, endpoint }));
  }
  const name = request.url === "/" ? "index.html" : request.url.slice(1);
  const folder = name === "index.html" ? new URL(".", import.meta.url).pathname : `${BUILT}/`;
  const type = TYPES[/^[a-z]+\.([a-z]+)$/.exec(name)?.[1] ?? ""];
  if (!type) return response.writeHead(404).end();
  response.setHeader("content-type", type);
  response.end(await readFile(folder + name));
}).listen(PORT, () => console.log(`http://localhost:${PORT}`));
