//! Puts the crates together: starts the actors that a role needs and hands each crate the recipients it asks for.

use super::metrics::Metrics;
use super::urls::Roles;
use crate::actors::catalog::Catalog;
use crate::actors::embedding::Embedding;
use crate::actors::ingestion::Ingestion;
use crate::actors::ingestor::Ingestor;
use crate::actors::schedule;
use crate::actors::stopping::{Stop, Stopping};
use crate::configuration::{Configuration, DynamicRegistration, Effective, SignUp};
use crate::installation::Installation;
use actix::prelude::*;
use actix_web::web;
use anyhow::Context as _;
use docent_authorization_server::identity_assertion::TrustedIssuers;
use docent_authorization_server::{
    self as authorization_server, Asks, AuthorizationServer, KeyRing, KeyRingOptions, PasswordHasher, SharedSigner,
};
use docent_console::{Console, Setting};
use docent_library::{ArtefactStore, Reader, Shelf, artefact};
use docent_mcp_tools::Tools;
use docent_resource_server::limits::{Rates, Shared};
use docent_resource_server::{self as resource_server, ApiKeys, Limiter, Limits, RemoteKeys, ResourceServer};
use docent_rest_api::Api;
use docent_store::Store;
use docent_store::actors::{Flush, Janitor, JanitorOptions, Ledger, Recorder, Revocations};
use docent_types::actors::Guardian;
use docent_types::client_address::TrustedProxies;
use docent_types::ids::ClientId;
use docent_types::messages::{CatchUp, ReloadCatalog, SharedKeys, SharedRevoked};
use docent_types::metadata::PublicUrls;
use docent_types::tally::SharedTally;
use docent_types::time::SharedClock;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Messages that may wait at an actor. Beyond that the answer is 503.
pub(super) const MAILBOX: usize = 4096;

/// What the HTTP server is made of.
pub struct Parts {
    /// The roles of this process.
    pub roles: Roles,
    /// The database.
    pub store: Store,
    /// Published keys.
    pub keys: SharedKeys,
    /// The published catalogue.
    pub shelf: Arc<Shelf>,
    /// What is counted.
    pub metrics: Metrics,
    /// Present in the role `auth`.
    pub authorization_server: Option<web::Data<AuthorizationServer>>,
    /// Present in the role `auth`.
    pub console: Option<web::Data<Console>>,
    /// Present in the role `mcp`.
    pub resource_server: Option<web::Data<ResourceServer>>,
    /// Present in the role `mcp`.
    pub tools: Option<Arc<Tools>>,
    /// Present in the role `mcp`.
    pub api: Option<web::Data<Api>>,
    recorder: Recipient<Flush>,
    /// Present in the role `worker`.
    work: Option<Stopping>,
}

impl Parts {
    /// Jobs go back to the queue, for another worker or the next start.
    pub fn stop_work(&self) {
        if let Some(work) = &self.work {
            work.tell(Stop::GiveBack);
        }
    }

    /// Waits until no job runs here.
    pub async fn work_ended(&self) {
        if let Some(work) = &self.work {
            work.idle().await;
        }
    }

    /// Writes what waits to be written.
    pub async fn flush(&self) {
        if self.recorder.send(Flush).await.is_err() {
            tracing::warn!("the recorder was gone before its last entries were written");
        }
    }
}

