//! Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document, AS12), and the keys of clients (AS10): what a client
//! publishes at an https URL, fetched from strangers.
//!
//! [`MetadataDocuments`] owns what changes: which documents are known, which are being fetched, and how often each host was asked.
//! Requests read the published snapshot and ask the actor only when it has nothing fresh. Fetches are futures on the actor's own
//! thread, names are resolved on threads apart: no thread that answers requests waits.
//!
//! - [`address`]: which addresses may be asked. [`fetch`]: asking one. [`network`]: the network as it is.
//! - [`freshness`], [`budget`]: how long a document counts, how often a host is asked.
//! - [`document`]: what a document says. [`source`]: how the endpoints come by it. [`reach`]: whether there is a way to documents at all.

pub mod address;
pub mod budget;
pub mod document;
pub mod fetch;
pub mod freshness;
pub mod network;
pub mod reach;
pub mod source;

pub use address::Allowed;
pub use document::{is_document, publisher, vouches_for};
pub use fetch::{Fetcher, Target};
pub use source::DocumentSource;

use actix::prelude::*;
use budget::Budgets;
use docent_types::actors::Unavailable;
use docent_types::documents::{DocumentError, Documents, Read, SharedDocuments};
use docent_types::ids::ClientId;
use docent_types::messages::{ReadClientDocument, ReadClientKeys};
use docent_types::registration::Client;
use docent_types::time::{SharedClock, Timestamp};
use fetch::Fetched;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Fetches that run at once. More are not waited for: 503.
const AT_ONCE: usize = 64;
/// Documents of a kind that are kept; those that would end first go first.
const KEPT: usize = 1000;

/// What is fetched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Wanted {
    Client(String),
    Keys(String),
}

/// What came of it.
#[derive(Clone, Debug)]
enum Found {
    Client(Read<Client>),
    Keys(Read<serde_json::Value>),
}

type Outcome = Result<Found, DocumentError>;

/// The actor that fetches documents, each once for all who ask at the same time.
pub struct MetadataDocuments {
    fetcher: Fetcher,
    published: SharedDocuments,
    clock: SharedClock,
    budgets: Budgets,
    waiting: HashMap<Wanted, Vec<oneshot::Sender<Outcome>>>,
}

impl MetadataDocuments {
    /// Publishes into `published`.
    #[must_use]
    pub fn new(fetcher: Fetcher, published: SharedDocuments, clock: SharedClock) -> Self {
        Self { fetcher, published, clock, budgets: Budgets::default(), waiting: HashMap::new() }
    }

    fn known(&self, wanted: &Wanted, since: Timestamp) -> Option<Found> {
        let (documents, now) = (self.published.load(), self.clock.now());
        match wanted {
            Wanted::Client(url) => documents.clients.get(url).filter(|read| read.fresh_until > now).cloned().map(Found::Client),
            Wanted::Keys(url) => {
                documents.keys.get(url).filter(|read| read.fresh_until > now && read.at >= since).cloned().map(Found::Keys)
            }
        }
    }

    fn find(&mut self, wanted: Wanted, since: Timestamp, context: &mut Context<Self>) -> ResponseFuture<Outcome> {
        if let Some(found) = self.known(&wanted, since) {
            return Box::pin(std::future::ready(Ok(found)));
        }
        let (answer, answered) = oneshot::channel();
        match self.waiting.get_mut(&wanted) {
            Some(waiting) => waiting.push(answer),
            None => {
                if let Err(error) = self.begin(&wanted, context) {
                    return Box::pin(std::future::ready(Err(error)));
                }
                self.waiting.insert(wanted, vec![answer]);
            }
        }
        Box::pin(async move { answered.await.unwrap_or(Err(DocumentError::Unavailable(Unavailable::Failed))) })
    }

    fn begin(&mut self, wanted: &Wanted, context: &mut Context<Self>) -> Result<(), DocumentError> {
        let (Wanted::Client(url) | Wanted::Keys(url)) = wanted;
        let target = Target::parse(url)?;
        if self.waiting.len() >= AT_ONCE {
            return Err(DocumentError::Unavailable(Unavailable::Busy));
        }
        self.budgets.take(&target.host(), self.clock.now()).map_err(DocumentError::TooOften)?;
        let limit = if matches!(wanted, Wanted::Client(_)) { document::LIMIT } else { document::KEYS_LIMIT };
        let (fetcher, wanted) = (self.fetcher.clone(), wanted.clone());
        let fetched = async move { fetcher.fetch(&target, limit).await }.into_actor(self);
        context.spawn(fetched.map(move |fetched, actor, _| actor.finish(wanted, fetched)));
        Ok(())
    }

