// What the drivers of all Node clients share: commands, programs with a time limit, JSON-RPC over a pipe, and the two
// questions that every client asks. README.md has the commands and the variables.
import { spawn } from "node:child_process";

export const env = process.env;
/// Where the client keeps what it keeps: a folder of this client's own.
export const home = env.HOME;
export const url = env.DOCENT_TEST_MCP_URL;

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/// Runs a program to its end; what it printed, or an error that has it.
export function run(program, args, { limit = 90000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    let output = "";
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const timer = setTimeout(() => child.kill("SIGKILL"), limit);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
    child.on("error", reject);
    child.on("exit", (code) => {
      clearTimeout(timer);
      console.error(`$ ${program} ${args.join(" ")}\n${output}`);
      code === 0 ? resolve(output) : reject(new Error(`${program} ${args.join(" ")} exited with ${code}:\n${output}`));
    });
  });
}

/// A program that speaks JSON-RPC over its standard input and output, one message a line.
export class Peer {
  constructor(program, args) {
    this.child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.waiting = new Map();
    this.next = 0;
    let buffer = "";
    this.child.stdout.on("data", (data) => {
      buffer += data;
      for (let end; (end = buffer.indexOf("\n")) >= 0; buffer = buffer.slice(end + 1)) this.receive(JSON.parse(buffer.slice(0, end)));
    });
    this.child.stdin.on("error", () => {});
    this.child.on("exit", (code) => this.waiting.forEach(({ reject }) => reject(new Error(`${program} exited with ${code}`))));
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
      this.send({ jsonrpc: "2.0", id, method, params });
    });
  }
  close() {
    this.child.stdin.end();
    this.child.kill();
  }
}

export function checkTools(names) {
  check([...names].sort().join() === "query-docs,resolve-library-id", `tools are ${names}`);
}

/// Asks the two questions. `tool(name, arguments)` gives the text of the answer, or throws.
export async function ask(tool) {
  const found = await tool("resolve-library-id", { query: env.DOCENT_TEST_QUESTION, libraryName: env.DOCENT_TEST_NAME });
  check(found.includes(env.DOCENT_TEST_LIBRARY), `resolve-library-id answered ${found}`);
  const answer = await tool("query-docs", { libraryId: env.DOCENT_TEST_LIBRARY, query: env.DOCENT_TEST_QUESTION });
  check(answer.includes(env.DOCENT_TEST_EXPECT), `query-docs answered ${answer}`);
}

/// The text of a `tools/call` result.
export function textOf(result) {
  check(!result.isError, `the tool failed: ${JSON.stringify(result)}`);
  return result.content[0].text;
}

/// Does what the first argument says, and ends the process: clients leave timers and sockets behind.
export async function drive(commands) {
  const command = process.argv[2];
  check(commands[command], `usage: ${Object.keys(commands).join(" | ")}`);
  try {
    await commands[command](...process.argv.slice(3));
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
  console.log(`done: ${command}`);
  process.exit(0);
}
