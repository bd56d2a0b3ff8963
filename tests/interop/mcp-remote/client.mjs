// mcp-remote, as the clients that only know local servers start it: a program that speaks MCP over its pipe.
//
//   client.mjs COMMAND PACKAGE      PACKAGE is mcp-remote or mcp-remote-0.1.38
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, check, checkTools, drive, env, home, Peer, textOf, url } from "../driver.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(home, ".mcp-auth");

async function connect(name) {
  const document = env.DOCENT_TEST_METADATA_URL ? ["--client-metadata-url", env.DOCENT_TEST_METADATA_URL] : [];
  const peer = new Peer(process.execPath, [join(here, "node_modules", name, "dist/proxy.js"), url, ...document]);
  await peer.call("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "docent-interop", version: "1" } });
  peer.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  checkTools((await peer.call("tools/list", {})).tools.map((tool) => tool.name));
  return peer;
}

async function login(name) {
  (await connect(name)).close();
}

async function call(name) {
  const peer = await connect(name);
  await ask(async (tool, args) => textOf(await peer.call("tools/call", { name: tool, arguments: args })));
  peer.close();
}

function expire() {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith("_tokens.json"));
  check(files.length === 1, `token files are ${files}`);
  const file = join(folder, files[0]);
  const tokens = JSON.parse(readFileSync(file, "utf8"));
  check(tokens.refresh_token, "no refresh token is stored");
  writeFileSync(file, JSON.stringify({ ...tokens, access_token: "not-a-token", ...(tokens.expires_at && { expires_at: 1000 }) }));
}

await drive({ login, call, expire, reset: () => rmSync(folder, { recursive: true }) });
