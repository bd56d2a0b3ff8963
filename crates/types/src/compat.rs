//! Deviations of clients that are tolerated: each has a name, is logged with the field `compat`, and is counted.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! deviations {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// Something that a client does differently than it should.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Compat {
            $($(#[$doc])+ $variant,)+
        }

        impl Compat {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value of the field `compat`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }
    };
}

deviations! {
    /// A registration says nothing of how the client authenticates.
    AuthMethodMissing = "auth_method_missing",
    /// A registration names grant types that do not exist here.
    UnknownGrantType = "unknown_grant_type",
    /// A registration has fields that are null or empty.
    EmptyField = "empty_field",
    /// A redirect URI names another loopback host than the registered one.
    RedirectLoopbackHost = "redirect_loopback_host",
    /// A redirect URI has an empty path where `/` is registered, or the other way round.
    RedirectEmptyPath = "redirect_empty_path",
    /// A redirect URI was registered with `?state=…` and is used without.
    RedirectWithoutState = "redirect_without_state",
    /// A scope is not known here.
    UnknownScope = "unknown_scope",
    /// No scope that opens anything was asked for.
    ScopeAdded = "scope_added",
    /// A client asks for scopes that it did not register.
    ScopeNotRegistered = "scope_not_registered",
    /// An update of a registration has fields that only the server sets.
    RegistrationSentBack = "registration_sent_back",
    /// `resource` is not sent.
    ResourceMissing = "resource_missing",
    /// `resource` has a slash at its end.
    ResourceSlash = "resource_slash",
    /// A native client registered for a secret and does not send it.
    SecretNotSent = "secret_not_sent",
    /// The redirect URI has a parameter of the response in its query.
    ResponseParameterInRedirectUri = "response_parameter_in_redirect_uri",
    /// An identity assertion names no key, and its issuer has only one.
    AssertionWithoutKid = "assertion_without_kid",
    /// The audience of a client assertion is the token endpoint, not the issuer.
    AssertionForTheTokenEndpoint = "assertion_for_the_token_endpoint",
    /// A tool's argument came under another name.
    ArgumentAlias = "argument_alias",
    /// A tool was called by its old name.
    OldToolName = "old_tool_name",
    /// A token in the query string was ignored.
    TokenInQuery = "token_in_query",
    /// A client of MCP 2025-03-26 looks for the issuer at the origin of the endpoint.
    IssuerAtResource = "issuer_at_resource",
}

static COUNTS: [AtomicU64; Compat::ALL.len()] = [const { AtomicU64::new(0) }; Compat::ALL.len()];

impl Compat {
    /// Writes it to the log and counts it. `client` is its id, or empty where none is known.
    pub fn tolerate(self, client: &str) {
        let count = COUNTS[self as usize].fetch_add(1, Ordering::Relaxed) + 1;
        tracing::info!(compat = self.as_str(), client, count, "a deviation of a client was tolerated");
    }

    /// How often it was tolerated in this process.
    #[must_use]
    pub fn count(self) -> u64 {
        COUNTS[self as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Operators look them up there.
    #[test]
    fn each_is_on_the_page_about_clients() {
        let page = include_str!("../../../docs/connecting-clients.md");
        for compat in Compat::ALL {
            assert!(page.contains(&format!("| `{}` |", compat.as_str())), "{} is not documented", compat.as_str());
        }
    }

    #[test]
    fn each_is_counted_by_itself() {
        let before = Compat::ResourceSlash.count();
        Compat::ResourceSlash.tolerate("c_1");
        Compat::UnknownScope.tolerate("c_1");
        assert!(Compat::ResourceSlash.count() > before && Compat::UnknownScope.count() > 0);
    }
}
