//! How a forge proves that a push comes from it: GitHub and Gitea sign the body with a shared secret, GitLab sends the secret itself.

use actix_web::http::header::HeaderMap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use sha2::{Digest as _, Sha256};

/// What a request brings as proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Proof<'a> {
    /// `X-Hub-Signature-256`: `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits. GitHub's; Gitea and Forgejo send it too.
    pub hub: Option<&'a str>,
    /// `X-Gitea-Signature`: the same digits alone.
    pub gitea: Option<&'a str>,
    /// `X-Gitlab-Token`: the secret.
    pub gitlab: Option<&'a str>,
}

impl<'a> Proof<'a> {
    /// What the headers of a request bring.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Self { hub: text("x-hub-signature-256"), gitea: text("x-gitea-signature"), gitlab: text("x-gitlab-token") }
    }

    /// Whether there is nothing to check.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        self.hub.is_none() && self.gitea.is_none() && self.gitlab.is_none()
    }

    /// Whether whoever sent this body knows the secret. Each comparison takes as long whatever was sent. All that is brought has to be right.
    #[must_use]
    pub fn holds(&self, secret: &str, body: &[u8]) -> bool {
        let key = hmac::Key::new(HMAC_SHA256, secret.as_bytes());
        let is_signature = |digits: &str| from_hex(digits).is_some_and(|signature| hmac::verify(&key, body, &signature).is_ok());
        let hub = self.hub.map(|value| value.strip_prefix("sha256=").is_some_and(is_signature));
        let gitea = self.gitea.map(is_signature);
        let gitlab = self.gitlab.map(|token| {
            // Hashed, so that not even the length shows.
            verify_slices_are_equal(&Sha256::digest(token.as_bytes()), &Sha256::digest(secret.as_bytes())).is_ok()
        });
        !self.is_missing() && [hub, gitea, gitlab].into_iter().flatten().all(|holds| holds)
    }
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From GitHub's documentation, "Validating webhook deliveries", testing the webhook payload validation.
    const SECRET: &str = "It's a Secret to Everybody";
    const BODY: &[u8] = b"Hello, World!";
    const DIGITS: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

    fn hub(value: &str) -> bool {
        Proof { hub: Some(value), ..Proof::default() }.holds(SECRET, BODY)
    }

    #[test]
    fn githubs_own_example_holds() {
        assert!(hub(&format!("sha256={DIGITS}")));
        assert!(hub(&format!("sha256={}", DIGITS.to_uppercase())));
    }

    #[test]
    fn giteas_form_is_the_same_without_its_name() {
        assert!(Proof { gitea: Some(DIGITS), ..Proof::default() }.holds(SECRET, BODY));
        assert!(!Proof { gitea: Some(&format!("sha256={DIGITS}")), ..Proof::default() }.holds(SECRET, BODY));
    }

    #[test]
    fn gitlab_sends_the_secret() {
        for (token, holds) in [(SECRET, true), ("It's a Secret to Everybodx", false), ("It's a Secret", false), ("", false)] {
            assert_eq!(Proof { gitlab: Some(token), ..Proof::default() }.holds(SECRET, BODY), holds, "{token}");
        }
    }

    #[test]
    fn whatever_else_is_sent_does_not_hold() {
        for wrong in [
            DIGITS,
            "",
            "sha256=",
            "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
            "sha256=éé",
            "sha256=+57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ] {
            assert!(!hub(wrong), "{wrong}");
        }
        let proof = Proof { hub: Some("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), ..Proof::default() };
        assert!(!proof.holds(SECRET, b"Hello, World?") && !proof.holds("another", BODY));
        assert!(!Proof::default().holds(SECRET, BODY), "nothing proves nothing");
        assert!(!Proof { gitlab: Some("wrong"), ..proof }.holds(SECRET, BODY), "half a proof is none");
    }
}
