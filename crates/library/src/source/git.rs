//! A git repository as a source: its references by one request, then one commit without history.

pub mod references;

use super::selection::{MAX_FILES, MAX_TOTAL, is_documentation, largest, too_large};
use super::{Progress, Source, SourceError, Stage, Tree, shown};
use docent_types::documentation::Skipped;
use gix::bstr::ByteSlice;
use gix::protocol::handshake::Ref;
use gix::remote::Direction;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const LIST_LIMIT: Duration = Duration::from_secs(90);
const FETCH_LIMIT: Duration = Duration::from_secs(20 * 60);
const WANTED: &str = "refs/docent/wanted";
/// Of the names there are, this many are told.
const NAMES: usize = 20;

/// A commit that a name stands for.
struct Chosen {
    full_name: String,
    commit: gix::ObjectId,
    branch: Option<String>,
}

fn options() -> gix::open::Options {
    let mut permissions = gix::open::Permissions::isolated();
    permissions.env.http_transport = gix::sec::Permission::Allow;
    permissions.env.ssh_prefix = gix::sec::Permission::Allow;
    permissions.env.home = gix::sec::Permission::Allow;
    gix::open::Options::default().permissions(permissions).with(gix::sec::Trust::Full)
}

fn local_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file://")?;
    url::Url::parse(url).ok().and_then(|url| url.to_file_path().ok()).or_else(|| Some(PathBuf::from(rest)))
}

fn parts(source: &Source) -> Option<(&str, Option<&str>)> {
    match source {
        Source::Git { url, reference } => Some((url, reference.as_deref())),
        _ => None,
    }
}

/// The commit that a source is at now.
///
/// # Errors
/// [`SourceError`].
pub fn remote_commit(source: &Source) -> Result<String, SourceError> {
    let (url, reference) = parts(source).ok_or_else(|| SourceError::Form(source.display()))?;
    if in_the_clear(url) {
        return Err(SourceError::Insecure(source.display()));
    }
    if let Some(path) = local_path(url) {
        let repository = open_local(&path, source)?;
        return Ok(choose_local(&repository, reference, source)?.commit.to_string());
    }
    Ok(list(source, url, reference, temporary_folder()?.path(), &|| false)?.commit.to_string())
}

fn temporary_folder() -> Result<tempfile::TempDir, SourceError> {
    tempfile::tempdir().map_err(|error| SourceError::Io { path: "temporary folder".to_owned(), reason: error.to_string() })
}

/// Fetches one commit into a fresh folder.
///
/// # Errors
/// [`SourceError`].
pub fn fetch(source: &Source, workdir: &Path, progress: &dyn Progress) -> Result<Tree, SourceError> {
    let (url, reference) = parts(source).ok_or_else(|| SourceError::Form(source.display()))?;
    if in_the_clear(url) {
        return Err(SourceError::Insecure(source.display()));
    }
    let (temporary, root) = super::fresh_folder(workdir)?;
    let (repository, chosen) = match local_path(url) {
        Some(path) => {
            let repository = open_local(&path, source)?;
            let chosen = choose_local(&repository, reference, source)?;
            (repository, chosen)
        }
        None => {
            let git = temporary.path().join("git");
            let chosen = list(source, url, reference, &git, &|| progress.cancelled())?;
            receive(source, url, &chosen, &git, progress)?;
            (open_local(&git, source)?, chosen)
        }
    };
    let skipped = export(&repository, chosen.commit, &root, source, progress)?;
    Ok(Tree { commit: Some(chosen.commit.to_string()), branch: chosen.branch, skipped, ..Tree::new(root, Some(temporary)) })
}

fn open_local(path: &Path, source: &Source) -> Result<gix::Repository, SourceError> {
    if !path.exists() {
        return Err(SourceError::Missing(source.display()));
    }
    if !path.is_dir() {
        return Err(SourceError::NotADirectory(source.display()));
    }
    gix::open_opts(path, options()).map_err(|_| SourceError::NotARepository(source.display()))
}

fn choose_local(repository: &gix::Repository, reference: Option<&str>, source: &Source) -> Result<Chosen, SourceError> {
    let commit_of = |name: &str| -> Option<gix::ObjectId> {
        let mut found = repository.try_find_reference(name).ok()??;
        let id = found.peel_to_id().ok()?;
        Some(id.detach())
    };
    let Some(reference) = reference else {
        let commit = repository.head_id().map_err(|_| SourceError::Empty(source.display()))?.detach();
        let branch = repository.head_name().ok().flatten().map(|name| name.shorten().to_string());
        return Ok(Chosen { full_name: "HEAD".to_owned(), commit, branch });
    };
    for full_name in [format!("refs/heads/{reference}"), format!("refs/tags/{reference}"), format!("refs/remotes/origin/{reference}")] {
        if let Some(commit) = commit_of(&full_name) {
            return Ok(Chosen { full_name, commit, branch: Some(reference.to_owned()) });
        }
    }
    let mut available: Vec<String> = Vec::new();
    if let Ok(references) = repository.references()
        && let Ok(all) = references.all()
    {
        available.extend(all.flatten().filter_map(|r| short(&r.name().as_bstr().to_string())));
    }
    Err(no_such(source, reference, available))
}

