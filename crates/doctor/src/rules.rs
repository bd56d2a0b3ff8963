//! The rules that an examination can find broken: what is wrong, where it is written, and what to do about it.

/// How bad it is to break a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// A known client cannot connect, or the server is unsafe.
    Error,
    /// A rule is broken; some client or some day stumbles over it.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name in the report.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What is wrong when it is broken.
    pub title: &'static str,
    /// Docent's own rule of it (RS: resource server, AS: authorization server).
    pub rule: &'static str,
    /// Where it is written.
    pub section: &'static str,
    /// What the server's author does about it.
    pub remedy: &'static str,
}

const fn rule(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    rule: &'static str,
    section: &'static str,
    remedy: &'static str,
) -> Rule {
    Rule { id, severity, title, rule, section, remedy }
}

use Severity::{Error, Note, Warning};

/// Every rule, in the order of a connection.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    rule("not-401", Error, "A request without a token is not answered with 401", "RS2", "MCP authorization; RFC 6750 3.1",
        "Answer every request without a token with 401 and a WWW-Authenticate challenge. Clients begin to authorize only then."),
    rule("challenge-missing", Error, "The 401 has no WWW-Authenticate: Bearer challenge", "RS2", "RFC 6750 3; RFC 9728 5.1",
        "Send WWW-Authenticate: Bearer resource_metadata=\"https://…/.well-known/oauth-protected-resource/…\" with the 401."),
    rule("challenge-without-resource-metadata", Note, "The challenge does not name the resource metadata", "RS2", "RFC 9728 5.1",
        "Add resource_metadata=\"…\" to the challenge, so that clients need not guess."),
    rule("challenge-error-without-token", Warning, "The challenge has an error although no token was sent", "RS2", "RFC 6750 3.1",
        "Leave error and error_description out when the request had no token: clients take it for a refused token."),
    rule("challenge-not-on-every-method", Warning, "Some methods are not answered with 401 and the challenge", "RS2", "MCP authorization",
        "Check the token before the method and the body: clients make their first contact with GET, HEAD or an empty POST."),
    rule("bad-token-accepted", Error, "A token that was made up is accepted", "RS3", "RFC 6750 3.1; MCP authorization",
        "Verify every token: its signature or its introspection, its issuer and its audience."),
    rule("bad-token-not-401", Error, "A bad token is not answered with 401 and error=\"invalid_token\"", "RS3", "RFC 6750 3.1",
        "Answer 401 with error=\"invalid_token\": only then does a client refresh."),
    rule("resource-metadata-missing", Error, "There is no protected resource metadata", "RS1", "RFC 9728 3; MCP authorization",
        "Serve /.well-known/oauth-protected-resource followed by the endpoint's path, and name it in the challenge."),
    rule("resource-metadata-path-form-missing", Warning, "The resource metadata is not at its path form", "RS1", "RFC 9728 3.1",
        "Serve it at /.well-known/oauth-protected-resource followed by the endpoint's path too: some clients go straight there."),
    rule("resource-metadata-root-form-missing", Note, "The resource metadata is not at the root form", "RS1", "MCP authorization",
        "Serve it at /.well-known/oauth-protected-resource as well, if the origin has one MCP endpoint: older clients look only there."),
    rule("metadata-not-json", Error, "A well-known path answers 200 with something that is no JSON object", "RS1", "RFC 9728 3.2; RFC 8414 3.2",
        "Answer well-known paths with JSON, and those that are not yours with 404: a page in their place breaks clients that probe."),
    rule("metadata-content-type", Warning, "A metadata document is not sent as application/json", "RS1", "RFC 9728 3.2; RFC 8414 3.2",
        "Send Content-Type: application/json."),
    rule("well-known-error-status", Error, "A well-known path answers with 5xx or 429", "RS1", "RFC 9728 3; RFC 8414 3",
        "Answer well-known paths that are not yours with 404, and never limit their rate: some clients give up at anything else."),
    rule("resource-mismatch", Error, "The metadata's resource is not the endpoint's URL", "RS1", "RFC 9728 3.3",
        "Make resource the exact URL that people give to their client, without a slash at the end. Behind a proxy, use the outer URL."),
    rule("authorization-servers-missing", Error, "The resource metadata names no authorization server", "RS1", "RFC 9728 2; MCP authorization",
        "List the issuer in authorization_servers."),
    rule("resource-scopes-offline-access", Warning, "The resource asks for offline_access", "RS1", "MCP authorization",
        "List in scopes_supported and in the challenge what the resource needs; offline_access is between client and authorization server."),
    rule("issuer-metadata-missing", Error, "The authorization server has no metadata", "AS1", "RFC 8414 3; MCP authorization",
        "Serve /.well-known/oauth-authorization-server, followed by the issuer's path if it has one."),
    rule("issuer-path-form-missing", Warning, "The metadata is not where RFC 8414 puts it for an issuer with a path", "AS1", "RFC 8414 3.1",
        "Serve /.well-known/oauth-authorization-server followed by the issuer's path."),
    rule("issuer-mismatch", Error, "The metadata's issuer is not the one that the resource names", "AS1", "RFC 8414 3.3",
        "Write the issuer in the same bytes everywhere: authorization_servers, issuer, iss. Mind the slash at the end, http and https."),
    rule("issuer-forms-differ", Warning, "The metadata documents of the issuer say different things", "AS1", "RFC 8414 3; OpenID Connect Discovery 4",
        "Serve the same issuer and endpoints at every well-known path: clients read different ones."),
    rule("issuer-metadata-incomplete", Error, "The issuer's metadata lacks a field that clients need", "AS1", "RFC 8414 2",
        "Give issuer, authorization_endpoint, token_endpoint and response_types_supported."),
    rule("origin-metadata-missing", Warning, "The origin of the MCP endpoint has no issuer metadata", "AS22", "MCP 2025-03-26 authorization",
        "Serve the issuer's metadata at /.well-known/oauth-authorization-server of the MCP origin too, for clients of that revision."),
    rule("s256-not-advertised", Error, "S256 is not advertised", "AS1", "MCP authorization; RFC 8414 2",
        "Set code_challenge_methods_supported to [\"S256\"]: clients must refuse a server that does not."),
    rule("plain-advertised", Warning, "PKCE by plain is advertised", "AS2", "RFC 9700 2.1.1",
        "Offer S256 alone: plain protects nothing when the authorization request is seen."),
    rule("none-not-advertised", Warning, "Public clients are registered, and `none` is not advertised", "AS1", "RFC 8414 2",
        "Add none to token_endpoint_auth_methods_supported, first in the list."),
    rule("none-not-first", Note, "`none` is not the first authentication method", "AS1", "RFC 8414 2",
        "List none first: a client that was given only an id takes the first method."),
    rule("iss-not-advertised", Note, "The iss parameter is not advertised", "AS5", "RFC 9207 3",
        "Add iss to every authorization response and set authorization_response_iss_parameter_supported to true."),
    rule("offline-access-not-advertised", Note, "offline_access is not advertised", "AS1", "MCP authorization; OpenID Connect Core 11",
        "If refresh tokens depend on it, list offline_access in the issuer's scopes_supported: clients ask for it when it is there."),
    rule("endpoint-plain-http", Error, "An endpoint is plain http on another machine", "AS1", "OAuth 2.1 1.5",
        "Use https. Behind a proxy, make the server use the outer scheme in its documents."),
    rule("cors-preflight", Warning, "Clients in a browser may not call it", "RS9", "Fetch standard, CORS protocol",
        "Answer preflights of the endpoint, the metadata, registration and token with Access-Control-Allow-Origin, -Methods and -Headers."),
    rule("cors-challenge-hidden", Warning, "Clients in a browser cannot read the challenge", "RS9", "Fetch standard, CORS protocol",
        "Send Access-Control-Expose-Headers: WWW-Authenticate, Mcp-Session-Id."),
    rule("cors-credentials-any-origin", Error, "Any site's scripts may call it with the person's cookies", "RS9", "Fetch standard, CORS protocol",
        "Do not send Access-Control-Allow-Credentials with an origin that you do not know."),
    rule("origin-not-checked", Warning, "A server without authorization answers any Origin", "RS8", "MCP transports, security warning",
        "Refuse an Origin that is not yours with 403: any web page can call a server on the person's own machine."),
    rule("registration-not-offered", Error, "Clients cannot register", "AS13", "MCP authorization; RFC 7591",
        "Offer dynamic registration (registration_endpoint) or client ID metadata documents, or tell your users the client_id to enter."),
    rule("registration-refused", Error, "A client's registration is refused", "AS13", "RFC 7591 3.1",
        "Accept the metadata as the client sends it: ignore what you do not know, and refuse only redirect URIs that are unsafe."),
    rule("registration-redirected", Error, "The registration endpoint redirects", "AS11", "RFC 7591 3",
        "Answer at the URL that the metadata names: clients do not send the body twice."),
    rule("registration-status", Warning, "A registration is not answered with 201", "AS13", "RFC 7591 3.2.1",
        "Answer with 201 Created."),
    rule("registration-not-json", Error, "A registration's answer is not what clients read", "AS13", "RFC 7591 3.2.1",
        "Answer with a JSON object that has a client_id."),
    rule("registration-null", Error, "A registration's answer has nulls", "AS13", "RFC 7591 3.2.1",
        "Leave out fields that have no value: strict clients refuse null."),
    rule("registration-empty-string", Warning, "A registration's answer has empty texts", "AS13", "RFC 7591 3.2.1",
        "Leave out fields that have no value: strict clients refuse an empty text where a URL belongs."),
    rule("registration-wrong-type", Error, "A registration's answer has a field of the wrong type", "AS13", "RFC 7591 2; RFC 7591 3.2.1",
        "Send lists as JSON arrays and times as whole numbers of seconds."),
    rule("registration-redirect-uris", Error, "A registration does not give the redirect URIs back", "AS13", "RFC 7591 3.2.1",
        "Return redirect_uris as they were registered."),
    rule("registration-secret-for-none", Warning, "A public client is given a secret", "AS13", "RFC 7591 2",
        "Give no client_secret to a client that asked for token_endpoint_auth_method none: it will send it or not, as it likes."),
    rule("registration-no-secret", Error, "A client that must send a secret is given none", "AS13", "RFC 7591 3.2.1",
        "Return client_secret and client_secret_expires_at, or token_endpoint_auth_method none."),
    rule("registration-error-shape", Warning, "A refused registration is not answered with a JSON error", "AS11", "RFC 7591 3.2.2",
        "Answer 400 with {\"error\": \"invalid_redirect_uri\" or \"invalid_client_metadata\", \"error_description\": …}: clients show it to people."),
    rule("dangerous-redirect-registered", Error, "A redirect URI that runs code in the browser can be registered", "AS3", "RFC 9700 4.1; CVE-2026-67333",
        "Refuse javascript:, data:, vbscript:, file: and blob: redirect URIs."),
    rule("plain-http-redirect-registered", Warning, "A redirect URI of plain http to another machine can be registered", "AS3", "MCP authorization; OAuth 2.1 1.5",
        "Accept http only for localhost, 127.0.0.1 and [::1]."),
    rule("authorization-refused", Error, "An authorization request is refused", "AS4", "RFC 6749 4.1.1; MCP authorization",
        "Accept the request as it is sent, with the redirect URI that was just registered."),
    rule("loopback-port-fixed", Error, "A loopback redirect URI is refused with another port", "AS3", "RFC 8252 7.3",
        "Ignore the port of http redirect URIs to 127.0.0.1, [::1] and localhost: it is another one at each start."),
    rule("loopback-host-fixed", Note, "localhost and 127.0.0.1 are told apart", "AS3", "RFC 8252 7.3, 8.3",
        "Take localhost, 127.0.0.1 and [::1] for the same: some clients register one and use the other."),
    rule("redirect-variant-refused", Note, "A redirect URI that a client writes in two ways is refused", "AS3", "RFC 6749 3.1.2.3",
        "The client deviates, not you. Take an empty path and / for the same on loopback hosts if you want it to connect."),
    rule("redirects-to-unregistered", Error, "People are redirected to a URI that was not registered", "AS4", "RFC 6749 3.1.2.4; CVE-2025-4143",
        "Show a page when redirect_uri is not registered. Never redirect there, neither with a code nor with an error."),
    rule("redirects-unknown-client", Error, "People are redirected for a client that does not exist", "AS4", "RFC 6749 4.1.2.1",
        "Show a page when client_id is not known. Never redirect."),
    rule("redirect-prefix-match", Error, "A redirect URI is accepted that only begins like the registered one", "AS3", "OAuth 2.1 2.3.1",
        "Compare redirect URIs as exact strings."),
    rule("wildcard-redirect-match", Error, "A wildcard in a redirect URI is honoured", "AS3", "OAuth 2.1 2.3.1",
        "Refuse * in redirect URIs, and compare them as exact strings."),
    rule("iss-missing-in-answer", Error, "iss is advertised and not there, or another", "AS5", "RFC 9207 2.4",
        "Send iss, equal to the issuer, with every authorization response, errors included."),
    rule("state-lost", Error, "state does not come back as it was", "AS4", "RFC 6749 4.1.2",
        "Return state unchanged, with errors too."),
    rule("pkce-not-enforced", Error, "A code is exchanged without PKCE, or with a wrong verifier", "AS2", "OAuth 2.1 4.1.1; RFC 7636 4.6; CVE-2025-4144",
        "Refuse requests without code_challenge, and compare the verifier at the token endpoint."),
    rule("pkce-missing-not-refused", Note, "A request without code_challenge is not refused before sign-in", "AS2", "RFC 7636 4.4.1",
        "Refuse it with invalid_request at once. Whether it is refused later cannot be seen from outside."),
    rule("code-without-person", Warning, "A code is given with nobody signed in and nobody asked", "AS14", "RFC 6749 10.2; MCP security",
        "Sign the person in and ask for their consent before a code is sent."),
    rule("authorize-frameable", Warning, "The sign-in or consent page may be framed by other sites", "AS14", "RFC 6749 10.13",
        "Send Content-Security-Policy: frame-ancestors 'none' (or X-Frame-Options: DENY)."),
    rule("metadata-document-refused", Note, "A client ID metadata document is not accepted, although it is advertised", "AS12", "Client ID Metadata Document draft 01",
        "See that the server can reach the internet over https, and that it ignores the port of loopback redirect URIs."),
    rule("token-error-shape", Error, "A bad code is not answered with the JSON error invalid_grant", "AS11", "RFC 6749 5.2",
        "Answer 400 with {\"error\": \"invalid_grant\"}: clients start over only then."),
    rule("token-unknown-client", Error, "An unknown client is not told invalid_client", "AS10", "RFC 6749 5.2",
        "Answer 401 with {\"error\": \"invalid_client\"}: clients register again only then."),
    rule("token-unknown-client-status", Warning, "invalid_client is not sent with 401", "AS10", "RFC 6749 5.2",
        "Use 401: Claude registers again only at 401 with invalid_client."),
    rule("token-server-error", Error, "The token endpoint answers bad input with 5xx", "AS11", "RFC 6749 5.2",
        "Answer what you cannot read with 400 and a JSON error."),
    rule("token-cacheable", Warning, "A token's answer may be cached", "AS11", "RFC 6749 5.1",
        "Send Cache-Control: no-store."),
    rule("token-refused", Error, "The token endpoint refuses what a client sends", "AS8", "RFC 6749 4.1.3, 6",
        "Accept the request as it is sent."),
    rule("token-type-missing", Error, "The token's type is not Bearer", "AS16", "RFC 6749 5.1",
        "Return token_type: \"Bearer\"."),
    rule("access-token-too-short", Warning, "Access tokens live 300 seconds or less", "AS16", "observed of Claude Code",
        "Let them live longer: Claude Code refreshes before every request otherwise."),
    rule("code-reusable", Error, "A code works twice", "AS8", "RFC 6749 4.1.2",
        "Consume a code with its first use, in one statement."),
    rule("refresh-not-rotated", Warning, "A refresh token of a public client is not rotated", "AS9", "OAuth 2.1 4.3.1",
        "Give a new refresh token with each use and refuse the old one."),
    rule("call-refused", Error, "The token that was issued is not accepted", "RS6", "MCP authorization",
        "Accept the tokens of the issuer that the resource metadata names."),
    rule("token-in-query-accepted", Error, "A token in the query string is accepted", "RS5", "OAuth 2.1 5.1; MCP authorization",
        "Read the token from the Authorization header alone: query strings are logged."),
    rule("audience-missing", Warning, "The token is not for this resource", "RS6", "MCP authorization; RFC 8707 2",
        "Put the resource into aud, and refuse tokens that have another."),
];

/// The rule of this name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
