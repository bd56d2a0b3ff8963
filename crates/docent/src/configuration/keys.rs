//! The list of configuration keys.

use config::{Value, ValueKind};

/// A configuration key.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// `section.key`, as in the file.
    pub name: &'static str,
    /// Its default as text; lists are separated by commas.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it is never shown.
    pub secret: bool,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Kind {
    Text,
    Number,
    Switch,
    List,
    Tables,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning, secret: false, kind }
}

/// Every key.
pub const KEYS: &[Key] = &[
    key("server.listen", Kind::Text, "127.0.0.1:8080", "The address and port to listen on. `--listen` wins over it."),
    key("server.workers", Kind::Number, "0", "Threads that answer requests. 0: one for each core."),
    key(
        "server.trusted_proxies",
        Kind::List,
        "",
        "Addresses (or networks, `10.0.0.0/8`) of reverse proxies. Only from them is `X-Forwarded-For` believed, for limits and the audit record.",
    ),
    key(
        "auth.public_url",
        Kind::Text,
        "",
        "The URL of the authorization server and the pages, as browsers reach it: the *issuer*. Without a slash at the end. Empty: `http://localhost:PORT`. A process that serves only some roles must be told.",
    ),
    key(
        "auth.access_token_lifetime",
        Kind::Number,
        "900",
        "Seconds that an access token lives. At least 301: some assistants refresh before every request below that.",
    ),
    key("auth.refresh_token_lifetime", Kind::Number, "90", "Days after which an unused refresh token ends. Each use starts them anew."),
    key("auth.session_lifetime", Kind::Number, "30", "Days that a browser stays signed in."),
    key(
        "auth.key_rotation",
        Kind::Number,
        "30",
        "Days that a signing key is used before the next one takes over. Tokens signed with the old one stay valid.",
    ),
    key(
        "auth.resource_servers",
        Kind::List,
        "",
        "Ids of clients that may ask about every token at the introspection endpoint (RFC 7662): protected resources of yours beside Docent. Every other client learns of its own tokens only.",
    ),
    key(
        "auth.trusted_issuers",
        Kind::Tables,
        "",
        "Identity providers whose identity assertions (ID-JAG) give access tokens: see [Enterprise](enterprise.md). One table `[[auth.trusted_issuers]]` for each, or a JSON array of objects in the variable. Empty: the grant type does not exist.",
    ),
    key(
        "mcp.public_url",
        Kind::Text,
        "",
        "The origin under which assistants reach the MCP endpoint, without `/mcp`. Empty: the same as `auth.public_url` when one process serves both, else `http://localhost:PORT`.",
    ),
    key(
        "mcp.keys_url",
        Kind::Text,
        "",
        "Where a process that serves only `mcp` reads the issuer's signing keys, if it cannot or should not go through the public URL: for example `http://auth:8080/oauth/jwks` inside a private network. Empty: what the issuer's metadata says.",
    ),
    key(
        "mcp.allowed_hosts",
        Kind::List,
        "",
        "Further values of the `Host` header that `/mcp` answers. The public URL's own host, and localhost with its port, always work.",
    ),
    key(
        "mcp.allowed_origins",
        Kind::List,
        "",
        "Origins of browser-based clients that may call `/mcp`, for example `https://inspector.example.com`. Our own and those on localhost always may.",
    ),
    key(
        "database.url",
        Kind::Text,
        "",
        "`postgres://USER:PASSWORD@HOST/NAME`. Empty: SQLite in the data folder. Processes that serve different roles need Postgres.",
    ),
    key("database.max_connections", Kind::Number, "10", "Connections to Postgres that one process opens at most."),
    key(
        "accounts.sign_up",
        Kind::Text,
        "invite",
        "Who may make an account: `invite` (whoever has an administrator's link), `open` (everybody), `closed` (nobody; accounts are made at the command line).",
    ),
    key(
        "clients.dynamic_registration",
        Kind::Text,
        "open",
        "Who may register a client: `open` (every client, which is what most assistants need), `token` (who has an initial access token, made by `docent client token create`), `off` (nobody; `docent client add` still does).",
    ),
    key(
        "clients.metadata_documents",
        Kind::Switch,
        "true",
        "Whether a client may name itself by an https URL at which its description stands (*client ID metadata document*), and may publish its keys at a URL. Docent fetches both, directly and not through a proxy, from public addresses only. `false`: nothing is fetched; right for a server without a way to the internet, where clients then register.",
    ),
    key(
        "clients.metadata_document_hosts_allowed",
        Kind::List,
        "",
        "**Dangerous.** Clients' documents are fetched from the public internet only. Entries of this list are exceptions, for clients inside of your network: a host (`clients.internal`: wherever it leads), a network (`10.20.0.0/16`), or a host with the address to ask instead of the one that its name resolves to (`chatgpt.com=10.20.0.5:443`, for a mirror where there is no internet). Whoever can send a person to your Docent can make it send a GET request to these.",
    ),
    key(
        "clients.metadata_document_ca",
        Kind::Text,
        "",
        "A file in PEM form with certificate authorities that are trusted for clients' documents, besides those of the system: for hosts inside of your network.",
    ),
    key(
        "library.index_folder",
        Kind::Text,
        "",
        "Where indexes are kept. Empty: `index` in the data folder. Processes of different roles must share it, unless `artefacts.url` is set: then each has its own, as a cache.",
    ),
    key("library.max_open", Kind::Number, "256", "Indexes that are kept open at once. The least recently used one is closed first."),
    key("library.site_pages", Kind::Number, "10000", "Pages that are read of one web site (`docent library add site:https://…`) at most."),
    key(
        "library.site_delay",
        Kind::Number,
        "200",
        "Milliseconds between the starts of two requests to a web site. A longer `Crawl-delay` in its `robots.txt` wins.",
    ),
    key(
        "library.npm_registry",
        Kind::Text,
        "",
        "Where `npm:NAME` is looked up: what `npm config get registry` prints, or a mirror of yours with the same interface. Empty: packages of npm cannot be added.",
    ),
    key(
        "library.pypi_registry",
        Kind::Text,
        "",
        "Where `pypi:NAME` is looked up: the origin of a package index that answers `/pypi/NAME/json`. Empty: packages of Python cannot be added.",
    ),
    key(
        "library.cargo_registry",
        Kind::Text,
        "",
        "Where `cargo:NAME` is looked up: a sparse index, as in Cargo's configuration, with or without `sparse+`. Empty: packages of Cargo cannot be added.",
    ),
    key("library.guide", Kind::Switch, "true", "Whether this guide is served as the library `/docent/docs`."),
    key(
        "library.refresh_every",
        Kind::Text,
        "1d",
        "How often a worker looks whether the source of a library changed: a number and `m`, `h` or `d`, or `off`. Libraries take their turns one by one, each at a moment of its own. `docent library schedule` gives one library another period.",
    ),
    key(
        "artefacts.url",
        Kind::Text,
        "",
        "An S3-compatible object store for indexes, `s3://BUCKET` or `s3://BUCKET/PREFIX`: whoever reads a library uploads its index, and each process downloads those that it is asked for into its `library.index_folder`. All processes need the same one. Empty: indexes are in the folder only.",
    ),
    key("artefacts.endpoint", Kind::Text, "", "The object store's server, for example `https://minio.internal:9000`. Empty: Amazon's."),
    key("artefacts.region", Kind::Text, "", "Its region. Empty: what `AWS_REGION` says, else `us-east-1`."),
    Key {
        secret: true,
        ..key(
            "artefacts.access_key_id",
            Kind::Text,
            "",
            "Who asks the object store. Empty: what the environment (`AWS_ACCESS_KEY_ID`, a web identity) or the machine's role says.",
        )
    },
    Key { secret: true, ..key("artefacts.secret_access_key", Kind::Text, "", "The secret of `artefacts.access_key_id`.") },
    key(
        "artefacts.path_style",
        Kind::Switch,
        "true",
        "Whether the bucket stands in the path (`https://minio.internal/BUCKET`), which every server understands, or in the host's name.",
    ),
    key(
        "artefacts.cache_size",
        Kind::Number,
        "10240",
        "Megabytes that `library.index_folder` may take when `artefacts.url` is set. What was not used for longest is removed first, and never what is open, so leave room for `library.max_open` indexes.",
    ),
    key(
        "embedding.model",
        Kind::Text,
        "",
        "The folder of a model that `docent model install` made. With it, questions also find what says the same in other words: see [Embedding model](embedding-model.md). Empty: questions are answered by their words. Processes that serve `mcp` and `worker` need it; one without it answers by words.",
    ),
    key(
        "embedding.checksum",
        Kind::Text,
        "",
        "The checksum that the model must have, as `docent model install` printed it. Empty: that in its folder.",
    ),
    key(
        "embedding.endpoint",
        Kind::Text,
        "",
        "Instead of a model in this process: the base URL of a server with an interface as OpenAI's `POST /embeddings`, for example `http://localhost:11434/v1` (Ollama), or one of vLLM or Text Embeddings Inference. Snippets and questions are sent to it.",
    ),
    key(
        "embedding.endpoint_model",
        Kind::Text,
        "",
        "The model's name at the endpoint. Vectors are kept under it: another name is another model.",
    ),
    Key { secret: true, ..key("embedding.endpoint_key", Kind::Text, "", "A key for the endpoint, sent as a bearer token. Empty: none.") },
    key(
        "trust.policy",
        Kind::Text,
        "neutralise",
        "What is done with text of libraries that is no documentation: words aimed at assistants, characters that nobody sees, forged boundaries of results, data URLs, credentials in examples. `neutralise` takes out what it is and leaves the rest of the page; `leave_out` leaves a page with words aimed at assistants out as a whole; `report` changes nothing. Findings are shown by `docent library show` and on the library's page in each case. A change takes effect when a library is read the next time: `docent library refresh`.",
    ),
    key("site.name", Kind::Text, "Docent", "The name on pages, for example your company's."),
    Key {
        secret: true,
        ..key(
            "secrets.master_key",
            Kind::Text,
            "",
            "64 hexadecimal digits (`openssl rand -hex 32`) that encrypt signing keys and credentials of sources in the database. Empty: the file `master.key` in the data folder, made at the first start. Processes of different roles need the same one.",
        )
    },
    key(
        "limits.user",
        Kind::Number,
        "600",
        "Requests a minute that one person may make at the tools and the REST API, through all apps and keys together; all at once or spread out. Beyond that the answer is 429. 0: as many as come.",
    ),
    key("limits.project", Kind::Number, "6000", "The same for one project, by all of its people together. 0: as many as come."),
    key("limits.key", Kind::Number, "600", "The same for one API key. 0: as many as come."),
    Key {
        secret: true,
        ..key(
            "limits.server",
            Kind::Text,
            "",
            "A Valkey or Redis server at which several nodes count together: `redis://[USER:PASSWORD@]HOST:PORT[/DATABASE]`, or `rediss://` with TLS. While it does not answer, each node counts for itself. Empty: each node counts for itself.",
        )
    },
    key("audit.retention", Kind::Number, "400", "Days that entries of the audit record are kept."),
    key(
        "metrics.listen",
        Kind::Text,
        "",
        "An address and port at which this process tells numbers for Prometheus, at `/metrics`. They name no person; whoever reaches the port reads them, so let only your monitoring reach it. Empty: nowhere.",
    ),
    key("log.format", Kind::Text, "auto", "`auto` and `human` (for people), or `json` (one object a line)."),
    key("log.level", Kind::Text, "info", "A filter as in `RUST_LOG`, for example `info,docent_resource_server=debug`."),
];

