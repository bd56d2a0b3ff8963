//! What each client goes through, and what must be seen of it: on the wire and in the server's own record, not only in what the client says.

use crate::clients::{self, Client, Document};
use crate::matrix::{Phase, Row};
use crate::seen::{Seen, registration};
use crate::session::Session;
use anyhow::{Context as _, ensure};
use docent_tests::document_server::DocumentServer;
use docent_tests::{Installation, Result, Shape, wire};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How many processes of one client refresh at once.
const AT_ONCE: usize = 3;

struct Told<'a> {
    installation: &'a Installation,
    client: Client,
    session: Session,
    row: Row,
    client_id: String,
}

/// How a client gets its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    /// Dynamic registration; metadata documents are not advertised.
    Registration,
    /// Its metadata document.
    Document,
}

/// A client in a fresh installation; the whole story in one process with registration, the first half of it otherwise.
fn tell(shape: Shape, by: By, client: Client) -> Result {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (published, variables) = match by {
            By::Registration => (None, vec![("DOCENT__CLIENTS__METADATA_DOCUMENTS".to_owned(), "false".to_owned())]),
            By::Document => {
                let server = DocumentServer::start().await?;
                let variables = server.variables();
                (Some(server), variables)
            }
        };
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut installation = Installation::start_recorded(shape, &variables).await?;
        installation.published = published;
        let outcome = whole(&installation, client).await;
        if outcome.is_err() {
            installation.print_logs();
            eprintln!("=== on the wire ===\n{}", Seen::since(&installation, 0).lines());
        }
        outcome
    })
}

async fn whole(installation: &Installation, client: Client) -> Result {
    let table = match (installation.shape, &installation.published) {
        (Shape::Split, Some(_)) => "split-document",
        (Shape::Split, None) => "split",
        (_, Some(_)) => "document",
        (_, None) => "together",
    };
    let mut session = Session::open(installation, &format!("{}-{table}", client.key)).await?;
    if let Some(server) = &installation.published {
        let publish = |host: &str, path: &str, uri: &str| {
            server.publish_client(host, path, &json!({"client_name": client.name, "redirect_uris": [uri]}))
        };
        match client.document {
            Document::Theirs(host, path, uri) => session.publish(&publish(host, path, uri)),
            Document::Told(uri) => session.publish(&publish("localhost", "/client.json", uri)),
            Document::None(_) => anyhow::bail!("{} has no document", client.name),
        }
    }
    let row = Row::new(client, table)?;
    let mut told = Told { installation, client, session, row, client_id: String::new() };
    told.connects().await?;
    told.calls().await.context("call")?;
    told.refreshes().await.context("refresh")?;
    if table == "together" {
        told.refreshes_at_once().await.context("parallel refresh")?;
        told.is_forgotten().await.context("re-login")?;
    }
    told.row.finish()
}

/// The beginning of the story, by registration: it is in no table.
pub(crate) async fn connects_and_calls(installation: &Installation, client: Client) -> Result {
    let session = Session::open(installation, &format!("{}-alone", client.key)).await?;
    let mut told = Told { installation, client, session, row: Row::new(client, "together")?, client_id: String::new() };
    told.connects().await?;
    told.calls().await.context("call")
}

