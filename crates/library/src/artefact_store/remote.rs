//! Artefacts in an object store.
//!
//! `<prefix>/<first two digits>/<hash>/` has the files of an artefact under their own SHA-256, so that two workers that upload
//! the same content at once do not mix their indexes, and `manifest.json`, written last: an upload that was killed left
//! none, and is no artefact.

use super::is_hash;
use super::marks::{Mark, Marks};
use crate::artefact::{self, ArtefactError, Manifest, ManifestFile, Unfinished, io};
use crate::snippet::identity::hex;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::Runtime;

const MANIFEST: &str = "manifest.json";
/// Files that travel at once.
const AT_ONCE: usize = 4;
/// Larger files are uploaded in parts of this size.
const PART: usize = 8 * 1024 * 1024;
/// A manifest is a list of some dozen files.
const LARGEST_MANIFEST: u64 = 1024 * 1024;

/// An object store with a place in it. Every method blocks the thread that calls it; what travels runs on a thread of its own.
pub struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Remote({}, {})", self.store, self.prefix)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // Ending it in order would block, which a thread of an asynchronous runtime may not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Remote {
    /// Artefacts under `prefix` (with `/`, empty for the root) of an object store.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("artefacts").enable_all().build()?;
        Ok(Self { store, prefix: prefix.trim_matches('/').to_owned(), runtime: Some(runtime) })
    }

    fn wait<T>(&self, future: impl Future<Output = Result<T, ArtefactError>>) -> Result<T, ArtefactError> {
        match &self.runtime {
            Some(runtime) => runtime.handle().block_on(future),
            None => Err(ArtefactError::Missing(self.prefix.clone())),
        }
    }

    fn key(&self, rest: &str) -> Key {
        Key::from(if self.prefix.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.prefix) })
    }

    fn object(&self, hash: &str, name: &str) -> Key {
        self.key(&format!("{}/{hash}/{name}", hash.get(..2).unwrap_or("00")))
    }

    /// The objects of an artefact by name, with their sizes.
    async fn objects(&self, hash: &str) -> Result<HashMap<String, ObjectMeta>, ArtefactError> {
        let folder = self.key(&format!("{}/{hash}", hash.get(..2).unwrap_or("00")));
        let listed: Vec<ObjectMeta> = self.store.list(Some(&folder)).try_collect().await?;
        Ok(listed.into_iter().filter_map(|object| Some((object.location.filename()?.to_owned(), object))).collect())
    }

    async fn manifest(&self, hash: &str) -> Result<(Manifest, Vec<u8>), ArtefactError> {
        let key = self.object(hash, MANIFEST);
        let found = match self.store.get(&key).await {
            Err(object_store::Error::NotFound { .. }) => return Err(ArtefactError::Missing(hash.to_owned())),
            found => found?,
        };
        if found.meta.size > LARGEST_MANIFEST {
            return Err(artefact::damaged(MANIFEST, "it is too large"));
        }
        let bytes = found.bytes().await?.to_vec();
        Ok((artefact::manifest(&bytes, hash)?, bytes))
    }

    /// Uploads an artefact unless it is there whole. Answers whether it was uploaded.
    ///
    /// # Errors
    /// [`ArtefactError::Missing`] if it is neither there nor in the folder, or what the object store or the disk says.
    pub fn upload(&self, hash: &str, folder: &Path) -> Result<bool, ArtefactError> {
        self.wait(async {
            let there = self.objects(hash).await?;
            let has = |file: &ManifestFile| there.get(&file.sha256).is_some_and(|object| object.size == file.size);
            if there.contains_key(MANIFEST) {
                match self.manifest(hash).await {
                    Ok((uploaded, _)) if uploaded.files.iter().all(has) => return Ok(false),
                    Ok(_) | Err(ArtefactError::Missing(_) | ArtefactError::Damaged { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            artefact::verify(folder)?;
            let path = folder.join(MANIFEST);
            let bytes = fs::read(&path).map_err(io(&path))?;
            let manifest = artefact::manifest(&bytes, hash)?;
            let missing = manifest.files.iter().filter(|file| !has(file));
            let uploads = missing.map(|file| self.upload_file(self.object(hash, &file.sha256), folder.join(&file.path)));
            futures_util::stream::iter(uploads).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            self.store.put(&self.object(hash, MANIFEST), PutPayload::from(bytes)).await?;
            Ok(true)
        })
    }

    async fn upload_file(&self, key: Key, path: std::path::PathBuf) -> Result<(), ArtefactError> {
        let mut file = fs::File::open(&path).map_err(io(&path))?;
        let mut part = Vec::new();
        Read::by_ref(&mut file).take(PART as u64).read_to_end(&mut part).map_err(io(&path))?;
        if part.len() < PART {
            self.store.put(&key, PutPayload::from(part)).await?;
            return Ok(());
        }
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&key).await?, PART);
        while !part.is_empty() {
            upload.wait_for_capacity(AT_ONCE).await?;
            upload.put(part.into());
            part = Vec::new();
            Read::by_ref(&mut file).take(PART as u64).read_to_end(&mut part).map_err(io(&path))?;
        }
        upload.finish().await?;
        Ok(())
    }

    /// Downloads an artefact into a folder of artefacts, verified. A `kill -9` leaves a whole one or none.
    ///
    /// # Errors
    /// [`ArtefactError::Missing`], [`ArtefactError::Damaged`] if what is there is not what was uploaded, or what the
    /// object store or the disk says.
    pub fn download(&self, hash: &str, root: &Path) -> Result<(), ArtefactError> {
        let unfinished = Unfinished::new(root)?;
        let work = unfinished.folder.join("artefact");
        let bytes = self.wait(async {
            let (manifest, bytes) = self.manifest(hash).await?;
            let downloads = manifest.files.iter().map(|file| self.download_file(hash, file, &work));
            futures_util::stream::iter(downloads).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            Ok(bytes)
        })?;
        artefact::write_file(&work.join(MANIFEST), &bytes)?;
        artefact::put_in_place(root, hash, &work)?;
        Ok(())
    }

    async fn download_file(&self, hash: &str, file: &ManifestFile, work: &Path) -> Result<(), ArtefactError> {
        let path = work.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        // Written on this thread, which is for that: nothing goes on behind a download that was given up.
        let mut written = fs::File::create(&path).map_err(io(&path))?;
        let found = match self.store.get(&self.object(hash, &file.sha256)).await {
            Err(object_store::Error::NotFound { .. }) => return Err(artefact::damaged(&file.path, "it is not in the object store")),
            found => found?,
        };
        let mut stream = found.into_stream();
        let mut digest = Sha256::new();
        let mut size = 0_u64;
        while let Some(bytes) = stream.try_next().await? {
            size += bytes.len() as u64;
            if size > file.size {
                break;
            }
            digest.update(&bytes);
            written.write_all(&bytes).map_err(io(&path))?;
        }
        if size != file.size || hex(&digest.finalize()) != file.sha256 {
            return Err(artefact::damaged(&file.path, "its bytes in the object store are not those that were written"));
        }
        written.sync_all().map_err(io(&path))
    }

    /// Uploads a file that belongs to an artefact and may change, unlike the artefact itself. It goes when the artefact goes.
    ///
    /// # Errors
    /// What the object store or the disk says.
    pub fn put_beside(&self, hash: &str, name: &str, path: &Path) -> Result<(), ArtefactError> {
        self.wait(self.upload_file(self.object(hash, name), path.to_owned()))
    }

    /// Downloads such a file if it is newer than the one that is here. A `kill -9` leaves the old one or the new one.
    ///
    /// # Errors
    /// What the object store or the disk says.
    pub fn get_beside(&self, hash: &str, name: &str, path: &Path) -> Result<(), ArtefactError> {
        let key = self.object(hash, name);
        let here = fs::metadata(path).and_then(|here| here.modified()).ok();
        let bytes = self.wait(async {
            let there = match self.store.head(&key).await {
                Err(object_store::Error::NotFound { .. }) => return Ok(None),
                there => there?,
            };
            if here.is_some_and(|here| here >= SystemTime::from(there.last_modified)) {
                return Ok(None);
            }
            Ok(Some(self.store.get(&key).await?.bytes().await?))
        })?;
        let (Some(bytes), Some(folder)) = (bytes, path.parent()) else { return Ok(()) };
        fs::create_dir_all(folder).map_err(io(folder))?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(io(folder))?;
        file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(io(path))?;
        file.persist(path).map_err(|error| ArtefactError::Io { path: path.to_owned(), error: error.error })?;
        Ok(())
    }

    /// The hashes of all artefacts, those with half of an upload too.
    ///
    /// # Errors
    /// What the object store says.
    pub fn present(&self) -> Result<Vec<String>, ArtefactError> {
        let root = (!self.prefix.is_empty()).then(|| self.key(""));
        self.wait(async {
            let mut hashes = Vec::new();
            for folder in self.store.list_with_delimiter(root.as_ref()).await?.common_prefixes {
                if folder.filename().is_some_and(|name| name.len() == 2) {
                    let inside = self.store.list_with_delimiter(Some(&folder)).await?.common_prefixes;
                    hashes.extend(inside.iter().filter_map(|key| key.filename()).filter(|name| is_hash(name)).map(str::to_owned));
                }
            }
            Ok(hashes)
        })
    }

    /// Removes an artefact: its manifest first, so that what is left after a `kill -9` is none.
    ///
    /// # Errors
    /// What the object store says.
    pub fn discard(&self, hash: &str) -> Result<(), ArtefactError> {
        self.wait(async {
            self.delete(&self.object(hash, MANIFEST)).await?;
            let rest: Vec<_> = self.objects(hash).await?.into_values().map(|object| Ok(object.location)).collect();
            self.store.delete_stream(futures_util::stream::iter(rest).boxed()).try_for_each(|_| std::future::ready(Ok(()))).await?;
            Ok(())
        })
    }

    async fn delete(&self, key: &Key) -> Result<(), ArtefactError> {
        match self.store.delete(key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Marks for Arc<Remote> {
    fn put(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError> {
        let key = self.key(&format!("{}/{hash}", mark.folder()));
        self.wait(async {
            self.store.put(&key, PutPayload::new()).await?;
            Ok(())
        })
    }

    fn remove(&self, mark: Mark, hash: &str) -> Result<(), ArtefactError> {
        let key = self.key(&format!("{}/{hash}", mark.folder()));
        self.wait(self.delete(&key))
    }

    fn at(&self, mark: Mark, hash: &str) -> Result<Option<SystemTime>, ArtefactError> {
        let key = self.key(&format!("{}/{hash}", mark.folder()));
        self.wait(async {
            match self.store.head(&key).await {
                Ok(object) => Ok(Some(object.last_modified.into())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn all(&self, mark: Mark) -> Result<HashMap<String, SystemTime>, ArtefactError> {
        let folder = self.key(mark.folder());
        self.wait(async {
            let listed: Vec<ObjectMeta> = self.store.list(Some(&folder)).try_collect().await?;
            let dated = |object: ObjectMeta| Some((object.location.filename()?.to_owned(), object.last_modified.into()));
            Ok(listed.into_iter().filter_map(dated).collect())
        })
    }

    fn now(&self) -> Result<SystemTime, ArtefactError> {
        let key = self.key(".now");
        self.wait(async {
            self.store.put(&key, PutPayload::new()).await?;
            Ok(self.store.head(&key).await?.last_modified.into())
        })
    }
}
