//! Credentials that were forgotten in an example. What services print in their own documentation as an example is none.

use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// A text with its credentials shortened to what tells of which kind they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Masked {
    /// The text.
    pub text: String,
    /// What was found.
    pub found: Vec<Credential>,
}

/// A credential that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Where it stood.
    pub at: usize,
    /// Of what kind it is.
    pub what: &'static str,
    /// Its beginning, and how long it is.
    pub shown: String,
}

const PRIVATE_KEY: &str = "private key";

struct Kind {
    what: &'static str,
    pattern: &'static str,
    /// Characters that are kept to tell the kind.
    kept: usize,
}

/// Tokens that say themselves what they are.
const KINDS: [Kind; 18] = [
    Kind { what: "AWS access key", pattern: r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", kept: 4 },
    Kind { what: "GitHub token", pattern: r"\bgh[pousr]_[A-Za-z0-9]{36,}\b", kept: 4 },
    Kind { what: "GitHub token", pattern: r"\bgithub_pat_[A-Za-z0-9_]{60,}\b", kept: 11 },
    Kind { what: "GitLab token", pattern: r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[A-Za-z0-9_-]{20,}", kept: 6 },
    Kind { what: "Slack token", pattern: r"\bxox[abeoprs]-[0-9A-Za-z-]{20,}", kept: 5 },
    Kind {
        what: "Slack webhook",
        pattern: r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,30}",
        kept: 33,
    },
    Kind { what: "Stripe key", pattern: r"\b(?:sk|rk)_live_[0-9a-zA-Z]{20,}\b", kept: 8 },
    Kind { what: "Anthropic key", pattern: r"\bsk-ant-[A-Za-z0-9]{3,8}-[A-Za-z0-9_-]{60,}", kept: 7 },
    Kind { what: "OpenAI key", pattern: r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}T3BlbkFJ[A-Za-z0-9_-]{20,}", kept: 3 },
    Kind { what: "Google API key", pattern: r"\bAIza[0-9A-Za-z_-]{35}\b", kept: 4 },
    Kind { what: "SendGrid key", pattern: r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b", kept: 3 },
    Kind { what: "npm token", pattern: r"\bnpm_[A-Za-z0-9]{36}\b", kept: 4 },
    Kind { what: "PyPI token", pattern: r"\bpypi-AgEIcHlwaS[A-Za-z0-9_-]{50,}", kept: 5 },
    Kind { what: "Hugging Face token", pattern: r"\bhf_[A-Za-z0-9]{34}\b", kept: 3 },
    Kind { what: "DigitalOcean token", pattern: r"\bdo[opr]_v1_[a-f0-9]{64}\b", kept: 7 },
    Kind { what: "Shopify token", pattern: r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b", kept: 6 },
    Kind { what: "JSON web token", pattern: r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}", kept: 3 },
    Kind {
        what: PRIVATE_KEY,
        pattern: r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED |PGP )?PRIVATE KEY(?: BLOCK)?-----[^~]*?-----END [A-Z ]{4,30}-----",
        kept: 5,
    },
];

/// A name that says that a secret follows, and what follows.
const ASSIGNED: &str = r#"(?i)(?:api[_-]?key|apikey|secret|access[_-]?key|auth[_-]?token|access[_-]?token|private[_-]?key|passw(?:or)?d|client[_-]?secret)[a-z0-9_]{0,20}["']?\s{0,4}(?::=|=>|[:=])\s{0,4}["'`]?([A-Za-z0-9+/_.~-]{24,200}={0,2})"#;

/// Beginnings without which no token is there: a quick look before the slow one.
const HINTS: &str = r"AKIA|ASIA|gh[pousr]_|github_pat_|\bgl[a-z]{2,4}-|xox[a-z]-|hooks\.slack|[sr]k_live_|\bsk-|AIza|\bSG\.|\bnpm_|pypi-A|\bhf_|\bdo[opr]_v1_|\bshp[acs][a-z]_|\beyJ|PRIVATE KEY";

#[expect(clippy::expect_used, reason = "patterns that are written here; a test compiles each")]
static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| KINDS.iter().map(|kind| Regex::new(kind.pattern).expect("a pattern of this file")).collect());
#[expect(clippy::expect_used, reason = "patterns that are written here; a test compiles each")]
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new(ASSIGNED).expect("a pattern of this file"));
#[expect(clippy::expect_used, reason = "patterns that are written here; a test compiles each")]
static HINT: LazyLock<Regex> = LazyLock::new(|| Regex::new(HINTS).expect("a pattern of this file"));

/// Credentials that services and guides print as examples, or parts of them.
const EXAMPLES: [&str; 13] = [
    "AKIAI44QH8DHB",
    "wJalrXUtnFEMI",
    "je7MtGbClwBF",
    // https://jwt.io
    "eyJzdWIiOiIxMjM0NTY3ODkwIiw",
    "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    // RFC 7519 and RFC 7515
    "eyJpc3MiOiJqb2UiLA0K",
    // FastAPI's tutorial
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
    "eyJhbGciOiJIUzI1NiJ9.e30",
    "T00000000/B00000000",
    "XXXXXXXX",
    "xxxxxxxx",
    "00000000",
    "12345678",
];

/// Words that say that a value is none.
const WORDS: [&str; 9] = ["example", "your", "placeholder", "dummy", "test", "fake", "changeme", "abcdef", "redacted"];

