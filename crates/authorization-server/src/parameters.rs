//! Parameters of a query or form, read strictly: what two parsers could read differently is refused.

use docent_types::oauth::{Error, ErrorCode};

/// More parameters than any request has.
const MOST: usize = 64;

/// The parameters in the order in which they were sent. An empty value is no value (RFC 6749 3.1).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parameters(Vec<(String, String)>);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Decodes `application/x-www-form-urlencoded` text. `None` if what comes out is not UTF-8, or has a NUL, which a database
/// may refuse.
/// A `%` that starts no escape stands for itself, as everywhere on the web.
#[must_use]
pub fn decode(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                if let (Some(high), Some(low)) = (hexadecimal(*high), hexadecimal(*low)) {
                    bytes.push(high << 4 | low);
                    rest = after;
                } else {
                    bytes.push(b'%');
                }
            }
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

const fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// Encodes for a query: a space becomes `%20`, since some clients do not read `+`.
#[must_use]
pub fn encode(value: &str) -> String {
    form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

impl Parameters {
    /// Reads a query or form.
    ///
    /// # Errors
    /// `invalid_request` when it is not UTF-8 or has too many parameters.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let invalid = |words: &str| Error::new(ErrorCode::InvalidRequest, words);
        let mut pairs = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = halves.next().and_then(decode).ok_or_else(|| invalid("A parameter's name is not valid UTF-8, or has a NUL."))?;
            let value = decode(halves.next().unwrap_or_default())
                .ok_or_else(|| invalid(&format!("The value of {name} is not valid UTF-8, or has a NUL.")))?;
            if pairs.len() == MOST {
                return Err(invalid("There are too many parameters."));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The value of `name`, unless it is absent or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(one, value)| one == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// Every value of `name` that is not empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(one, value)| one == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The first parameter that is there more than once. `resource` may be (RFC 8707 2).
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.0
            .iter()
            .enumerate()
            .find(|(at, (name, _))| name != "resource" && self.0[..*at].iter().any(|(one, _)| one == name))
            .map(|(_, (name, _))| name.as_str())
    }

    /// Refuses parameters that are there more than once.
    ///
    /// # Errors
    /// `invalid_request` names the parameter (RFC 6749 3.2).
    pub fn once_each(self) -> Result<Self, Error> {
        match self.repeated() {
            Some(name) => Err(Error::new(ErrorCode::InvalidRequest, format!("The parameter {name} is there more than once."))),
            None => Ok(self),
        }
    }

    /// The same parameters without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        Self(self.0.iter().filter(|(one, _)| one != name).cloned().collect())
    }

    /// As a query.
    #[must_use]
    pub fn to_query(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_utf8_and_repetition_are_refused_and_empty_is_absent() {
        assert!(Parameters::parse(b"a=%ff").is_err());
        assert!(Parameters::parse(b"%c3%28=1").is_err());
        let parameters = Parameters::parse(b"a=1&b=&c&a=2&x=%zz&resource=r&resource=s").unwrap();
        assert_eq!(
            (parameters.get("a"), parameters.get("b"), parameters.get("c"), parameters.get("x")),
            (Some("1"), None, None, Some("%zz"))
        );
        assert_eq!(parameters.repeated(), Some("a"));
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["r", "s"]);
        assert!(parameters.clone().once_each().is_err() && parameters.without("a").once_each().is_ok());
        assert_eq!(format!("{:?}", Parameters::parse(b"client_secret=shh").unwrap()), r#"["client_secret"]"#, "values are never printed");
    }

    #[test]
    fn too_many_parameters_are_refused() {
        assert!(Parameters::parse("a=1&".repeat(MOST).as_bytes()).is_ok());
        assert!(Parameters::parse("a=1&".repeat(MOST + 1).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(pairs in proptest::collection::vec(("\\PC{1,8}", "\\PC{1,12}"), 0..10)) {
            let parameters = Parameters(pairs);
            prop_assert_eq!(Parameters::parse(parameters.to_query().as_bytes()).unwrap(), parameters);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(parameters) = Parameters::parse(&bytes) {
                prop_assert!(parameters.0.len() <= MOST);
            }
        }

        #[test]
        fn encoded_text_has_no_character_that_a_query_gives_meaning(text in "\\PC{0,40}") {
            let encoded = encode(&text);
            prop_assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'-' | b'.' | b'_' | b'*')));
            prop_assert_eq!(decode(encoded.as_bytes()), Some(text));
        }
    }
}