impl Told<'_> {
    async fn run(&self, command: &str) -> Result {
        self.client.run(&self.session, command).await
    }

    /// Events of a kind in the security record, of this client.
    async fn recorded(&self, kind: &str) -> Result<usize> {
        let statement = format!("SELECT count(*) FROM audit_events WHERE kind = '{kind}' AND client_id = '{}'", self.client_id);
        Ok(self.installation.query(&statement).await?.first().context("no count")?.parse()?)
    }

    /// How often a tool answered this client. Counters are written within a second.
    async fn used(&self, tool: &str) -> Result<usize> {
        let statement = format!("SELECT coalesce(sum(succeeded), 0) FROM usage WHERE tool = '{tool}' AND client_id = '{}'", self.client_id);
        Ok(self.installation.query(&statement).await?.first().context("no sum")?.parse()?)
    }

    /// Discovery, registration, consent, token.
    async fn connects(&mut self) -> Result {
        let mark = wire::now();
        self.run("login").await?;
        let seen = Seen::since(self.installation, mark);
        seen.discovery()?;
        self.row.set(Phase::Discovery, "yes");

        let authorization = seen.authorization()?;
        self.client_id = authorization.query("client_id").context("no client_id")?;
        let registrations = seen.registrations();
        let mut wanted = Value::Null;
        if let Some(document) = &self.session.document {
            ensure!(self.client_id == *document && registrations.is_empty(), "it did not use its document:\n{}", seen.lines());
            let fetched = self.installation.documents()?.requests().iter().filter(|url| *url == document).count();
            ensure!(fetched == 1, "the document was fetched {fetched} times");
            self.row.set(Phase::Registration, "by its document");
        } else {
            let last = registrations.last().with_context(|| format!("it did not register:\n{}", seen.lines()))?;
            let given;
            (wanted, given) = registration(last)?;
            ensure!(given["client_id"] == self.client_id.as_str(), "registered as {}, came as {}", given["client_id"], self.client_id);
            ensure!(self.recorded("client.registered").await? >= 1, "no registration is on record");
            self.row.set(Phase::Registration, "yes");
        }

        self.session.wait_for_consents(1).await.with_context(|| seen.lines())?;
        ensure!(seen.codes() == 1, "{} codes:\n{}", seen.codes(), seen.lines());
        ensure!(self.recorded("grant.created").await? == 1, "the grant is not on record");
        self.row.set(Phase::Consent, "yes");

        ensure!(seen.given("authorization_code") == 1, "{}", seen.lines());
        ensure!(self.recorded("token.issued").await? == 1, "the tokens are not on record");
        self.row.set(Phase::Token, "yes");
        self.row.sends(&seen, &wanted)
    }

    async fn calls(&mut self) -> Result {
        let mark = wire::now();
        self.run("call").await?;
        let seen = Seen::since(self.installation, mark);
        let calls = seen.calls("query-docs");
        ensure!(calls >= 1 && seen.calls("resolve-library-id") >= 1, "the tools were not called:\n{}", seen.lines());
        ensure!(seen.given("authorization_code") == 0, "it logged in again:\n{}", seen.lines());
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.used("query-docs").await? < calls {
            ensure!(Instant::now() < deadline, "{calls} calls are not counted");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.row.speaks(&seen);
        self.row.set(Phase::Call, "yes");
        Ok(())
    }

    async fn refreshes(&mut self) -> Result {
        self.run("expire").await?;
        let (mark, before) = (wire::now(), self.recorded("token.refreshed").await?);
        self.run("call").await?;
        let seen = Seen::since(self.installation, mark);
        ensure!(seen.calls("query-docs") >= 1, "{}", seen.lines());
        let given = seen.given("refresh_token");
        let recorded = self.recorded("token.refreshed").await? - before;
        ensure!(given == recorded, "{given} refreshes on the wire, {recorded} on record");
        if given == 0 {
            ensure!(seen.given("authorization_code") == 1, "it neither refreshed nor logged in:\n{}", seen.lines());
            self.row.set(Phase::Refresh, "no: signs in again");
            return Ok(());
        }
        ensure!(given == 1 && seen.given("authorization_code") == 0, "{}", seen.lines());
        self.row.refreshes(&seen);
        self.row.set(Phase::Refresh, "yes");
        Ok(())
    }

    /// Several processes with the same stored tokens; afterwards what is stored must still work.
    async fn refreshes_at_once(&mut self) -> Result {
        self.run("expire").await?;
        let (mark, before) = (wire::now(), self.recorded("token.refreshed").await?);
        // Processes that take turns never come together: waiting for them would only take time.
        let together = if self.client.takes_turns() { 1 } else { AT_ONCE };
        for wire in &self.installation.wires {
            wire.gather("grant_type=refresh_token", together, Duration::from_secs(30));
        }
        let alone = self.client.writes_in_place();
        let homes: Vec<Session> = if alone {
            (0..AT_ONCE).map(|number| self.session.elsewhere(number)).collect::<Result<_>>()?
        } else {
            vec![self.session.clone(); AT_ONCE]
        };
        let outcomes = join_all(homes.iter().map(|home| self.client.run(home, "call"))).await;
        let seen = Seen::since(self.installation, mark);
        for outcome in outcomes {
            outcome.with_context(|| seen.lines())?;
        }
        let (given, asked) = (seen.given("refresh_token"), seen.tokens("refresh_token").len());
        let least = if self.client.takes_turns() { 1 } else { 2 };
        ensure!(
            given == asked && given >= least,
            "{given} of {asked} refreshes succeeded, at least {least} were to come:\n{}",
            seen.lines()
        );
        ensure!(self.recorded("token.refreshed").await? - before == given, "refreshes are missing from the record");
        ensure!(self.recorded("token.reused").await? == 0, "a race was taken for theft:\n{}", seen.lines());
        ensure!(seen.given("authorization_code") == 0, "one logged in again:\n{}", seen.lines());
        self.run("call").await.context("after all refreshed")?;
        self.run("expire").await?;
        let mark = wire::now();
        self.run("call").await.context("the next refresh")?;
        let seen = Seen::since(self.installation, mark);
        ensure!(seen.given("refresh_token") == 1 && seen.given("authorization_code") == 0, "{}", seen.lines());
        let words = match (alone, self.client.takes_turns()) {
            (true, _) => "yes, each with a file of its own",
            (_, true) => "yes: one refreshes for all",
            _ => "yes",
        };
        self.row.set(Phase::Parallel, words);
        Ok(())
    }

    /// The registration is gone, with all that hangs under it, as after a clean-up or a restored backup.
    async fn is_forgotten(&mut self) -> Result {
        self.installation.query(&format!("DELETE FROM clients WHERE id = '{}'", self.client_id)).await?;
        self.run("expire").await?;
        let mark = wire::now();
        let by_itself = self.run("call").await.is_ok();
        ensure!(Seen::since(self.installation, mark).unknown_client(), "{}", Seen::since(self.installation, mark).lines());
        let mut steps = Vec::new();
        if !by_itself {
            if self.run("login").await.is_err() {
                self.run("reset").await.context("reset")?;
                self.run("login").await.context("login after reset")?;
                steps.push(self.client.over);
            }
            steps.push(self.client.again);
            self.run("call").await.context("after the login")?;
        }
        let seen = Seen::since(self.installation, mark);
        ensure!(seen.given("authorization_code") == 1 && seen.calls("query-docs") >= 1, "{}", seen.lines());
        self.client_id = seen.authorization()?.query("client_id").context("no client_id")?;
        let known = self.installation.query(&format!("SELECT id FROM clients WHERE id = '{}'", self.client_id)).await?;
        ensure!(known.len() == 1, "the client is not there");
        self.row.set(Phase::Relogin, &if by_itself { "yes, by itself".to_owned() } else { steps.join(", then ") });
        Ok(())
    }
}

