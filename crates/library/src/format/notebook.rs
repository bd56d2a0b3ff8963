//! Jupyter notebooks: Markdown cells, code cells and what they printed.

use super::include::Tree;
use super::{FormatError, Page, PageBuilder, markdown};
use serde_json::Value;

/// Of a cell's output this many characters are kept.
const MAX_OUTPUT: usize = 600;

fn joined(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// Reads a page. Lines are those of the cells one below the other, since the file's own say nothing to a reader.
///
/// # Errors
/// [`FormatError::Malformed`] if it is not a notebook.
pub fn read(path: &str, text: &str, tree: &Tree) -> Result<Page, FormatError> {
    let notebook: Value =
        serde_json::from_str(text).map_err(|error| FormatError::Malformed("notebook", format!("line {}", error.line())))?;
    // Version 3 had worksheets.
    let cells = notebook.get("cells").or_else(|| notebook.pointer("/worksheets/0/cells")).and_then(Value::as_array);
    let cells = cells.ok_or_else(|| FormatError::Malformed("notebook", "it has no cells".to_owned()))?;
    let language = notebook
        .pointer("/metadata/language_info/name")
        .or_else(|| notebook.pointer("/metadata/kernelspec/language"))
        .and_then(Value::as_str)
        .unwrap_or("python")
        .to_ascii_lowercase();
    let mut builder = PageBuilder::default();
    let mut line = 0_u32;
    for cell in cells {
        let source = joined(cell.get("source").or_else(|| cell.get("input")).unwrap_or(&Value::Null));
        let count = u32::try_from(source.lines().count()).unwrap_or(0);
        match cell.get("cell_type").and_then(Value::as_str) {
            Some("markdown") => markdown::read_into(&mut builder, path, &source, tree, line),
            Some("heading") => builder.heading(
                cell.get("level").and_then(Value::as_u64).and_then(|l| u8::try_from(l).ok()).unwrap_or(1),
                &source,
                None,
                line + 1,
            ),
            Some("code") => {
                builder.code(&language, None, &source, line + 1, line + count.max(1));
                let output = output(cell);
                if !output.is_empty() {
                    builder.code("text", None, &output, line + 1, line + count.max(1));
                }
            }
            _ => {}
        }
        line += count;
    }
    Ok(builder.finish(path))
}

fn output(cell: &Value) -> String {
    let mut out = String::new();
    for output in cell.get("outputs").and_then(Value::as_array).into_iter().flatten() {
        let text = output.get("text").or_else(|| output.pointer("/data/text~1plain")).map(joined).unwrap_or_default();
        out.push_str(&text);
        if out.len() > MAX_OUTPUT {
            break;
        }
    }
    let cut: String = out.chars().take(MAX_OUTPUT).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_become_headings_prose_code_and_output() {
        let text = r##"{"cells":[{"cell_type":"markdown","source":["# Fit\n","A model."]},
            {"cell_type":"code","source":"fit(x)","outputs":[{"text":["done\n"]}]}],"metadata":{"language_info":{"name":"python"}}}"##;
        let page = read("a.ipynb", text, &Tree::none()).unwrap();
        assert_eq!(page.title, "Fit");
        assert_eq!(page.sections[0].blocks.len(), 3);
        assert_eq!(page.sections[0].blocks[1].first_line, 3);
        assert!(matches!(read("a.ipynb", "[]", &Tree::none()), Err(FormatError::Malformed("notebook", _))));
    }
}
