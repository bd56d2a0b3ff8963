// Codex: `codex mcp add`, `codex mcp login`, then its app server lists and calls the tools as its sessions do, without a model.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ask, check, checkTools, drive, home, Peer, run, textOf, url } from "../driver.mjs";

const codex = join(dirname(fileURLToPath(import.meta.url)), "node_modules/.bin/codex");
const folder = join(home, "codex-home");
process.env.CODEX_HOME = folder;
const file = join(folder, ".credentials.json");

async function login() {
  if (existsSync(folder)) return run(codex, ["mcp", "login", "docent"]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "config.toml"),
    'mcp_oauth_credentials_store = "file"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n',
  );
  // `mcp add` signs in by itself where it sees that the server wants it.
  await run(codex, ["mcp", "add", "docent", "--url", url]);
  if (!existsSync(file)) await run(codex, ["mcp", "login", "docent"]);
  const stored = Object.values(JSON.parse(readFileSync(file, "utf8")));
  check(stored.length === 1 && stored[0].refresh_token, `stored credentials have no refresh token: ${Object.keys(stored[0] ?? {})}`);
}

async function call() {
  const server = new Peer(codex, ["app-server"]);
  await server.call("initialize", { clientInfo: { name: "docent-interop", title: "Docent", version: "1" } });
  server.send({ method: "initialized" });
  const { thread } = await server.call("thread/start", { cwd: home, ephemeral: true });
  const { data } = await server.call("mcpServerStatus/list", { threadId: thread.id });
  const docent = data.find((one) => one.name === "docent");
  check(docent, `codex knows no server named docent: ${JSON.stringify(data)}`);
  checkTools(Object.keys(docent.tools));
  await ask(async (tool, args) => textOf(await server.call("mcpServer/tool/call", { threadId: thread.id, server: "docent", tool, arguments: args })));
  server.close();
}

/// Codex refreshes when the stored access token has expired.
function expire() {
  const all = JSON.parse(readFileSync(file, "utf8"));
  for (const one of Object.values(all)) one.expires_at = 1000;
  writeFileSync(file, JSON.stringify(all));
}

await drive({ login, call, expire, reset: () => run(codex, ["mcp", "logout", "docent"]) });
