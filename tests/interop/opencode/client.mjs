// opencode: `opencode mcp auth`, then a session with a model of ours (model.mjs) that calls the tools.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { check, drive, env, home, run, url } from "../driver.mjs";
import { startModel } from "./model.mjs";

const opencode = join(dirname(fileURLToPath(import.meta.url)), "node_modules/opencode-linux-x64/bin/opencode");
const folder = join(home, "project");
const file = join(home, ".local/share/opencode/mcp-auth.json");
// It takes the folder from $PWD.
const inFolder = { cwd: folder, env: { ...env, PWD: folder, OPENCODE_DISABLE_AUTOUPDATE: "true", OPENCODE_DISABLE_LSP_DOWNLOAD: "true" } };

/// What a person writes: the server. It is there from the first login on.
function configure() {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "opencode.json"), JSON.stringify({ mcp: { docent: { type: "remote", url } } }));
}

/// The rest is for this process alone: its model listens on a port of its own.
function withModel(baseURL) {
  const models = { stub: { name: "Stub", tool_call: true } };
  const provider = { stub: { npm: "@ai-sdk/openai-compatible", name: "Stub", options: { baseURL, apiKey: "none" }, models } };
  const settings = { share: "disabled", model: "stub/stub", small_model: "stub/stub", enabled_providers: ["stub"], provider };
  return { ...inFolder, env: { ...inFolder.env, OPENCODE_CONFIG_CONTENT: JSON.stringify(settings) } };
}

async function login() {
  configure();
  await run(opencode, ["mcp", "auth", "docent"], inFolder);
  const stored = JSON.parse(readFileSync(file, "utf8")).docent;
  check(stored?.tokens?.refreshToken, `no refresh token is stored: ${Object.keys(stored?.tokens ?? {})}`);
}

/// Several processes that start in one moment can be in each other's way at opencode's own database, which it says and ends.
async function ask(options) {
  for (let tries = 3; ; tries--) {
    try {
      return await run(opencode, ["run", "--format", "json", env.DOCENT_TEST_QUESTION], options);
    } catch (error) {
      if (tries === 1 || !String(error).includes("database is locked")) throw error;
    }
  }
}

async function call() {
  const options = withModel(await startModel());
  const output = await ask(options);
  const events = output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  const used = events.filter((event) => event.type === "tool_use").map((event) => event.part);
  check(used.map((part) => part.tool).join() === "docent_resolve-library-id,docent_query-docs", `tools used: ${JSON.stringify(used)}`);
  check(used.every((part) => part.state.status === "completed"), JSON.stringify(used));
  check(used[0].state.output.includes(env.DOCENT_TEST_LIBRARY) && used[1].state.output.includes(env.DOCENT_TEST_EXPECT), JSON.stringify(used));
}

function expire() {
  const all = JSON.parse(readFileSync(file, "utf8"));
  Object.assign(all.docent.tokens, { accessToken: "not-a-token", expiresAt: 1000 });
  writeFileSync(file, JSON.stringify(all));
}

await drive({ login, call, expire, reset: () => run(opencode, ["mcp", "logout", "docent"], inFolder) });
