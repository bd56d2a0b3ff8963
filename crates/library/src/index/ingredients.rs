//! What the ranking is made of, so that each part can be left out and what it brings be seen (`docent eval --without`).

/// The parts that are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ingredients {
    /// Weights of fields: a word in a heading counts more than one in code.
    pub fields: bool,
    /// Compound names as they are written, beside their words.
    pub identifiers: bool,
    /// What a page is for.
    pub roles: bool,
    /// A page's score from several of its snippets, not from its best alone.
    pub pages: bool,
    /// Few snippets of each page before others, not the best snippets wherever they are from.
    pub spread: bool,
    /// The passage after one that ends where it says that something follows.
    pub neighbours: bool,
}

impl Ingredients {
    /// All of them: what is served.
    pub const ALL: Self = Self { fields: true, identifiers: true, roles: true, pages: true, spread: true, neighbours: true };
}

impl Default for Ingredients {
    fn default() -> Self {
        Self::ALL
    }
}
