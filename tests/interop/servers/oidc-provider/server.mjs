// oidc-provider with dynamic registration, and an MCP endpoint in front of it that only knows its challenge:
//   node server.mjs PORT
import express from "express";
import { errors, Provider } from "oidc-provider";

const port = Number(process.argv[2]);
const origin = `http://localhost:${port}`;
const resource = `${origin}/mcp`;

const provider = new Provider(origin, {
  clientAuthMethods: ["none", "client_secret_basic", "client_secret_post"],
  features: {
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, indicator) => {
        if (indicator !== resource) throw new errors.InvalidTarget();
        return { scope: "docs", accessTokenFormat: "jwt", audience: resource };
      },
    },
  },
  scopes: ["openid", "offline_access", "docs"],
  pkce: { required: () => true },
});

const app = express();
app.get(["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"], (_, response) => {
  response.json({ resource, authorization_servers: [origin], scopes_supported: ["docs"] });
});
app.get("/.well-known/oauth-authorization-server", (_, response) => response.redirect("/.well-known/openid-configuration"));
app.all("/mcp", (request, response) => {
  const error = request.headers.authorization ? ', error="invalid_token"' : "";
  response
    .status(401)
    .set("WWW-Authenticate", `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="docs"${error}`)
    .json({ error: "unauthorized" });
});
app.use(provider.callback());
app.listen(port, "127.0.0.1", () => console.log("ready"));
