// The official TypeScript SDK: discovery to refresh. ../README.md has the variables.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const env = process.env;
const url = new URL(env.DOCENT_TEST_MCP_URL);

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/// A loopback listener on a free port, as a program on somebody's machine has one.
async function listenForCallback() {
  let resolve;
  const answer = new Promise((r) => (resolve = r));
  const server = createServer((request, response) => {
    const parsed = new URL(request.url, "http://localhost");
    if (parsed.pathname !== "/callback") return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/plain", connection: "close" }).end("You can close this page.");
    resolve(parsed.searchParams);
  });
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  return { redirectUrl: `http://localhost:${server.address().port}/callback`, answer, close: () => server.close() };
}

class Provider {
  constructor(redirectUrl) {
    this.redirectUrl = redirectUrl;
    this.clientMetadata = {
      client_name: "TypeScript SDK",
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
    this.expectedState = crypto.randomUUID();
  }
  state() { return this.expectedState; }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.saved; }
  saveTokens(tokens) { this.saved = tokens; this.count = (this.count ?? 0) + 1; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  redirectToAuthorization(authorizationUrl) {
    this.browser = new Promise((resolve, reject) => {
      const child = spawn(env.BROWSER, [authorizationUrl.href], { stdio: "inherit" });
      child.on("error", reject);
      child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the browser exited with ${code}`))));
    });
    this.browser.catch(() => {});
  }
}

const callback = await listenForCallback();
const provider = new Provider(callback.redirectUrl);
const connect = async () => {
  const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
  const client = new Client({ name: "docent-interop", version: "1" });
  await client.connect(transport);
  return client;
};

let refused;
const first = new StreamableHTTPClientTransport(url, { authProvider: provider });
try {
  await new Client({ name: "docent-interop", version: "1" }).connect(first);
} catch (error) {
  if (!(error instanceof UnauthorizedError)) throw error;
  refused = true;
}
check(refused, "the server let an unknown client in");
const parameters = await Promise.race([callback.answer, provider.browser.then(() => callback.answer)]);
await provider.browser;
callback.close();
check(parameters.get("error") === null, `authorization failed: ${parameters}`);
check(parameters.get("state") === provider.expectedState, "state came back changed");
check(parameters.get("iss"), "the response carries no iss (RFC 9207)");
await first.finishAuth(parameters.get("code"));
check(provider.saved?.refresh_token, "no refresh token was given");

const client = await connect();
const { tools } = await client.listTools();
const names = tools.map((tool) => tool.name).sort();
check(names.join() === "query-docs,resolve-library-id", `tools are ${names}`);

async function ask(caller) {
  const found = await caller.callTool({
    name: "resolve-library-id",
    arguments: { query: env.DOCENT_TEST_QUESTION, libraryName: env.DOCENT_TEST_NAME },
  });
  check(!found.isError && found.content[0].text.includes(env.DOCENT_TEST_LIBRARY), `resolve-library-id answered ${JSON.stringify(found)}`);
  const answer = await caller.callTool({
    name: "query-docs",
    arguments: { libraryId: env.DOCENT_TEST_LIBRARY, query: env.DOCENT_TEST_QUESTION },
  });
  check(!answer.isError && answer.content[0].text.includes(env.DOCENT_TEST_EXPECT), `query-docs answered ${JSON.stringify(answer)}`);
}
await ask(client);

// The SDK refreshes when it is told 401: an access token that nobody issued makes the server say so.
const before = provider.saved;
const given = provider.count;
provider.saved = { ...before, access_token: "not-a-token" };
await ask(client);
check(provider.count === given + 1, `tokens were saved ${provider.count - given} times, not once`);
check(provider.saved.refresh_token && provider.saved.refresh_token !== before.refresh_token, "the refresh token was not rotated");
await client.close();
console.log(`passed: ${names.join(", ")}; scope ${provider.saved.scope}; refreshed once`);