macro_rules! stories {
    ($module:ident, $shape:ident, $by:ident; $($name:ident: $client:ident),+ $(,)?) => {
        mod $module {
            $(
                #[test]
                fn $name() -> docent_tests::Result {
                    super::tell(docent_tests::Shape::$shape, super::By::$by, super::clients::$client)
                }
            )+
        }
    };
}

macro_rules! registered {
    ($($name:ident: $client:ident),+ $(,)?) => {
        stories!(together, Together, Registration; $($name: $client),+);
        stories!(split, Split, Registration; $($name: $client),+);
    };
}

registered!(
    codex: CODEX,
    opencode: OPENCODE,
    mcp_remote: MCP_REMOTE,
    the_old_mcp_remote: MCP_REMOTE_OLD,
    inspector: INSPECTOR,
    the_typescript_sdk_1: TYPESCRIPT_1,
    the_typescript_sdk_2: TYPESCRIPT_2,
    the_python_sdk_1: PYTHON_1,
    the_python_sdk_2: PYTHON_2,
    fastmcp: FASTMCP,
    the_rust_sdk: RUST,
);

macro_rules! described {
    ($($name:ident: $client:ident),+ $(,)?) => {
        stories!(by_document, Together, Document; $($name: $client),+);
        stories!(split_by_document, Split, Document; $($name: $client),+);
    };
}

described!(
    codex: CODEX,
    mcp_remote: MCP_REMOTE,
    inspector: INSPECTOR,
    the_typescript_sdk_1: TYPESCRIPT_1,
    the_typescript_sdk_2: TYPESCRIPT_2,
    the_python_sdk_1: PYTHON_1,
    the_python_sdk_2: PYTHON_2,
    fastmcp: FASTMCP,
    the_rust_sdk: RUST,
);
