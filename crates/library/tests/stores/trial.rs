//! A store in memory that counts, and fails on demand.

use docent_library::artefact_store::Remote;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A store in memory. After so many operations every further one fails, as if the process had been killed.
#[derive(Debug)]
pub struct Trial {
    inner: InMemory,
    pub left: AtomicI64,
    pub downloads: AtomicU64,
}

impl Trial {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { inner: InMemory::new(), left: AtomicI64::new(i64::MAX), downloads: AtomicU64::new(0) })
    }

    pub fn remote(self: &Arc<Self>) -> Remote {
        let store: Arc<dyn ObjectStore> = Arc::<Self>::clone(self);
        Remote::new(store, "some/prefix").unwrap()
    }

    fn step(&self) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Error::Generic { store: "trial", source: "killed".into() });
        }
        Ok(())
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trial")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Trial {
    async fn put_opts(&self, location: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.step()?;
        self.inner.put_opts(location, payload, options).await
    }
    async fn put_multipart_opts(&self, location: &Key, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.step()?;
        self.inner.put_multipart_opts(location, options).await
    }
    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        self.step()?;
        if !options.head && location.filename() == Some("manifest.json") {
            self.downloads.fetch_add(1, Ordering::SeqCst);
        }
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(&self, locations: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        match self.step() {
            Ok(()) => self.inner.delete_stream(locations),
            Err(error) => Box::pin(futures_util::stream::iter([Err(error)])),
        }
    }
    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Key, to: &Key, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
