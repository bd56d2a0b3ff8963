//! Tables that directives write as lists or as values between commas.

use super::collapse;
use super::rst::{Line, Reader};

/// More columns than this are no table.
const MAX_COLUMNS: usize = 60;

impl Reader<'_> {
    /// A list of lists as a table of Markdown. `None` if it is none.
    pub(super) fn list_table(&self, body: &[Line]) -> Option<String> {
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut cell_indent = 0;
        for line in body {
            let text = line.text.as_str();
            let trimmed = text.trim_start();
            if trimmed.is_empty() {
                continue;
            }
            let indent = text.len() - trimmed.len();
            let row = trimmed.strip_prefix("* -").filter(|_| indent == 0);
            let cell = if trimmed == "-" { Some("") } else { trimmed.strip_prefix("- ") };
            match (row, cell) {
                (Some(first), _) => {
                    cell_indent = text.find('-').unwrap_or(0);
                    rows.push(vec![first.trim().to_owned()]);
                }
                (None, Some(next)) if indent == cell_indent && cell_indent > 0 => rows.last_mut()?.push(next.trim().to_owned()),
                _ => {
                    let cell = rows.last_mut()?.last_mut()?;
                    cell.push(' ');
                    cell.push_str(trimmed);
                }
            }
        }
        self.table(&rows)
    }

    /// Values between commas as a table of Markdown. `None` if there are none.
    pub(super) fn value_table(&self, header: Option<&str>, body: &[Line]) -> Option<String> {
        let lines = header.into_iter().chain(body.iter().map(|line| line.text.as_str()));
        let rows: Vec<Vec<String>> = lines.filter(|line| !line.trim().is_empty()).map(values).collect();
        self.table(&rows)
    }

    fn table(&self, rows: &[Vec<String>]) -> Option<String> {
        let columns = rows.iter().map(Vec::len).max().filter(|columns| *columns <= MAX_COLUMNS)?;
        let mut out = String::new();
        for (at, row) in rows.iter().enumerate() {
            let cells: Vec<String> = (0..columns)
                .map(|column| row.get(column).map_or_else(String::new, |cell| collapse(&self.clean(cell)).replace('|', "\\|")))
                .collect();
            out.push_str(&format!("| {} |\n", cells.join(" | ")));
            if at == 0 {
                out.push_str(&format!("|{}\n", " --- |".repeat(columns)));
            }
        }
        Some(out)
    }
}

/// The values of a line; quotes keep commas in a value.
fn values(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => {
                if let Some(value) = out.last_mut() {
                    value.push(c);
                }
            }
        }
    }
    out.iter_mut().for_each(|value| *value = value.trim().to_owned());
    out
}
