//! Languages and package registries: which a library belongs to, as far as its own words tell, and which a query names.

/// A set of ecosystems.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ecosystems(u16);

const PYTHON: u16 = 1;
const JAVASCRIPT: u16 = 1 << 1;
const RUST: u16 = 1 << 2;
const GO: u16 = 1 << 3;
const JAVA: u16 = 1 << 4;
const DOTNET: u16 = 1 << 5;
const RUBY: u16 = 1 << 6;
const PHP: u16 = 1 << 7;
const ELIXIR: u16 = 1 << 8;
const SWIFT: u16 = 1 << 9;
const DART: u16 = 1 << 10;
const CPP: u16 = 1 << 11;

impl Ecosystems {
    /// None, or unknown.
    pub const NONE: Self = Self(0);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether both have one in common.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// What a word of a query asks for.
    #[must_use]
    pub fn named(word: &str) -> Self {
        Self(match word {
            "python" | "python3" | "py" | "pypi" | "pip" | "asyncio" => PYTHON,
            "javascript" | "js" | "typescript" | "ts" | "node" | "nodejs" | "npm" | "browser" | "es6" => JAVASCRIPT,
            "rust" | "rs" | "crate" | "crates" | "cargo" => RUST,
            "go" | "golang" => GO,
            "java" | "kotlin" | "jvm" | "scala" | "android" | "maven" | "gradle" => JAVA,
            "net" | ".net" | "dotnet" | "csharp" | "c#" | "nuget" => DOTNET,
            "ruby" | "gem" | "rb" => RUBY,
            "php" | "composer" | "packagist" => PHP,
            "elixir" | "hex" | "erlang" => ELIXIR,
            "swift" | "ios" => SWIFT,
            "dart" | "pub" => DART,
            "c++" | "cpp" => CPP,
            _ => 0,
        })
    }

    /// What a word of a library's description tells: more than a query's, since a framework tells its language.
    #[must_use]
    pub fn told(word: &str) -> Self {
        let implied = match word {
            "django" | "flask" | "fastapi" | "wsgi" | "asgi" | "numpy" | "pandas" | "pytorch" | "pythonic" => PYTHON,
            "react" | "vue" | "angular" | "svelte" | "express" | "jsx" | "vuejs" | "reactjs" | "webpack" | "vite" => JAVASCRIPT,
            "tokio" => RUST,
            "spring" => JAVA,
            "rails" | "rack" => RUBY,
            "laravel" | "symfony" => PHP,
            "flutter" => DART,
            // "to go", "node of a cluster", "hex", "pub", "gem", "package": words of other meanings.
            "go" | "node" | "hex" | "pub" | "gem" | "net" | "browser" | "pip" | "maven" | "gradle" | "android" | "ios" | "npm"
            | "cargo" => return Self(0),
            _ => 0,
        };
        Self(implied).and(Self::named(word))
    }

    /// What a registry's name tells, as it stands before a package: `npm:react`.
    #[must_use]
    pub fn of_registry(name: &str) -> Self {
        Self(match name {
            "npm" | "jsr" => JAVASCRIPT,
            "pypi" => PYTHON,
            "crates" | "cargo" => RUST,
            "go" => GO,
            "maven" => JAVA,
            "nuget" => DOTNET,
            "gem" | "rubygems" => RUBY,
            "packagist" | "composer" => PHP,
            "hex" => ELIXIR,
            "swift" | "cocoapods" => SWIFT,
            "pub" => DART,
            _ => 0,
        })
    }

    /// What the form of a name tells: `redis-py`, `socket.io-client`, `tokio-rs`, `node-redis`, `three.js`.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let mut found = Self(0);
        for part in lower.split(|c: char| !(c.is_ascii_alphanumeric() || c == '+' || c == '#')) {
            found = found.and(match part {
                "node" | "js" | "ts" | "javascript" | "typescript" => Self(JAVASCRIPT),
                "py" | "python" => Self(PYTHON),
                "rs" | "rust" => Self(RUST),
                "go" | "golang" => Self(GO),
                "java" | "kotlin" => Self(JAVA),
                "dotnet" | "csharp" => Self(DOTNET),
                "ruby" | "rb" => Self(RUBY),
                "php" | "swift" | "elixir" | "dart" => Self::named(part),
                _ => Self(0),
            });
        }
        if lower.len() > 4 && lower.starts_with("py") && !lower.starts_with("pyr") {
            found = found.and(Self(PYTHON));
        }
        found
    }
}
