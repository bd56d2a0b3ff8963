//! The kinds of events in the audit record, and what they say to a person.

/// Every kind, with the words for it. Sorted.
pub const KINDS: &[(&str, &str)] = &[
    ("access_token.refused", "A token was shown that was not accepted"),
    ("account.created", "An account was made by an identity provider's word"),
    ("administrator.added", "Somebody was made an administrator"),
    ("administrator.removed", "Somebody is an administrator no more"),
    ("api_key.created", "An API key was made"),
    ("api_key.revoked", "An API key was revoked"),
    ("client.changed", "An app changed its registration"),
    ("client.disabled", "An app was blocked"),
    ("client.enabled", "An app was unblocked"),
    ("client.registered", "An app was registered"),
    ("client.removed", "An app was removed"),
    ("client.secret_changed", "An app got another secret"),
    ("consent.denied", "An app was not allowed"),
    ("grant.created", "An app was allowed"),
    ("grant.revoked", "An app was disconnected"),
    ("identity_assertion.refused", "An identity provider's word was not accepted"),
    ("initial_access_token.created", "An initial access token was made"),
    ("initial_access_token.revoked", "An initial access token was revoked"),
    ("invitation.created", "An invitation was made"),
    ("invitation.revoked", "An invitation was taken back"),
    ("library.refreshed", "A library was to be read anew"),
    ("library.removed", "A library was removed"),
    ("library.stopped", "Work on a library was stopped"),
    ("member.added", "Somebody was added to a project"),
    ("member.removed", "Somebody was removed from a project"),
    ("password.changed", "A password was changed"),
    ("password.set", "A password was set"),
    ("project.created", "A project was made"),
    ("project.removed", "A project was removed"),
    ("session.ended", "A session was ended"),
    ("sign_in.failed", "A sign-in failed"),
    ("sign_in.succeeded", "Signed in"),
    ("token.issued", "An app got its first tokens"),
    ("token.refreshed", "An app renewed its access"),
    ("token.reused", "A code or token was used twice"),
    ("token.revoked", "A token was revoked"),
    ("user.created", "An account was made"),
    ("user.disabled", "An account was disabled"),
    ("user.enabled", "An account was enabled"),
    ("user_code.failed", "A device's code was wrong"),
];

/// Whether there is such a kind.
#[must_use]
pub fn is_known(kind: &str) -> bool {
    KINDS.binary_search_by_key(&kind, |(kind, _)| kind).is_ok()
}

/// What a kind says; the kind itself, if it comes from another version.
#[must_use]
pub fn in_words(kind: &str) -> &str {
    KINDS.binary_search_by_key(&kind, |(kind, _)| kind).map_or(kind, |at| KINDS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted_since_they_are_searched_by_halving() {
        assert!(KINDS.is_sorted_by(|a, b| a.0 < b.0));
        for (kind, words) in KINDS {
            assert!(is_known(kind));
            assert_eq!(in_words(kind), *words);
        }
        assert_eq!((in_words("from.tomorrow"), is_known("from.tomorrow")), ("from.tomorrow", false));
    }
}