fn short(full_name: &str) -> Option<String> {
    full_name
        .strip_prefix("refs/heads/")
        .or_else(|| full_name.strip_prefix("refs/tags/"))
        .filter(|name| !name.ends_with("^{}"))
        .map(str::to_owned)
}

fn no_such(source: &Source, reference: &str, mut available: Vec<String>) -> SourceError {
    available.sort_by_key(|name| (std::cmp::Reverse(crate::names_alike(name, reference)), name.clone()));
    available.dedup();
    available.truncate(NAMES);
    let display = source.display();
    SourceError::NoSuchReference {
        display: display.split('#').next().unwrap_or(&display).to_owned(),
        reference: reference.to_owned(),
        available,
    }
}

/// Runs something that may hang; after the limit it is told to stop and left alone.
fn within<T: Send + 'static>(
    limit: Duration,
    source: &Source,
    cancelled: &dyn Fn() -> bool,
    work: impl FnOnce(&AtomicBool) -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, receiver) = channel();
    let inner = Arc::clone(&stop);
    let spawned = std::thread::Builder::new().name("git".to_owned()).spawn(move || {
        // Nobody listens any more after a timeout.
        let _ = sender.send(work(&inner));
    });
    spawned.map_err(|error| SourceError::Io { path: "thread".to_owned(), reason: error.to_string() })?;
    let step = Duration::from_millis(200);
    let mut left = limit;
    loop {
        match receiver.recv_timeout(step) {
            Ok(answer) => return answer,
            Err(RecvTimeoutError::Timeout) if !left.is_zero() && !cancelled() => left = left.saturating_sub(step),
            Err(RecvTimeoutError::Timeout) => {
                stop.store(true, Ordering::SeqCst);
                return Err(SourceError::TimedOut(source.display()));
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SourceError::Unreachable { display: source.display(), reason: "the git client failed".to_owned() });
            }
        }
    }
}

fn bare(folder: &Path) -> Result<gix::Repository, SourceError> {
    if folder.join("HEAD").exists() {
        return gix::open_opts(folder, options())
            .map_err(|error| SourceError::Io { path: folder.display().to_string(), reason: error.to_string() });
    }
    gix::ThreadSafeRepository::init_opts(folder, gix::create::Kind::Bare, gix::create::Options::default(), options())
        .map(|repository| repository.to_thread_local())
        .map_err(|error| SourceError::Io { path: folder.display().to_string(), reason: error.to_string() })
}

/// User and password of a URL. Nobody is asked for them: there is no terminal.
fn account(url: &str) -> Option<gix::sec::identity::Account> {
    let parsed = url::Url::parse(url).ok()?;
    let decode = |text: &str| form_decode(text);
    let username = decode(parsed.username());
    let password = parsed.password().map(decode);
    match (username.is_empty(), password) {
        (true, None) => None,
        // A token alone in place of the user is how hosts take it.
        (false, None) => Some(gix::sec::identity::Account { username: "oauth2".to_owned(), password: username, oauth_refresh_token: None }),
        (_, Some(password)) => Some(gix::sec::identity::Account { username, password, oauth_refresh_token: None }),
    }
}

pub(super) fn form_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%'
            && let Some(byte) = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())
        {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether credentials would be readable by everybody on the way.
fn in_the_clear(url: &str) -> bool {
    url.starts_with("http://") && account(url).is_some()
}

/// The address for the transport: credentials of http go by the header only, so that no error can show them.
fn address(url: &str) -> String {
    if url.starts_with("http") { shown(url) } else { url.trim_start_matches("git+").to_owned() }
}

fn credentials(
    account: Option<gix::sec::identity::Account>,
) -> impl FnMut(gix::credentials::helper::Action) -> gix::Result<Option<gix::credentials::protocol::Outcome>> {
    move |action| match (action, &account) {
        (gix::credentials::helper::Action::Get(context), Some(account)) => {
            Ok(Some(gix::credentials::protocol::Outcome { identity: account.clone(), next: context.into() }))
        }
        _ => Ok(None),
    }
}

fn failed(source_display: &str, error: &gix::Error) -> SourceError {
    // Without the address, whose port or path may look like a status.
    let detail = format!("{error:?}").replace(source_display, "").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| detail.contains(word));
    let is_status = |status: &str| detail.split(|c: char| !c.is_ascii_digit()).any(|number| number == status);
    if is_status("401") || is_status("403") || has(&["permission denied", "authentication", "credentials", "permissiondenied"]) {
        return SourceError::Authentication(source_display.to_owned());
    }
    if is_status("404") || has(&["not found", "does not appear to be a git repository", "repository not found"]) {
        return SourceError::NotARepository(source_display.to_owned());
    }
    let reason = if has(&["dns", "resolve", "name or service"]) {
        "its host is not known".to_owned()
    } else if has(&["refused"]) {
        "the connection was refused".to_owned()
    } else if has(&["timed out", "timeout"]) {
        "it did not answer in time".to_owned()
    } else if has(&["certificate"]) {
        "its certificate is not trusted".to_owned()
    } else {
        error.to_string().lines().next().unwrap_or("the connection failed").to_owned()
    };
    SourceError::Unreachable { display: source_display.to_owned(), reason }
}

