//! Starts the real binary in each shape that it is deployed in, and talks to it as people and MCP clients do.
//!
//! It knows the product only from outside: command line, HTTP, and what the OAuth and MCP specifications say. It imports
//! no crate of the product, so a test cannot pass by sharing a mistake with what it tests.
//!
//! In the order of the story:
//! - [`binary`]: where the built binary is.
//! - [`port`]: free ports. [`signal`]: signals to processes.
//! - [`postgres`], [`redis`]: a private server for one test.
//! - [`process`]: one running `docent serve`, its log, its end.
//! - [`installation`]: all processes of one shape, and its command line. [`in_every_shape!`] runs a story in each.
//! - [`documents`]: the library that stories ask about. [`document_server`]: what clients publish about themselves.
//! - [`http`]: answers that can be compared. [`person`]: a browser without scripts: forms and cookies.
//! - [`jose`]: keys and tokens of other issuers and of attackers.
//! - [`oauth_client`]: discovery, registration, code, tokens. [`device_client`]: a machine without a browser. [`mcp`]: JSON-RPC in both eras.
//! - [`jose`], [`served`]: keys, tokens and documents of other issuers and of attackers.
//! - [`wire`]: what went over the wire, byte for byte.
//! - [`source_tree`]: the repository's own files, for tests that read them. [`program`]: other programs that tests run.

pub mod binary;
pub mod device_client;
pub mod document_server;
pub mod documents;
pub mod http;
pub mod installation;
pub mod jose;
pub mod mcp;
pub mod oauth_client;
pub mod person;
pub mod port;
pub mod postgres;
pub mod process;
pub mod program;
pub mod redis;
pub mod s3;
pub mod served;
pub mod signal;
pub mod source_tree;
pub mod wire;

pub use installation::{Installation, Shape};
pub use oauth_client::{OAuthClient, Tokens};
pub use person::Person;

/// What a story returns.
pub type Result<T = ()> = anyhow::Result<T>;

/// Makes one test for each story and shape: `together::name` (one process, SQLite), `together_postgres::name` (one
/// process, Postgres) and `split::name` (three processes on two origins, Postgres). A story is an
/// `async fn(&mut Installation) -> Result`.
#[macro_export]
macro_rules! in_every_shape {
    ($($story:ident),+ $(,)?) => {
        $crate::in_shape!(together, Together, $($story),+);
        $crate::in_shape!(together_postgres, TogetherPostgres, $($story),+);
        $crate::in_shape!(split, Split, $($story),+);
    };
}

/// As [`in_every_shape!`], for the shapes on Postgres.
#[macro_export]
macro_rules! in_postgres_shapes {
    ($($story:ident),+ $(,)?) => {
        $crate::in_shape!(together_postgres, TogetherPostgres, $($story),+);
        $crate::in_shape!(split, Split, $($story),+);
    };
}

/// As [`in_every_shape!`], for SQLite in one process and for the split shape: where the database makes no difference.
#[macro_export]
macro_rules! together_and_split {
    ($($story:ident),+ $(,)?) => {
        $crate::in_shape!(together, Together, $($story),+);
        $crate::in_shape!(split, Split, $($story),+);
    };
}

/// As [`together_and_split!`], with a server for what clients publish ([`document_server`]) that the Docent under test may ask.
#[macro_export]
macro_rules! with_documents {
    ($($story:ident),+ $(,)?) => {
        $crate::in_shape_with_documents!(together_with_documents, Together, $($story),+);
        $crate::in_shape_with_documents!(split_with_documents, Split, $($story),+);
    };
}

/// One test for each story in one shape, with a server for what clients publish.
#[macro_export]
macro_rules! in_shape_with_documents {
    ($module:ident, $shape:ident, $($story:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $story() -> $crate::Result {
                    $crate::installation::tell_with_documents($crate::Shape::$shape, |installation| Box::pin(super::$story(installation)))
                }
            )+
        }
    };
}

/// One test for each story in one shape, in a module of the given name.
#[macro_export]
macro_rules! in_shape {
    ($module:ident, $shape:ident, $($story:ident),+) => {
        mod $module {
            $(
                #[test]
                fn $story() -> $crate::Result {
                    $crate::installation::tell($crate::Shape::$shape, |installation| Box::pin(super::$story(installation)))
                }
            )+
        }
    };
}
