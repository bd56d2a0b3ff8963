//! Forms of these pages: read whole, each field once, and only if they were sent from a page of this session.

use crate::error::PageError;
use crate::visitor::Visitor;
use actix_web::HttpRequest;
use actix_web::web::Payload;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::collections::BTreeMap;
use url::form_urlencoded;

/// No form of these pages is longer.
const LIMIT: usize = 16 * 1024;

/// The fields of a form; the first of each name counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Form(BTreeMap<String, Vec<String>>);

impl Form {
    /// Reads a body. One that is too long or breaks off is a form that is not ours.
    ///
    /// # Errors
    /// [`PageError::ForeignForm`].
    pub async fn read(payload: Payload) -> Result<Self, PageError> {
        match payload.to_bytes_limited(LIMIT).await {
            Ok(Ok(body)) => Ok(Self::parse(&body)),
            _ => Err(PageError::ForeignForm),
        }
    }

    /// Reads `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn parse(body: &[u8]) -> Self {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            fields.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        Self(fields)
    }

    /// What an address asks for, after its `?`.
    #[must_use]
    pub fn of_query(request: &HttpRequest) -> Self {
        Self::parse(request.query_string().as_bytes())
    }

    /// A field without the white space around it; empty if it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", |value| value.trim())
    }

    /// A field as it was typed, white space and all: a password.
    #[must_use]
    pub fn as_typed(&self, name: &str) -> &str {
        self.0.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// All fields, each value of each.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// Passes if the form was sent from a page of this session. A browser that tells where it comes from is believed.
    ///
    /// # Errors
    /// [`PageError::ForeignForm`].
    pub fn is_of(&self, request: &HttpRequest, visitor: &Visitor) -> Result<(), PageError> {
        let site = request.headers().get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
        let is_ours = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        let (sent, own) = (self.text("csrf").as_bytes(), visitor.frame.csrf.as_bytes());
        if is_ours && !own.is_empty() && verify_slices_are_equal(sent, own).is_ok() { Ok(()) } else { Err(PageError::ForeignForm) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_sent() {
        let form = Form::parse(b"csrf=a&name=+one+&name=two&scope=x&scope=y");
        assert_eq!((form.text("name"), form.text("none")), ("one", ""));
        assert_eq!(form.all("scope").collect::<Vec<_>>(), ["x", "y"]);
    }
}
