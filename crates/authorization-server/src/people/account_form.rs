//! What a person types about themselves, judged field by field.

pub use docent_types::email::is_email;

use crate::parameters::Parameters;
use docent_types::password;
use docent_types::secret::Secret;

/// The most characters of a password.
pub const PASSWORD_MAXIMUM: usize = password::MAXIMUM;

/// Something typed, and what is wrong with it: empty if nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Field {
    /// What was typed, to be shown again.
    pub value: String,
    /// In words.
    pub error: String,
}

/// An account to be made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AccountForm {
    /// Trimmed.
    pub email: Field,
    /// Trimmed; may be empty.
    pub name: Field,
    /// What is wrong with the password. It is not shown again.
    pub password_error: String,
}

/// What is wrong with a password; empty if nothing.
#[must_use]
pub fn password_error(typed: Option<&str>) -> &'static str {
    password::error(typed.unwrap_or_default())
}

impl AccountForm {
    /// Reads the form. `email` stands for what was typed when an invitation names the address.
    #[must_use]
    pub fn read(form: &Parameters, email: Option<&str>) -> Self {
        let email = email.or_else(|| form.get("email")).unwrap_or_default().trim().to_owned();
        let name: String = form.get("name").unwrap_or_default().trim().chars().filter(|c| !c.is_control()).collect();
        let email_error = if is_email(&email) { "" } else { "Enter an e-mail address, for example ada@example.com." };
        let name_error = if name.chars().count() <= 100 { "" } else { "Use at most 100 characters." };
        Self {
            email: Field { error: email_error.to_owned(), value: email },
            name: Field { error: name_error.to_owned(), value: name },
            password_error: password_error(form.get("password")).to_owned(),
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.email.error.is_empty() && self.name.error.is_empty() && self.password_error.is_empty()
    }
}

/// The password of a form.
#[must_use]
pub fn password(form: &Parameters) -> Secret {
    Secret::new(form.get("password").unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_judged_by_length_alone() {
        assert!(!password_error(None).is_empty() && !password_error(Some(&"a".repeat(11))).is_empty());
        assert!(password_error(Some(&"é".repeat(12))).is_empty() && password_error(Some(&"a".repeat(256))).is_empty());
        assert!(!password_error(Some(&"a".repeat(257))).is_empty());
    }

    #[test]
    fn errors_stand_at_their_field_and_what_was_typed_is_kept() {
        let form = AccountForm::read(&Parameters::parse(b"email=+ada%20&name=Ada&password=short").unwrap(), None);
        assert_eq!((form.email.value.as_str(), form.name.value.as_str()), ("ada", "Ada"));
        assert!(!form.email.error.is_empty() && form.name.error.is_empty() && !form.password_error.is_empty() && !form.is_good());
        assert!(
            AccountForm::read(&Parameters::parse(b"email=x&password=correct+horse+battery").unwrap(), Some("ada@example.com")).is_good()
        );
        for wrong in ["", "@", "a@", "@b", "a b@c.de", "a@.de"] {
            assert!(!is_email(wrong), "{wrong}");
        }
    }
}