/// Starts the actors of `roles` on the current arbiter (the ledger on one of its own) and joins the crates.
///
/// # Errors
/// In words for the operator: no keys, no catalogue.
pub async fn compose(installation: &Installation, roles: Roles, urls: &PublicUrls, address: SocketAddr) -> anyhow::Result<Arc<Parts>> {
    let configuration = &installation.configuration;
    let (store, clock, randomness) = (installation.store.clone(), installation.clock.clone(), installation.randomness.clone());
    let access_token_lifetime = Duration::from_secs(configuration.auth.access_token_lifetime);

    let tally = SharedTally::default();
    let recorder = {
        let (store, tally) = (store.clone(), tally.clone());
        Guardian::start("recorder", MAILBOX, move || Recorder::new(store.clone(), tally.clone()).start())
    };

    let revoked = SharedRevoked::default();
    Revocations::load(&store, &revoked, &clock).await.context("cannot read the revocations")?;
    let revocations = {
        let (store, revoked, clock) = (store.clone(), revoked.clone(), clock.clone());
        Guardian::start("revocations", MAILBOX, move || Revocations::new(store.clone(), revoked.clone(), clock.clone()).start())
    };

    let limiter = Guardian::start("limiter", MAILBOX, || Limiter::new(resource_server::LimiterOptions::default()).start());

    let keys = SharedKeys::default();
    let signer = SharedSigner::default();
    let find_key = if roles.auth {
        let options = KeyRingOptions { rotate_every: days(configuration.auth.key_rotation)?, prepublish: DAY, access_token_lifetime };
        let ring = KeyRing::new(store.clone(), installation.master.clone(), clock.clone(), signer.clone(), keys.clone(), options);
        ring.load().await.context("cannot load the signing keys")?;
        Guardian::start("key ring", MAILBOX, move || ring.clone().start()).recipient()
    } else {
        let keys_url = Some(configuration.mcp.keys_url.clone()).filter(|url| !url.is_empty());
        let remote = RemoteKeys::new(urls.issuer.clone(), keys_url, keys.clone(), clock.clone()).context("cannot make an HTTP client")?;
        Guardian::start("remote keys", MAILBOX, move || remote.clone().start()).recipient()
    };

    let shelf = Arc::new(Shelf::over(installation.artefacts.clone(), configuration.library.max_open));
    load_model(configuration, &shelf)?;
    let published = Catalog::publish(&store, &shelf, None).await.context("cannot read the catalogue")?;
    let catalog = {
        let (store, shelf) = (store.clone(), shelf.clone());
        Guardian::start("catalog", MAILBOX, move || Catalog::new(store.clone(), shelf.clone(), published).start())
    };
    let reader = Reader::new(shelf.clone(), catalog.clone().recipient());
    sweep_unfinished(&installation.artefacts);

    let work = if roles.worker { Some(start_worker(installation, &shelf, Some(catalog.recipient()))?) } else { None };
    if roles.auth || roles.worker {
        let (store, clock) = (store.clone(), clock.clone());
        let options = JanitorOptions { audit_retention: days(configuration.audit.retention)?, unused_clients: 100_000 };
        Guardian::start("janitor", MAILBOX, move || Janitor::new(store.clone(), clock.clone(), options).start());
    }

    let (mut authorization_server, mut console) = (None, None);
    if roles.auth {
        let ledger = start_ledger(&store, revocations.recipient(), &clock);
        let hashing = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
        let salts = randomness.clone();
        let hasher = Guardian::start("password hasher", 64, move || {
            let randomness = salts.clone();
            SyncArbiter::start(hashing, move || PasswordHasher::new(randomness.clone()))
        });
        let documents = super::documents::start(configuration, &clock)?;
        let mut settings = authorization_settings(installation, roles, urls, access_token_lifetime)?;
        // What does not work is not advertised (AS1).
        settings.metadata_documents = documents.is_some();
        let server = AuthorizationServer {
            trusted_issuers: TrustedIssuers::new(&settings.trusted_issuers, &clock).context("auth.trusted_issuers")?,
            settings,
            store: store.clone(),
            clock: clock.clone(),
            randomness: randomness.clone(),
            master: installation.master.clone(),
            signer,
            asks: Asks {
                register_client: ledger.clone().recipient(),
                register_dynamically: ledger.clone().recipient(),
                change_client: ledger.clone().recipient(),
                issue_code: ledger.clone().recipient(),
                exchange_code: ledger.clone().recipient(),
                rotate: ledger.clone().recipient(),
                use_once: ledger.clone().recipient(),
                open_grant: ledger.clone().recipient(),
                begin_device: ledger.clone().recipient(),
                claim_device: ledger.clone().recipient(),
                decide_device: ledger.clone().recipient(),
                poll_device: ledger.clone().recipient(),
                revoke: ledger.clone().recipient(),
                hash_password: hasher.clone().recipient(),
                verify_password: hasher.clone().recipient(),
                check_limit: limiter.clone().recipient(),
                record: recorder.clone().recipient(),
            },
            documents,
            revoked: revoked.clone(),
            keys: keys.clone(),
        };
        authorization_server = Some(web::Data::new(server));
        let settings = docent_console::Settings {
            site_name: configuration.site.name.clone(),
            urls: urls.clone(),
            serves_mcp_here: roles.mcp && urls.is_combined(),
            trusted_proxies: trusted_proxies(configuration)?,
            configuration: installation.effective.iter().map(setting).collect(),
        };
        let (store, reader) = (store.clone(), reader.clone());
        let (revoke, change_client) = (ledger.clone().recipient(), ledger.recipient());
        let (clock, randomness) = (clock.clone(), randomness.clone());
        let (verify_password, hash_password) = (hasher.clone().recipient(), hasher.recipient());
        console = Some(web::Data::new(Console {
            settings,
            store,
            reader,
            clock,
            randomness,
            revoke,
            change_client,
            verify_password,
            hash_password,
            check_limit: limiter.recipient(),
        }));
    }

    let (mut resource_server, mut tools, mut api) = (None, None, None);
    if roles.mcp {
        let settings = docent_resource_server::Settings {
            urls: urls.clone(),
            site_name: configuration.site.name.clone(),
            allowed_hosts: mcp_hosts(configuration, address),
            allowed_origins: configuration.mcp.allowed_origins.clone(),
            verified_cache: 20_000,
            clock_leeway: Duration::from_secs(30),
            trusted_proxies: trusted_proxies(configuration)?,
        };
        let record = recorder.clone().recipient();
        let server = ResourceServer::new(settings, clock.clone(), keys.clone(), find_key, revoked, record);
        let server = server.with_api_keys(ApiKeys::new(store.clone(), clock.clone())).with_limits(limits(configuration)?);
        resource_server = Some(web::Data::new(server));
        let count = recorder.clone().recipient();
        api = Some(web::Data::new(Api { reader: reader.clone(), store: store.clone(), count, clock: clock.clone() }));
        tools = Some(Arc::new(Tools::new(reader, recorder.clone().recipient(), clock.clone(), configuration.site.name.clone())));
    }

    Ok(Arc::new(Parts {
        metrics: Metrics::new(tally),
        roles,
        store,
        keys,
        shelf,
        authorization_server,
        console,
        resource_server,
        tools,
        api,
        recorder: recorder.recipient(),
        work,
    }))
}

