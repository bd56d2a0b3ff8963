//! What holds for every input: redirect URIs against an oracle of their own, the algebra of scopes, PKCE.

mod pkce;
mod redirect_uri;
mod scope;
