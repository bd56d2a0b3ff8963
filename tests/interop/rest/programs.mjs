// Published programs for Context7's REST API, unmodified, against a Docent: node programs.mjs ORIGIN KEY LIBRARY-NAME LIBRARY-ID QUESTION
// Prints one JSON object with what each was answered.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import path from "node:path";

const [origin, key, name, id, question] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const said = {};

// The SDK has one address built in. What a name leads to is the network's business: here it leads to the server that is tried.
const real = globalThis.fetch;
globalThis.fetch = (url, options) => real(String(url).replace("https://context7.com", origin), options);
const { Context7 } = await import("@upstash/context7-sdk");
const sdk = new Context7({ apiKey: key });
said.sdk = {
  search: await sdk.searchLibrary(question, name),
  searchText: await sdk.searchLibrary(question, name, { type: "txt" }),
  context: await sdk.getContext(question, id),
  contextText: await sdk.getContext(question, id, { type: "txt" }),
  wrongLibrary: await sdk.getContext(question, "/no/such").catch((error) => String(error)),
};
globalThis.fetch = real;

const environment = { ...process.env, CONTEXT7_API_KEY: key, CTX7_TELEMETRY_DISABLED: "1", NO_COLOR: "1", CI: "1" };
const run = (file, args) =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (err += data));
    child.on("close", (code) => resolve({ code, out, err }));
  });
const ctx7 = path.join(here, "node_modules/ctx7/dist/index.js");
said.ctx7 = {
  library: await run(ctx7, ["--base-url", origin, "library", name, question, "--json"]),
  docs: await run(ctx7, ["--base-url", origin, "docs", id, question]),
};

const mcp = spawn(process.execPath, [path.join(here, "../servers/context7/node_modules/@upstash/context7-mcp/dist/index.js")], {
  env: { ...environment, CONTEXT7_API_URL: `${origin}/api` },
  stdio: ["pipe", "pipe", "ignore"],
});
const answers = new Map();
createInterface({ input: mcp.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  answers.get(message.id)?.(message);
});
let next = 0;
const ask = (method, params) =>
  new Promise((resolve) => {
    next += 1;
    answers.set(next, resolve);
    mcp.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: next, method, params })}\n`);
  });
await ask("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } });
mcp.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
const call = async (tool, args) => (await ask("tools/call", { name: tool, arguments: args })).result;
said.mcp = {
  resolve: await call("resolve-library-id", { query: question, libraryName: name }),
  query: await call("query-docs", { libraryId: id, query: question }),
};
mcp.kill();
console.log(JSON.stringify(said));
process.exit(0);
