//! `Catalog`: which library version's index is current; opens and closes indexes.
//!
//! It publishes a [`Shelf`], which every request reads without asking anybody.

use actix::prelude::*;
use docent_library::Shelf;
use docent_library::artefact::ArtefactError;
use docent_store::Store;
use docent_types::actors::Unavailable;
use docent_types::messages::{CatalogError, OpenVersion, ReloadCatalog};
use std::sync::Arc;
use std::time::Duration;

/// How often the database is asked whether the catalogue changed: one indexed read.
const TURN: Duration = Duration::from_millis(100);

/// How often the vectors of open indexes are looked at: more may have been made.
const VECTORS: Duration = Duration::from_secs(5);
/// Each how-manieth time an object store is asked, too.
const EVERYWHERE: u32 = 12;

/// The actor.
pub struct Catalog {
    store: Store,
    shelf: Arc<Shelf>,
    published: Arc<tokio::sync::Mutex<i64>>,
    looks: u32,
}

impl Catalog {
    /// A catalogue that publishes to `shelf`, where the generation `published` stands already.
    #[must_use]
    pub fn new(store: Store, shelf: Arc<Shelf>, published: i64) -> Self {
        Self { store, shelf, published: Arc::new(tokio::sync::Mutex::new(published)), looks: 0 }
    }

    /// Publishes the catalogue unless the database still has the generation that is published. Answers the generation that is then.
    ///
    /// # Errors
    /// [`CatalogError::Database`]
    pub async fn publish(store: &Store, shelf: &Shelf, published: Option<i64>) -> Result<i64, CatalogError> {
        // The generation is read first: a change in between is published at the next turn once more.
        let generation = store.catalogue_generation().await.map_err(|_| CatalogError::Database)?;
        if published != Some(generation) {
            shelf.publish(store.catalogue().await.map_err(|_| CatalogError::Database)?);
            tracing::debug!(generation, "the catalogue is published");
        }
        Ok(generation)
    }

    fn turn(&self) -> impl Future<Output = Result<(), CatalogError>> + 'static {
        let (store, shelf, published) = (self.store.clone(), Arc::clone(&self.shelf), Arc::clone(&self.published));
        async move {
            let mut published = published.lock().await;
            *published = Self::publish(&store, &shelf, Some(*published)).await?;
            Ok(())
        }
    }
}

impl Actor for Catalog {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.run_interval(VECTORS, |catalog, _| {
            let shelf = Arc::clone(&catalog.shelf);
            catalog.looks = catalog.looks.wrapping_add(1);
            let everywhere = catalog.looks.is_multiple_of(EVERYWHERE);
            if shelf.embedder().is_some() {
                // Whether it ends is of no matter here: the next one does the same.
                drop(tokio::task::spawn_blocking(move || shelf.refresh_vectors(everywhere)));
            }
        });
        context.run_interval(TURN, |catalog, context| {
            // A turn that still waits for the database holds the lock; the next one is left out.
            if catalog.published.try_lock().is_ok() {
                let turn = catalog.turn();
                context.spawn(
                    async move {
                        if let Err(error) = turn.await {
                            tracing::debug!(%error, "the catalogue could not be read");
                        }
                    }
                    .into_actor(catalog),
                );
            }
        });
    }
}

impl Handler<ReloadCatalog> for Catalog {
    type Result = ResponseFuture<Result<(), CatalogError>>;

    fn handle(&mut self, _: ReloadCatalog, _: &mut Self::Context) -> Self::Result {
        Box::pin(self.turn())
    }
}

impl Handler<OpenVersion> for Catalog {
    type Result = ResponseFuture<Result<(), CatalogError>>;

    fn handle(&mut self, OpenVersion(version): OpenVersion, _: &mut Self::Context) -> Self::Result {
        let shelf = Arc::clone(&self.shelf);
        Box::pin(async move {
            let opened = tokio::task::spawn_blocking(move || shelf.open(version).map(drop)).await;
            match opened {
                Ok(Ok(())) => Ok(()),
                Ok(Err(ArtefactError::Missing(_))) => Err(CatalogError::NotFound),
                Ok(Err(error)) => {
                    tracing::error!(%version, %error, "an index cannot be opened");
                    Err(CatalogError::Damaged(error.to_string()))
                }
                Err(_) => Err(Unavailable::Failed.into()),
            }
        })
    }
}