fn list(source: &Source, url: &str, reference: Option<&str>, folder: &Path, cancelled: &dyn Fn() -> bool) -> Result<Chosen, SourceError> {
    choose(&advertised(source, url, folder, cancelled)?, reference, source)
}

/// The references that a server names.
fn advertised(source: &Source, url: &str, folder: &Path, cancelled: &dyn Fn() -> bool) -> Result<Vec<Ref>, SourceError> {
    let (folder, display, account, address) = (folder.to_owned(), source.display(), account(url), address(url));
    within(LIST_LIMIT, source, cancelled, move |_| {
        let fail = |error: gix::Error| failed(&display, &error);
        let repository = bare(&folder)?;
        let remote = repository
            .remote_at(address.as_str())
            .and_then(|remote| remote.with_refspecs(["HEAD", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"], Direction::Fetch))
            .map_err(fail)?
            .with_fetch_tags(gix::remote::fetch::Tags::None);
        let connection = remote.connect(Direction::Fetch).map_err(fail)?.with_credentials(credentials(account));
        let (map, _) = connection.ref_map(gix::progress::Discard, gix::remote::ref_map::Options::default()).map_err(fail)?;
        Ok(map.remote_refs)
    })
}

fn choose(references: &[Ref], wanted: Option<&str>, source: &Source) -> Result<Chosen, SourceError> {
    let unpacked = |reference: &Ref| {
        let (name, object, peeled) = reference.unpack();
        // An annotated tag stands for the commit it was put on.
        peeled.or(object).map(|object| (name.to_str_lossy().into_owned(), object.to_owned()))
    };
    let all: Vec<(String, gix::ObjectId)> = references.iter().filter_map(unpacked).collect();
    let by_name = |name: &str| all.iter().find(|(known, _)| known == name).map(|(_, commit)| *commit);
    let Some(wanted) = wanted else {
        let target = references.iter().find_map(|reference| match reference {
            Ref::Symbolic { full_ref_name, target, .. } if full_ref_name == "HEAD" => Some(target.to_str_lossy().into_owned()),
            _ => None,
        });
        let target = target.or_else(|| {
            let head = by_name("HEAD")?;
            all.iter().find(|(name, commit)| *commit == head && name.starts_with("refs/heads/")).map(|(name, _)| name.clone())
        });
        let name = target.or_else(|| by_name("HEAD").map(|_| "HEAD".to_owned())).ok_or_else(|| SourceError::Empty(source.display()))?;
        let commit = by_name(&name).or_else(|| by_name("HEAD")).ok_or_else(|| SourceError::Empty(source.display()))?;
        return Ok(Chosen { branch: short(&name), full_name: name, commit });
    };
    for full_name in [format!("refs/heads/{wanted}"), format!("refs/tags/{wanted}")] {
        if let Some(commit) = by_name(&full_name) {
            return Ok(Chosen { full_name, commit, branch: Some(wanted.to_owned()) });
        }
    }
    Err(no_such(source, wanted, all.iter().filter_map(|(name, _)| short(name)).collect()))
}

fn receive(source: &Source, url: &str, chosen: &Chosen, folder: &Path, progress: &dyn Progress) -> Result<(), SourceError> {
    let (folder, display, account, address) = (folder.to_owned(), source.display(), account(url), address(url));
    let specification = format!("+{}:{WANTED}", chosen.full_name);
    within(FETCH_LIMIT, source, &|| progress.cancelled(), move |stop| {
        let fail = |error: gix::Error| failed(&display, &error);
        let repository = bare(&folder)?;
        let remote = repository
            .remote_at(address.as_str())
            .and_then(|remote| remote.with_refspecs([specification.as_str()], Direction::Fetch))
            .map_err(fail)?
            .with_fetch_tags(gix::remote::fetch::Tags::None);
        let connection = remote.connect(Direction::Fetch).map_err(fail)?.with_credentials(credentials(account));
        connection
            .prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())
            .map_err(fail)?
            .with_shallow(gix::remote::fetch::Shallow::DepthAtRemote(NonZeroU32::MIN))
            .receive(gix::progress::Discard, stop)
            .map_err(fail)?;
        Ok(())
    })
}

/// Pictures, archives and programs: neither pages nor what pages include.
pub(super) fn is_binary_name(name: &str) -> bool {
    const BINARY: [&str; 38] = [
        "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "bmp", "svg", "mp4", "webm", "mov", "mp3", "wav", "zip", "gz", "tgz", "bz2",
        "xz", "7z", "jar", "war", "class", "so", "dll", "exe", "dylib", "a", "o", "wasm", "pdf", "woff", "woff2", "ttf", "otf", "eot",
        "bin", "pack",
    ];
    name.rsplit_once('.').is_some_and(|(_, extension)| BINARY.contains(&extension.to_ascii_lowercase().as_str()))
}

/// Writes the files of a commit. Links are not made: what they lead to inside the tree is there under its own name.
fn export(
    repository: &gix::Repository,
    commit: gix::ObjectId,
    root: &Path,
    source: &Source,
    progress: &dyn Progress,
) -> Result<Vec<Skipped>, SourceError> {
    let broken = |what: &str| SourceError::Unreachable { display: source.display(), reason: format!("the commit cannot be read: {what}") };
    let object = repository.find_object(commit).map_err(|_| broken("it is missing"))?;
    let tree = object.peel_to_tree().map_err(|_| broken("it has no tree"))?;
    let mut skipped = Vec::new();
    let mut files = 0_usize;
    let mut total = 0_u64;
    let mut waiting = vec![(String::new(), tree.id)];
    while let Some((folder, id)) = waiting.pop() {
        if progress.cancelled() {
            return Err(SourceError::TimedOut(source.display()));
        }
        let tree = repository.find_object(id).map_err(|_| broken(&folder))?.try_into_tree().map_err(|_| broken(&folder))?;
        for entry in tree.iter() {
            let entry = entry.map_err(|_| broken(&folder))?;
            let Ok(name) = entry.filename().to_str() else {
                skipped.push(Skipped {
                    path: format!("{folder}{}", entry.filename().to_str_lossy()),
                    reason: "its name is not UTF-8".to_owned(),
                });
                continue;
            };
            let path = format!("{folder}{name}");
            if name.is_empty()
                || name == "."
                || name == ".."
                || name.eq_ignore_ascii_case(".git")
                || name.contains(['/', '\\', '\0'])
                || path.len() > 1_000
            {
                continue;
            }
            let mode = entry.mode();
            if mode.is_tree() {
                if name != "node_modules" && waiting.len() < MAX_FILES {
                    waiting.push((format!("{path}/"), entry.id().detach()));
                }
                continue;
            }
            if mode.is_link() {
                let target = repository.find_object(entry.id()).ok().map(|o| o.data.to_str_lossy().into_owned()).unwrap_or_default();
                if leads_out(&folder, &target) {
                    skipped.push(Skipped { path, reason: "it is a symbolic link that leads out of the source".to_owned() });
                }
                continue;
            }
            if !mode.is_blob() || is_binary_name(name) {
                continue;
            }
            let Ok(header) = repository.find_header(entry.id()) else { return Err(broken(&path)) };
            if header.size() > largest(&path) {
                if is_documentation(&path) {
                    let reason = too_large(&path);
                    skipped.push(Skipped { path, reason });
                }
                continue;
            }
            files += 1;
            total += header.size();
            if files > MAX_FILES || total > MAX_TOTAL {
                return Err(SourceError::TooLarge {
                    display: source.display(),
                    what: format!("it has more than {MAX_FILES} files or {} GiB", MAX_TOTAL >> 30),
                });
            }
            let blob = repository.find_object(entry.id()).map_err(|_| broken(&path))?;
            write(root, &path, &blob.data)?;
            if files.is_multiple_of(500) {
                progress.stage(Stage::Fetch, files as u64, 0);
            }
        }
    }
    Ok(skipped)
}

fn write(root: &Path, path: &str, bytes: &[u8]) -> Result<(), SourceError> {
    let target = root.join(path);
    let io = |error: std::io::Error| SourceError::Io { path: path.to_owned(), reason: error.to_string() };
    if let Some(parent) = target.parent() {
        std::fs::create_dir_all(parent).map_err(io)?;
    }
    std::fs::write(&target, bytes).map_err(io)
}

pub(super) fn leads_out(folder: &str, target: &str) -> bool {
    if target.starts_with('/') {
        return true;
    }
    let mut depth = folder.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}
