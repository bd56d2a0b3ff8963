//! Whether the documents of known clients can be reached from where this server stands. Clients name themselves by their documents as soon
//! as those are advertised, and do not fall back: without a way to the internet nobody could connect who can register.

use docent_types::documents::DocumentError;

/// Hosts at which the makers of clients publish their documents. They are on the internet: that one of them cannot be reached says
/// something about this server. A host of somebody's choosing says nothing, or anybody could switch documents off.
const MAKERS: [&str; 8] =
    ["chatgpt.com", "claude.ai", "github.com", "goose-docs.ai", "insiders.vscode.dev", "opencode.ai", "vscode.dev", "zed.dev"];

/// What a fetch from `host` tells: cut off, not cut off, or nothing.
#[must_use]
pub fn is_cut_off(host: &str, error: Option<&DocumentError>) -> Option<bool> {
    if !MAKERS.contains(&host) {
        return None;
    }
    match error {
        Some(DocumentError::Host | DocumentError::Address | DocumentError::Connection | DocumentError::Time) => Some(true),
        Some(DocumentError::Url | DocumentError::TooOften(_) | DocumentError::Unavailable(_)) => None,
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AS12.
    #[test]
    fn only_the_hosts_of_makers_tell_whether_there_is_a_way_to_the_internet() {
        assert_eq!(is_cut_off("chatgpt.com", Some(&DocumentError::Host)), Some(true));
        assert_eq!(is_cut_off("claude.ai", Some(&DocumentError::Time)), Some(true));
        assert_eq!(
            is_cut_off("vscode.dev", Some(&DocumentError::Address)),
            Some(true),
            "a name server that sends everybody to its own page"
        );
        assert_eq!(is_cut_off("zed.dev", Some(&DocumentError::Status(404))), Some(false));
        assert_eq!(is_cut_off("zed.dev", None), Some(false));
        assert_eq!(is_cut_off("zed.dev", Some(&DocumentError::TooOften(3))), None);
        assert_eq!(is_cut_off("nowhere.example", Some(&DocumentError::Host)), None);
        assert_eq!(is_cut_off("inside.example", None), None);
    }
}
