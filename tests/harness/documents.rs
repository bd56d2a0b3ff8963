//! The library that stories ask about: small, real Markdown, with words that stand nowhere else.

use crate::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// The library's id.
pub const LIBRARY: &str = "/harbour/lighthouse";
/// The name by which an assistant asks for it.
pub const NAME: &str = "lighthouse";
/// A question that one of its pages answers.
pub const QUESTION: &str = "How do I set the rotation period of the lamp?";
/// Words of that answer.
pub const EXPECT: &str = "rotation_period";

const README: &str = "# Lighthouse\n\nLighthouse drives the lamp of a harbour light: rotation, colour sectors, and the fog horn.\n\n\
## Installation\n\nAdd it to your project:\n\n```sh\ncargo add lighthouse\n```\n";

const LAMP: &str = "# The lamp\n\n## Rotation period\n\nThe rotation period of the lamp is set in seconds for one full turn. The default is ten seconds.\n\n\
```rust\nlet lamp = Lamp::builder()\n    .rotation_period(Duration::from_secs(12))\n    .build()?;\n```\n\n\
A period below two seconds is refused with `LampError::TooFast`.\n\n## Colour sectors\n\nA sector is an arc of the horizon that shows one colour.\n\n\
```rust\nlamp.sector(Bearing::degrees(210), Bearing::degrees(265), Colour::Red)?;\n```\n";

const HORN: &str = "# The fog horn\n\n## Automatic fog detection\n\nThe horn sounds when visibility falls below the threshold.\n\n\
```rust\nhorn.threshold(Metres(1852));\nhorn.pattern(&[Blast::Long, Blast::Short]);\n```\n";

/// Writes the library's source into a folder.
///
/// # Errors
/// The folder cannot be written.
pub fn write(folder: &Path) -> Result<PathBuf> {
    let source = folder.join("lighthouse");
    fs::create_dir_all(source.join("docs"))?;
    fs::write(source.join("README.md"), README)?;
    fs::write(source.join("docs/lamp.md"), LAMP)?;
    fs::write(source.join("docs/horn.md"), HORN)?;
    Ok(source)
}

/// Writes a source of `pages` pages, each with its own words, that takes a while to read.
///
/// # Errors
/// The folder cannot be written.
pub fn write_large(folder: &Path, pages: usize) -> Result<PathBuf> {
    let source = folder.join("large");
    fs::create_dir_all(source.join("docs"))?;
    for page in 0..pages {
        let sections: Vec<String> = (0..8)
            .map(|section| format!("## Section {section} of page {page}\n\nThe setting `knob_{page}_{section}` turns the wheel number {section}.\n\n```python\nwheel.turn(knob_{page}_{section})\n```\n\n"))
            .collect();
        fs::write(source.join(format!("docs/page-{page:05}.md")), format!("# Page {page}\n\n{}", sections.concat()))?;
    }
    Ok(source)
}