/// Removes what downloads and builds left that were killed, in the background.
fn sweep_unfinished(artefacts: &ArtefactStore) {
    let artefacts = artefacts.clone();
    tokio::task::spawn_blocking(move || match artefact::sweep_unfinished(artefacts.root()) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "what was left of interrupted work was removed"),
        Err(error) => tracing::warn!(%error, "the folder of indexes could not be looked through"),
    });
}

/// Loads the embedding model beside the start; until it is there, and if it fails, questions are answered by their words.
fn load_model(configuration: &Configuration, shelf: &Arc<Shelf>) -> anyhow::Result<()> {
    if crate::embedding::name(&configuration.embedding)?.is_none() {
        return Ok(());
    }
    let (configured, shelf) = (configuration.embedding.clone(), Arc::clone(shelf));
    actix::spawn(async move {
        let loaded = tokio::task::spawn_blocking(move || {
            let embedder = crate::embedding::open(&configured)?;
            embedder.into_iter().for_each(|embedder| shelf.set_embedder(embedder));
            Ok::<_, anyhow::Error>(())
        });
        match loaded.await {
            Ok(Ok(())) => tracing::info!("the embedding model is loaded"),
            Ok(Err(error)) => tracing::error!(error = format!("{error:#}"), "the embedding model cannot be used"),
            Err(_) => tracing::error!("the embedding model cannot be used: loading it failed"),
        }
    });
    Ok(())
}

/// What is configured, and this machine's names with the port that is listened on: for health checks and for proxies that keep it.
fn mcp_hosts(configuration: &Configuration, address: SocketAddr) -> Vec<String> {
    let own = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{}", address.port()));
    configuration.mcp.allowed_hosts.iter().cloned().chain(own).collect()
}

fn days(count: u64) -> anyhow::Result<Duration> {
    Ok(DAY * u32::try_from(count).context("that many days are too many")?)
}

