//! The consent form's ticket (AS14): the validated request, bound to one session, for ten minutes, once. The form of a device (AS21) has one
//! of the same kind, under a key of its own: neither is taken for the other.

use super::request::AuthorizationRequest;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent_types::ids::SessionId;
use docent_types::random::Randomness;
use docent_types::sealing::MasterKey;
use docent_types::secret::{Secret, SecretHash};
use docent_types::time::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a person may look at the consent page.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long a ticket that was used is remembered after it ended: beyond every clock that is wrong.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What the form carries. It is signed, not secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ticket<R = AuthorizationRequest> {
    /// What was asked.
    pub request: R,
    /// The browser's session to which the page was shown.
    pub session: SessionId,
    /// Makes it unique.
    nonce: String,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
}

/// The key that signs tickets.
pub struct TicketKey(hmac::Key);

impl TicketKey {
    /// Derived from the master key, so that every node has the same.
    #[must_use]
    pub fn new(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &master.derive("consent ticket")))
    }

    /// The key for the form of a device.
    #[must_use]
    pub fn for_devices(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &master.derive("device ticket")))
    }
}

impl<R: Serialize + DeserializeOwned> Ticket<R> {
    /// A ticket for the page that is about to be shown.
    #[must_use]
    pub fn new(request: R, session: SessionId, now: Timestamp, randomness: &dyn Randomness) -> Self {
        Self { request, session, nonce: Secret::generate(randomness, "").expose().to_owned(), expires_at: now.after(LIFETIME) }
    }

    /// As the form carries it. `None` only if it cannot be written as JSON.
    #[must_use]
    pub fn seal(&self, key: &TicketKey) -> Option<String> {
        let mut text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let tag = hmac::sign(&key.0, text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(tag.as_ref(), &mut text);
        Some(text)
    }

    /// From the form. `None` if we did not sign it.
    #[must_use]
    pub fn open(text: &str, key: &TicketKey) -> Option<Self> {
        let (payload, tag) = text.split_once('.')?;
        hmac::verify(&key.0, payload.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// Under which its use is remembered.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::ids::ClientId;
    use docent_types::random::SystemRandomness;
    use docent_types::scope::ScopeSet;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn ticket() -> Ticket {
        let request = AuthorizationRequest {
            client_id: ClientId("c_1".into()),
            redirect_uri: "http://localhost/cb".into(),
            state: Some("s&\"<é".into()),
            scopes: ScopeSet::resource_default(),
            resource: "https://a.example/mcp".into(),
            code_challenge: "c".into(),
            nonce: None,
        };
        Ticket::new(request, SessionId(Uuid::nil()), Timestamp(0), &SystemRandomness)
    }

    fn key(byte: u8) -> TicketKey {
        TicketKey::new(&MasterKey::from_bytes([byte; 32]))
    }

    /// AS14.
    #[test]
    fn a_ticket_is_read_only_under_the_key_that_signed_it() {
        let ticket = ticket();
        let text = ticket.seal(&key(1)).unwrap();
        assert_eq!(<Ticket>::open(&text, &key(1)), Some(ticket.clone()));
        assert_eq!(<Ticket>::open(&text, &key(2)), None);
        assert_eq!(<Ticket>::open(text.split_once('.').unwrap().0, &key(1)), None);
        assert_ne!(ticket.hash(), super::tests::ticket().hash(), "two pages for one request are two tickets");
    }

    proptest! {
        #[test]
        fn a_changed_ticket_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
            let text = ticket().seal(&key(1)).unwrap();
            let at = at.index(text.len());
            let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
            prop_assert!(changed == text || <Ticket>::open(&changed, &key(1)).is_none());
        }
    }
}
