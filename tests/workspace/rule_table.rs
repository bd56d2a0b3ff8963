//! The rules of the authorization chapter, in a sentence each.

/// A rule.
pub struct Rule {
    /// `RS…` for the resource server, `AS…` for the authorization server.
    pub id: &'static str,
    /// What holds.
    pub what: &'static str,
    /// Who demands it.
    pub source: &'static str,
}

const fn rule(id: &'static str, what: &'static str, source: &'static str) -> Rule {
    Rule { id, what, source }
}

/// All of them.
pub const RULES: &[Rule] = &[
    rule(
        "RS1",
        "Protected resource metadata at the path form and at the root form; `resource` is the URL that clients use, the issuer is exactly ours, the scopes are the least that basic use needs",
        "RFC 9728, MCP",
    ),
    rule(
        "RS2",
        "Without a token every method answers 401 with a challenge that names the metadata and the scope, and no `error`",
        "RFC 6750 3.1, MCP",
    ),
    rule(
        "RS3",
        "A bad, expired, revoked or foreign token is 401 `invalid_token` with a description, never 200 with an apology",
        "RFC 6750",
    ),
    rule(
        "RS4",
        "Too little scope is 403 `insufficient_scope` that names all that the operation needs; broader scopes imply narrower ones",
        "MCP",
    ),
    rule("RS5", "A malformed header, two credentials or a token in the query string are never accepted", "OAuth 2.1"),
    rule("RS6", "`typ`, `alg`, `kid`, signature and every required claim are validated, with their JSON types", "RFC 9068, CVE-2026-25537"),
    rule("RS7", "The client's token is passed on to nobody", "MCP"),
    rule("RS8", "A foreign `Origin` or `Host` is 403", "MCP transport"),
    rule("RS9", "Browser clients get CORS on `/mcp`, metadata and OAuth endpoints, and see the challenge", "practice"),
    rule("RS10", "`tools/list` shows what the granted scopes permit, in a stable order", "MCP"),
    rule("RS11", "Both eras of the protocol work on one endpoint", "MCP"),
    rule(
        "AS1",
        "Metadata in all forms that clients probe, with one issuer byte for byte, that advertises nothing that does not work",
        "RFC 8414, MCP",
    ),
    rule("AS2", "PKCE with S256 is required of every client", "OAuth 2.1, CVE-2025-4144, CVE-2024-22258"),
    rule(
        "AS3",
        "A redirect URI matches exactly, but for the port and name of loopback; no wildcards, fragments, user information or script schemes; at authorization and at token",
        "RFC 8252, CVE-2025-4143, CVE-2026-67333",
    ),
    rule("AS4", "An unknown client or bad redirect URI gets a page, never a redirect; every other error goes back, encoded", "OAuth 2.1"),
    rule("AS5", "`iss` is in every authorization response", "RFC 9207"),
    rule("AS6", "`resource` is one that this issuer serves and the grant's own, checked before the code is consumed", "RFC 8707"),
    rule("AS7", "Missing scope is the default, unknown scopes are dropped and said so, nothing left is `invalid_scope`", "RFC 6749 3.3"),
    rule(
        "AS8",
        "A code lives 60 seconds, works once, and is bound; a second use revokes what the first gave, if it proves client and verifier",
        "OAuth 2.1, CVE-2026-55672",
    ),
    rule(
        "AS9",
        "Refresh tokens rotate at every use, with a grace for parallel processes; reuse after it revokes the family",
        "OAuth 2.1, CVE-2026-53517, CVE-2026-1035, CVE-2026-43983",
    ),
    rule(
        "AS10",
        "Clients authenticate by none, Basic, body or signed assertion, compared in constant time; `invalid_client` is 401",
        "RFC 6749, RFC 7523",
    ),
    rule("AS11", "Every fault at an OAuth endpoint is JSON in the RFC's shape, never cached, never a redirect", "RFC 6749 5.2"),
    rule(
        "AS12",
        "Client ID metadata documents are fetched without redirects, from public addresses only, pinned, small, in time, coalesced and budgeted",
        "CIMD draft 01",
    ),
    rule(
        "AS13",
        "Dynamic registration: the same metadata is the same client; open, by token, or off; managed where that works",
        "RFC 7591, RFC 7592",
    ),
    rule(
        "AS14",
        "Consent shows who asks, where the answer goes, as whom, for which project and what; once, in this browser",
        "MCP, CVE-2026-27124, CVE-2026-101062",
    ),
    rule("AS15", "Consent is remembered only where https and a verified client prove who gets the answer", "OAuth 2.1"),
    rule("AS16", "Access tokens are short-lived and carry what a resource server needs", "RFC 9068"),
    rule("AS17", "Keys rotate without breaking tokens", "practice"),
    rule(
        "AS18",
        "Revocation by the token's own client, introspection by authenticated clients, keys, user information",
        "RFC 7009, RFC 7662, OpenID Connect",
    ),
    rule("AS19", "`client_credentials` for machine clients that the operator registered", "MCP extension"),
    rule("AS20", "Enterprise-managed authorization by identity assertions of trusted issuers, each used once", "MCP extension"),
    rule("AS21", "Device authorization, bound to the session that approves, with limits on guessing", "RFC 8628, CVE-2026-45337"),
    rule("AS22", "Clients of 2025-03-26 find metadata and endpoints at the MCP origin", "MCP 2025-03-26"),
];
