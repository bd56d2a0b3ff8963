// The official TypeScript SDK, with the small host around it that its documentation asks for.
//
//   client.mjs COMMAND MAJOR      MAJOR is 1 (@modelcontextprotocol/sdk) or 2 (@modelcontextprotocol/client, in both eras)
import { spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { ask, check, checkTools, drive, env, home, textOf, url } from "../driver.mjs";

const major = process.argv[3];
const sdk =
  major === "1"
    ? {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/auth.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      }
    : await import("@modelcontextprotocol/client");
const file = join(home, "sdk.json");
const load = () => (existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {});

/// In one step: another process may be reading.
function change(changes) {
  writeFileSync(`${file}.${process.pid}`, JSON.stringify({ ...load(), ...changes }));
  renameSync(`${file}.${process.pid}`, file);
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
      client_name: `TypeScript SDK ${major}.x`,
      redirect_uris: [redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
    this.clientMetadataUrl = env.DOCENT_TEST_METADATA_URL;
    this.expectedState = crypto.randomUUID();
  }
  state() { return this.expectedState; }
  clientInformation() { return load().client; }
  saveClientInformation(client) { change({ client }); }
  tokens() { return load().tokens; }
  saveTokens(tokens) { change({ tokens }); }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  /// What the SDK asks for when the server says `invalid_client` or `invalid_grant`.
  invalidateCredentials(scope) {
    if (scope === "all" || scope === "client") change({ client: undefined });
    if (scope === "all" || scope === "tokens") change({ tokens: undefined });
  }
  redirectToAuthorization(authorizationUrl) {
    this.browser = new Promise((resolve, reject) => {
      const child = spawn(env.BROWSER, [authorizationUrl.href], { stdio: "inherit" });
      child.on("error", reject);
      child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the browser exited with ${code}`))));
    });
    this.browser.catch(() => {});
  }
}

/// A connected client; signs in where the SDK says that it is needed.
async function connect(mode) {
  const callback = await listenForCallback();
  const provider = new Provider(callback.redirectUrl);
  const client = () => new sdk.Client({ name: "docent-interop", version: "1" }, mode ? { versionNegotiation: { mode } } : {});
  const transport = () => new sdk.StreamableHTTPClientTransport(new URL(url), { authProvider: provider });
  const [first, via] = [client(), transport()];
  try {
    await first.connect(via);
    callback.close();
    return first;
  } catch (error) {
    if (!(error instanceof sdk.UnauthorizedError)) throw error;
  }
  const parameters = await Promise.race([callback.answer, provider.browser.then(() => callback.answer)]);
  await provider.browser;
  callback.close();
  check(parameters.get("error") === null, `authorization failed: ${parameters}`);
  check(parameters.get("state") === provider.expectedState, "state came back changed");
  check(parameters.get("iss"), "the response carries no iss (RFC 9207)");
  await via.finishAuth(major === "1" ? parameters.get("code") : parameters);
  const second = client();
  await second.connect(transport());
  return second;
}

async function login() {
  await (await connect()).close();
  check(load().tokens?.refresh_token, "no refresh token was given");
}

async function call() {
  for (const mode of major === "1" ? [undefined] : [{ pin: "2026-07-28" }, "legacy"]) {
    const client = await connect(mode);
    checkTools((await client.listTools()).tools.map((tool) => tool.name));
    await ask(async (name, args) => textOf(await client.callTool({ name, arguments: args })));
    await client.close();
  }
}

/// The SDK refreshes when it is told 401: an access token that nobody issued makes the server say so.
function expire() {
  change({ tokens: { ...load().tokens, access_token: "not-a-token" } });
}

await drive({ login, call, expire, reset: () => rmSync(file) });