/// Shortens credentials; `None` if there are none.
#[must_use]
pub fn mask(text: &str) -> Option<Masked> {
    let mut spans: Vec<(Range<usize>, &'static str, usize)> = Vec::new();
    if HINT.is_match(text) {
        for (kind, pattern) in KINDS.iter().zip(PATTERNS.iter()) {
            let found = pattern.find_iter(text).filter(|found| !is_example(found.as_str()));
            spans.extend(found.map(|found| (found.range(), kind.what, kind.kept)));
        }
        // A key without an inside is how guides show one.
        spans.retain(|(range, what, _)| *what != PRIVATE_KEY || range.len() > 200);
    }
    for found in ASSIGNMENT.captures_iter(text).filter_map(|captures| captures.get(1)) {
        if is_random(found.as_str()) && !is_example(found.as_str()) {
            spans.push((found.range(), "secret", 2));
        }
    }
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|(range, _, _)| (range.start, std::cmp::Reverse(range.end)));
    let mut masked = Masked { text: String::with_capacity(text.len()), found: Vec::new() };
    let mut from = 0;
    for (range, what, kept) in spans {
        if range.start < from {
            continue;
        }
        let secret = &text[range.clone()];
        masked.text.push_str(&text[from..range.start]);
        masked.text.push_str(&short(secret, what, kept));
        let shown = format!("{}… ({} characters)", &secret[..kept.min(secret.len())], secret.len());
        masked.found.push(Credential { at: range.start, what, shown });
        from = range.end;
    }
    masked.text.push_str(&text[from..]);
    Some(masked)
}

fn short(secret: &str, what: &str, kept: usize) -> String {
    if what == PRIVATE_KEY {
        let head = secret.get(5..).and_then(|rest| rest.find("-----")).map_or("", |at| &secret[..at + 10]);
        let foot = secret.rfind("-----END").map_or("", |at| &secret[at..]);
        return format!("{head}\n…\n{foot}");
    }
    format!("{}…", &secret[..kept.min(secret.len())])
}

fn is_example(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    EXAMPLES.iter().any(|example| secret.contains(example)) || (secret.len() < 200 && WORDS.iter().any(|word| lower.contains(word)))
}

/// Whether a value looks drawn by lot: of mixed characters, of high entropy, no words.
fn is_random(value: &str) -> bool {
    let trimmed = value.trim_end_matches('=');
    let (mut lower, mut upper, mut digits, mut marks) = (0_usize, 0_usize, 0_usize, 0_usize);
    for byte in trimmed.bytes() {
        match byte {
            b'a'..=b'z' => lower += 1,
            b'A'..=b'Z' => upper += 1,
            b'0'..=b'9' => digits += 1,
            _ => marks += 1,
        }
    }
    let length = trimmed.len();
    // Names, paths, calls and versions have marks between words; identifiers have few digits.
    if digits * 10 < length || marks * 6 > length || lower + upper < 4 {
        return false;
    }
    let hexadecimal = trimmed.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal { length >= 32 && entropy(trimmed) > 3.0 } else { (upper > 1 || digits * 4 > length) && entropy(trimmed) > 3.9 }
}

#[expect(clippy::cast_precision_loss, reason = "lengths of a line")]
fn entropy(text: &str) -> f32 {
    let mut counts = [0_u32; 128];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = text.len().max(1) as f32;
    counts.iter().filter(|count| **count > 0).map(|count| *count as f32 / length).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that no scanner takes this file for a leak.
    fn token(start: &str, length: usize) -> String {
        const LETTERS: &[u8] = b"q7Rz2Lw9Xc4Vb8Nm3Kj6Hg5Fd1SaPoIuYtReWQ";
        let rest: String = (0..length).map(|at| char::from(LETTERS[(at * 7 + at / 5) % LETTERS.len()])).collect();
        format!("{start}{rest}")
    }

    #[test]
    fn tokens_of_known_kinds_are_shortened_to_their_kind() {
        for (what, secret) in [
            ("AWS access key", token("AKIA", 16).to_uppercase()),
            ("GitHub token", token("ghp_", 36)),
            ("GitHub token", token("github_pat_", 82)),
            ("GitLab token", token("glpat-", 20)),
            ("Slack token", token("xoxb-", 40)),
            ("Stripe key", token("sk_live_", 24)),
            ("Google API key", token("AIza", 35)),
            ("npm token", token("npm_", 36)),
            ("JSON web token", format!("{}.{}.{}", token("eyJ", 30), token("eyJ", 60), token("", 43))),
            ("secret", token("", 40)),
        ] {
            let text = format!("api_key = \"{secret}\" # use it");
            let masked = mask(&text).unwrap_or_else(|| panic!("{what}: {secret}"));
            assert_eq!(masked.found[0].what, what);
            assert!(!masked.text.contains(&secret) && masked.text.ends_with("…\" # use it"), "{}", masked.text);
            assert!(!masked.found[0].shown.contains(&secret[..secret.len() / 2]));
        }
    }

    #[test]
    fn a_private_key_loses_its_inside() {
        let text = format!("key:\n-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\nend", token("MII", 300));
        assert_eq!(mask(&text).unwrap().text, "key:\n-----BEGIN RSA PRIVATE KEY-----\n…\n-----END RSA PRIVATE KEY-----\nend");
    }

    #[test]
    fn examples_placeholders_and_names_stay() {
        for text in [
            "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "STRIPE_KEY=sk_test_4eC39HqLyjWDarjtT1zdp7dc",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
            "SECRET_KEY = \"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7\"",
            "api_key: YOUR_API_KEY_GOES_HERE_1234567890",
            "api_key = os.environ['SERVICE_API_KEY_PRODUCTION']",
            "password: config.database.credentials.password",
            "token = await getAccessTokenSilently({ audience })",
            "secretKeyRef: my-application-secret-name-2024",
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(mask(text), None, "{text}");
        }
    }
}
