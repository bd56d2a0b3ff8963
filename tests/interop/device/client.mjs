// openid-client as a machine without a browser (RFC 8628): registration, codes, polling, a call, a refresh; with its person in headless
// Chromium, who types the code, follows the link that carries it with nothing but the keyboard, and says no. ../README.md has the variables.
import { spawn } from "node:child_process";
import { join } from "node:path";
import * as oauth from "openid-client";

const env = process.env;
const resource = new URL(env.DOCENT_TEST_MCP_URL);

function check(condition, message) {
  if (!condition) throw new Error(message);
}

/// A person with the browser: resolves when they decided.
function person(name, url, code, more) {
  return new Promise((resolve, reject) => {
    const script = join(import.meta.dirname, "../../browser/device.mjs");
    const child = spawn(process.execPath, [script, url, code], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...env, ...more, DOCENT_TEST_OUT: join(env.DOCENT_TEST_OUT, name) },
    });
    child.on("error", reject);
    child.on("exit", (status) => (status === 0 ? resolve() : reject(new Error(`the browser exited with ${status}`))));
  });
}

const protectedResource = await (await fetch(new URL("/.well-known/oauth-protected-resource/mcp", resource))).json();
const issuer = new URL(protectedResource.authorization_servers[0]);
const insecure = { algorithm: "oauth2", execute: [oauth.allowInsecureRequests] };
const registered = await oauth.dynamicClientRegistration(
  issuer,
  {
    client_name: "openid-client",
    grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    response_types: [],
    token_endpoint_auth_method: "none",
  },
  oauth.None(),
  insecure,
);
const config = await oauth.discovery(issuer, registered.clientMetadata().client_id, undefined, oauth.None(), insecure);

async function connect(name, address, more, asked = {}, polled = {}) {
  const device = await oauth.initiateDeviceAuthorization(config, { resource: resource.href, ...asked });
  const decided = person(name, device[address], device.user_code, more);
  decided.catch(() => {});
  const [tokens] = await Promise.all([oauth.pollDeviceAuthorizationGrant(config, device, polled), decided]);
  check(tokens.access_token && tokens.refresh_token, `tokens are ${Object.keys(tokens)}`);
  return tokens;
}

async function call(token) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });
  const headers = new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-06-18" });
  const answer = await oauth.fetchProtectedResource(config, token, resource, "POST", body, headers);
  const text = await answer.text();
  check(answer.status === 200 && text.includes("query-docs"), `tools/list: ${answer.status} ${text}`);
}

// The person types the code.
const typed = await connect("typed", "verification_uri", {});
await call(typed.access_token);
const refreshed = await oauth.refreshTokenGrant(config, typed.refresh_token);
check(refreshed.refresh_token && refreshed.refresh_token !== typed.refresh_token, "the refresh token was not rotated");
await call(refreshed.access_token);

// The person follows the link that carries the code, with the keyboard alone; the device holds a verifier.
const code_verifier = oauth.randomPKCECodeVerifier();
const challenge = { code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier), code_challenge_method: "S256" };
const linked = await connect("linked", "verification_uri_complete", { DOCENT_TEST_KEYBOARD: "1" }, challenge, { code_verifier });
await call(linked.access_token);

// The person says no.
let refused;
try {
  await connect("denied", "verification_uri_complete", { DOCENT_TEST_DECISION: "deny" });
} catch (error) {
  refused = error.error;
}
check(refused === "access_denied", `a denial came as ${refused}`);
console.log("passed: typed, linked with the keyboard, denied; refreshed once");