    /// Failures are answered and forgotten.
    fn finish(&mut self, wanted: Wanted, fetched: Result<Fetched, DocumentError>) {
        self.notice(&wanted, fetched.as_ref().err());
        let outcome = fetched.and_then(|fetched| self.publish(&wanted, fetched));
        match &outcome {
            Ok(_) => tracing::debug!(?wanted, "a document was read"),
            Err(error) => tracing::info!(?wanted, %error, "a document could not be used"),
        }
        for answer in self.waiting.remove(&wanted).into_iter().flatten() {
            let _ = answer.send(outcome.clone());
        }
    }

    fn notice(&self, wanted: &Wanted, error: Option<&DocumentError>) {
        let (Wanted::Client(url) | Wanted::Keys(url)) = wanted;
        // On another port than its own a maker's host answers nobody: whoever names one must not switch documents off.
        let maker = Target::parse(url).ok().filter(Target::is_on_the_usual_port);
        let Some(is_cut_off) = maker.and_then(|target| reach::is_cut_off(&target.host(), error)) else { return };
        let documents = self.published.load();
        if documents.is_cut_off != is_cut_off {
            if is_cut_off {
                tracing::warn!(
                    url,
                    "the documents of clients cannot be reached from here: clients are asked to register until one is read. If this server has no way \
                     to the internet, set clients.metadata_documents = false"
                );
            }
            self.published.store(Arc::new(Documents { is_cut_off, ..Documents::clone(&documents) }));
        }
    }

    fn publish(&self, wanted: &Wanted, fetched: Fetched) -> Outcome {
        let now = self.clock.now();
        let fresh_until = now.after(fetched.keep);
        let mut documents = Documents::clone(&self.published.load());
        let found = match wanted {
            Wanted::Client(url) => {
                let client = document::read(&ClientId(url.clone()), &fetched.fields, now)?;
                let read = Read { document: Arc::new(client), at: now, fresh_until };
                keep(&mut documents.clients, url, read.clone(), now);
                Found::Client(read)
            }
            Wanted::Keys(url) => {
                let read = Read { document: Arc::new(serde_json::Value::Object(fetched.fields)), at: now, fresh_until };
                keep(&mut documents.keys, url, read.clone(), now);
                Found::Keys(read)
            }
        };
        self.published.store(Arc::new(documents));
        Ok(found)
    }
}

fn keep<T>(kept: &mut HashMap<String, Read<T>>, url: &str, read: Read<T>, now: Timestamp) {
    kept.retain(|_, read| read.fresh_until > now);
    if kept.len() >= KEPT && !kept.contains_key(url) {
        let first = kept.iter().min_by_key(|(_, read)| read.fresh_until).map(|(url, _)| url.clone());
        first.and_then(|url| kept.remove(&url));
    }
    kept.insert(url.to_owned(), read);
}

impl Actor for MetadataDocuments {
    type Context = Context<Self>;
}

impl Handler<ReadClientDocument> for MetadataDocuments {
    type Result = ResponseFuture<Result<Read<Client>, DocumentError>>;

    fn handle(&mut self, message: ReadClientDocument, context: &mut Self::Context) -> Self::Result {
        let found = self.find(Wanted::Client(message.client_id.0), Timestamp(i64::MIN), context);
        Box::pin(async move {
            match found.await? {
                Found::Client(read) => Ok(read),
                Found::Keys(_) => Err(DocumentError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

impl Handler<ReadClientKeys> for MetadataDocuments {
    type Result = ResponseFuture<Result<Read<serde_json::Value>, DocumentError>>;

    fn handle(&mut self, message: ReadClientKeys, context: &mut Self::Context) -> Self::Result {
        let found = self.find(Wanted::Keys(message.jwks_uri), message.since, context);
        Box::pin(async move {
            match found.await? {
                Found::Keys(read) => Ok(read),
                Found::Client(_) => Err(DocumentError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

#[cfg(test)]
mod tests;
