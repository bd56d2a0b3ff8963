//! Entries of the audit record as a person reads them.

use crate::figures::Moment;
use docent_store::{Place, RecordedEvent};
use docent_types::event_kind;
use docent_types::time::Timestamp;

/// Kinds that tell of something that should not have happened.
const BAD: [&str; 6] =
    ["access_token.refused", "consent.denied", "identity_assertion.refused", "sign_in.failed", "token.reused", "user_code.failed"];
/// Characters of a detail that are shown.
const LONGEST_DETAIL: usize = 160;

/// An entry, as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What happened.
    pub words: String,
    /// Its kind, as programs call it.
    pub kind: String,
    /// Whether it should not have happened.
    pub is_bad: bool,
    /// The person's address.
    pub person: Option<String>,
    /// The person's id.
    pub user: Option<String>,
    /// The client's name, or its id if it is gone.
    pub client: Option<String>,
    /// The project's name.
    pub project: Option<String>,
    /// The address that it came from.
    pub from: Option<String>,
    /// More, in words; may be empty.
    pub detail: String,
}

impl Event {
    /// Whether there is more to say than what happened and when.
    #[must_use]
    pub const fn has_facts(&self) -> bool {
        self.client.is_some() || self.project.is_some() || self.from.is_some() || !self.detail.is_empty()
    }

    /// Entries for samples of pages.
    #[must_use]
    pub(crate) fn samples() -> Vec<Self> {
        let event = |seconds, kind: &str, detail: &str| Self {
            at: Timestamp::from_seconds(seconds).into(),
            words: event_kind::in_words(kind).to_owned(),
            kind: kind.to_owned(),
            is_bad: BAD.contains(&kind),
            person: Some("ada.lovelace+documentation@analytical-engines.example.com".to_owned()),
            user: Some("01890a5d-ac96-774b-bcce-b302099a8057".to_owned()),
            client: Some("<b>An app with a very long name that somebody chose to see what happens to the page</b>".to_owned()),
            project: Some("Analytical Engines <&> Difference".to_owned()),
            from: Some("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff".to_owned()),
            detail: detail.to_owned(),
        };
        let alone =
            Self { person: None, user: None, client: None, project: None, from: None, ..event(1_790_000_000, "sign_in.failed", "") };
        vec![event(1_790_100_000, "token.reused", "what: refresh_token"), event(1_790_050_000, "grant.created", "scopes: docs:read"), alone]
    }
}

impl From<RecordedEvent> for Event {
    fn from(recorded: RecordedEvent) -> Self {
        let event = recorded.event;
        Self {
            at: event.at.into(),
            words: event_kind::in_words(&event.kind).to_owned(),
            is_bad: BAD.contains(&event.kind.as_str()),
            kind: event.kind,
            person: recorded.email,
            user: event.user.map(|user| user.to_string()),
            client: recorded.client_name.or_else(|| event.client.map(|client| client.as_str().to_owned())),
            project: recorded.project_name,
            from: event.from,
            detail: detail(&event.detail),
        }
    }
}

/// `{"how": "code", "scopes": "a b"}` as `how: code, scopes: a b`.
fn detail(value: &serde_json::Value) -> String {
    let Some(fields) = value.as_object() else { return String::new() };
    let said = fields.iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("{name}: {text}"),
        None => format!("{name}: {value}"),
    });
    let said = said.collect::<Vec<_>>().join(", ");
    match said.char_indices().nth(LONGEST_DETAIL) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said,
    }
}

/// A place in the record, for an address.
#[must_use]
pub fn place(place: Place) -> String {
    format!("{}-{}", place.at.0, place.number)
}

/// A place from an address; `None` if it is none.
#[must_use]
pub fn read_place(text: &str) -> Option<Place> {
    let (at, number) = text.split_once('-')?;
    Some(Place { at: Timestamp(at.parse().ok()?), number: number.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_said_in_a_line() {
        assert_eq!(detail(&serde_json::json!({ "how": "code", "count": 3 })), "how: code, count: 3");
        assert_eq!(detail(&serde_json::Value::Null), "");
        assert_eq!(detail(&serde_json::json!({ "x": "é".repeat(500) })).chars().count(), LONGEST_DETAIL + 1);
    }

    #[test]
    fn a_place_survives_an_address() {
        let at = Place { at: Timestamp(1_790_000_000_123), number: 42 };
        assert_eq!(read_place(&place(at)), Some(at));
        for wrong in ["", "1", "a-b", "1-", "-1", "1-2-3"] {
            assert_eq!(read_place(wrong), None, "{wrong}");
        }
    }
}