/// The ledger has a thread of its own: signatures and pages do not stand in the way of commits.
fn start_ledger(store: &Store, catch_up: Recipient<CatchUp>, clock: &SharedClock) -> Addr<Guardian<Ledger>> {
    let (store, clock) = (store.clone(), clock.clone());
    let arbiter = Arbiter::new();
    Guardian::start_in("ledger", MAILBOX, &arbiter.handle(), move || {
        Ledger::new(store.clone(), Some(catch_up.clone()), clock.clone()).start()
    })
}

fn start_worker(installation: &Installation, shelf: &Arc<Shelf>, reload: Option<Recipient<ReloadCatalog>>) -> anyhow::Result<Stopping> {
    let every = schedule::period(&installation.configuration.library.refresh_every)
        .map_err(|wrong| anyhow::anyhow!("library.refresh_every: {wrong}"))?;
    let ingestion = Ingestion::of(installation);
    let data = installation.data.clone();
    let stopping = ingestion.stopping.clone();
    let guide = installation.configuration.library.guide.then(|| ingestion.clone());
    let embedding = Embedding::new(ingestion.store.clone(), ingestion.artefacts.clone(), Arc::clone(shelf));
    Guardian::start("ingestor", MAILBOX, move || Ingestor::new(ingestion.clone(), embedding.clone(), reload.clone(), every).start());
    if let Some(ingestion) = guide {
        actix::spawn(async move {
            if let Err(error) = super::guide::publish(&ingestion, &data).await {
                tracing::warn!(%error, "the user guide is not served");
            }
        });
    }
    Ok(stopping)
}

fn authorization_settings(
    installation: &Installation,
    roles: Roles,
    urls: &PublicUrls,
    access_token_lifetime: Duration,
) -> anyhow::Result<authorization_server::Settings> {
    let configuration = &installation.configuration;
    let settings = authorization_server::Settings {
        urls: urls.clone(),
        site_name: configuration.site.name.clone(),
        sign_up: match configuration.accounts.sign_up {
            SignUp::Invite => authorization_server::SignUp::Invite,
            SignUp::Open => authorization_server::SignUp::Open,
            SignUp::Closed => authorization_server::SignUp::Closed,
        },
        dynamic_registration: match configuration.clients.dynamic_registration {
            DynamicRegistration::Open => authorization_server::DynamicRegistration::Open,
            DynamicRegistration::Token => authorization_server::DynamicRegistration::Token,
            DynamicRegistration::Off => authorization_server::DynamicRegistration::Off,
        },
        metadata_documents: false,
        access_token_lifetime,
        refresh_token_lifetime: days(configuration.auth.refresh_token_lifetime)?,
        code_lifetime: Duration::from_secs(60),
        session_lifetime: days(configuration.auth.session_lifetime)?,
        serves_root_aliases: roles.mcp && urls.is_combined(),
        registration_refusal_delay: Duration::from_secs(1),
        trusted_proxies: trusted_proxies(configuration)?,
        trusted_issuers: super::trusted_issuers::of(configuration)?,
        resource_servers: configuration.auth.resource_servers.iter().cloned().map(ClientId).collect(),
    };
    settings.check()?;
    Ok(settings)
}

/// A key for the administrators' page.
fn setting(effective: &Effective) -> Setting {
    let Effective { key, value, origin } = effective;
    Setting { key: key.name.to_owned(), value: value.clone(), origin: origin.clone(), meaning: key.meaning.to_owned() }
}

fn limits(configuration: &Configuration) -> anyhow::Result<Limits> {
    let configured = &configuration.limits;
    let [user, project, key] = [configured.user, configured.project, configured.key].map(NonZeroU32::new);
    let rates = Rates { user, project, key };
    if configured.server.is_empty() {
        return Ok(Limits::new(rates));
    }
    // The reason names no part of the address, which may hold a password.
    let shared = Shared::at(&configured.server).context("limits.server is not the address of a Valkey or Redis server")?;
    Ok(Limits::shared(rates, shared))
}

/// The proxies whose word is taken, as configured.
fn trusted_proxies(configuration: &Configuration) -> anyhow::Result<TrustedProxies> {
    TrustedProxies::parse(&configuration.server.trusted_proxies).context("server.trusted_proxies")
}