impl Key {
    pub(super) fn is_list(&self) -> bool {
        self.kind == Kind::List
    }

    pub(super) fn is_tables(&self) -> bool {
        self.kind == Kind::Tables
    }

    pub(super) fn default_value(&self) -> Value {
        match self.kind {
            Kind::Text => Value::from(self.default),
            Kind::Number => Value::from(self.default.parse::<i64>().unwrap_or_default()),
            Kind::Switch => Value::from(self.default == "true"),
            Kind::List | Kind::Tables => Value::new(None, ValueKind::Array(Vec::new())),
        }
    }
}

/// The text of `docs/configuration.md`.
#[cfg(test)]
pub(super) fn documentation() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "# Configuration\n\nDocent needs no configuration to run. What you set is read in this order, later wins: defaults, the file `docent.toml` in the current folder (or `--config FILE`), \
         variables `DOCENT__SECTION__KEY`. A key that does not exist is an error that names the nearest one. `docent config show` prints every key with its effective value and where that comes from.\n\n\
         ```toml\n# docent.toml\n[auth]\npublic_url = \"https://docs.example.com\"\n\n[accounts]\nsign_up = \"invite\"\n```\n\nIn a variable, items of a list are separated by commas: `DOCENT__MCP__ALLOWED_HOSTS=a.example,b.example`.\n",
    );
    let mut section = "";
    for key in KEYS {
        let (this, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if this != section {
            section = this;
            let _ = write!(text, "\n## [{section}]\n");
        }
        let default = if key.default.is_empty() { "empty".to_owned() } else { format!("`{}`", key.default) };
        let variable = key.name.to_ascii_uppercase().replace('.', "__");
        let _ = write!(text, "\n### {name}\n\nDefault: {default}. Variable: `DOCENT__{variable}`.\n\n{}\n", key.meaning);
    }
    text
}
