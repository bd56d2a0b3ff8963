// Codex: `codex mcp add`, `codex mcp login`, then its app server lists and calls the tools as its sessions do, without a
// model. ../README.md has the variables; CODEX_HOME must be an empty folder.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const env = process.env;
const here = dirname(fileURLToPath(import.meta.url));
const codex = join(here, "node_modules", ".bin", "codex");
const home = env.CODEX_HOME;

function check(condition, message) {
  if (!condition) throw new Error(message);
}
check(home, "CODEX_HOME is not set");
mkdirSync(home, { recursive: true });
writeFileSync(join(home, "config.toml"), 'mcp_oauth_credentials_store = "file"\ncheck_for_update_on_startup = false\n[analytics]\nenabled = false\n');

function run(...args) {
  return new Promise((resolve, reject) => {
    let output = "";
    const child = spawn(codex, args, { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill(), 90000);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("exit", (code) => {
      clearTimeout(timer);
      console.error(`codex ${args.join(" ")}\n${output}`);
      code === 0 ? resolve(output) : reject(new Error(`codex ${args.join(" ")} exited with ${code}:\n${output}`));
    });
  });
}

/// Codex's app server: JSON-RPC over its standard input and output, one message a line.
class AppServer {
  constructor() {
    this.child = spawn(codex, ["app-server"], { stdio: ["pipe", "pipe", "inherit"] });
    this.waiting = new Map();
    this.next = 0;
    let buffer = "";
    this.child.stdout.on("data", (data) => {
      buffer += data;
      for (let end; (end = buffer.indexOf("\n")) >= 0; buffer = buffer.slice(end + 1)) this.receive(JSON.parse(buffer.slice(0, end)));
    });
    this.child.on("exit", (code) => this.waiting.forEach(({ reject }) => reject(new Error(`the app server exited with ${code}`))));
  }
  receive(message) {
    const waiting = message.method === undefined && this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    message.error ? waiting.reject(new Error(JSON.stringify(message.error))) : waiting.resolve(message.result);
  }
  send(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`);
  }
  call(method, params) {
    const id = ++this.next;
    return new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`${method} was not answered within 60 s`)), 60000).unref();
      this.waiting.set(id, { resolve, reject });
      this.send({ id, method, params });
    });
  }
  async open() {
    await this.call("initialize", { clientInfo: { name: "docent-interop", title: "Docent", version: "1" } });
    this.send({ method: "initialized" });
    const { thread } = await this.call("thread/start", { cwd: home, ephemeral: true });
    this.thread = thread.id;
  }
  async tool(tool, args) {
    const result = await this.call("mcpServer/tool/call", { threadId: this.thread, server: "docent", tool, arguments: args });
    check(!result.isError, `${tool} answered ${JSON.stringify(result)}`);
    return result.content[0].text;
  }
  close() {
    this.child.stdin.end();
    this.child.kill();
  }
}

async function ask() {
  const server = new AppServer();
  try {
    await server.open();
    const { data } = await server.call("mcpServerStatus/list", { threadId: server.thread });
    const docent = data.find((one) => one.name === "docent");
    check(docent, `codex knows no server named docent: ${JSON.stringify(data)}`);
    const tools = Object.keys(docent.tools).sort();
    check(tools.join() === "query-docs,resolve-library-id", `tools are ${tools}: ${JSON.stringify(docent).slice(0, 2000)}`);
    const found = await server.tool("resolve-library-id", { query: env.DOCENT_TEST_QUESTION, libraryName: env.DOCENT_TEST_NAME });
    check(found.includes(env.DOCENT_TEST_LIBRARY), `resolve-library-id answered ${found}`);
    const answer = await server.tool("query-docs", { libraryId: env.DOCENT_TEST_LIBRARY, query: env.DOCENT_TEST_QUESTION });
    check(answer.includes(env.DOCENT_TEST_EXPECT), `query-docs answered ${answer}`);
    return tools;
  } finally {
    server.close();
  }
}

const file = join(home, ".credentials.json");
const stored = () => Object.values(JSON.parse(readFileSync(file, "utf8")));

await run("mcp", "add", "docent", "--url", env.DOCENT_TEST_MCP_URL);
// `mcp add` signs in by itself where it sees that the server wants it.
let credentials;
try {
  credentials = stored();
} catch {
  await run("mcp", "login", "docent");
  credentials = stored();
}
check(credentials.length === 1 && credentials[0].refresh_token, `stored credentials have no refresh token: ${Object.keys(credentials[0] ?? {})}`);
const tools = await ask();

// Codex refreshes when the stored access token has expired.
const all = JSON.parse(readFileSync(file, "utf8"));
for (const one of Object.values(all)) one.expires_at = 1000;
writeFileSync(file, JSON.stringify(all));
await ask();
const [after] = stored();
check(after.refresh_token !== credentials[0].refresh_token, "the refresh token was not rotated");
check(after.access_token !== credentials[0].access_token, "the access token is the same as before");
console.log(`passed: ${(await run("--version")).trim().split("\n").pop()}; ${tools.join(", ")}; refreshed`);
