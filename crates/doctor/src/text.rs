//! The report for people.

use crate::report::{ClientReport, Finding, Outcome, Report};
use crate::rules::Severity;
use std::fmt::Write as _;

/// How it is printed.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// Characters in a line.
    pub width: usize,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn wrap(out: &mut String, style: Style, indent: &str, text: &str) {
    let mut length = usize::MAX;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if length.saturating_add(width + 1) > style.width {
            if length != usize::MAX {
                out.push('\n');
            }
            out.push_str(indent);
            length = indent.chars().count();
        } else {
            out.push(' ');
            length += 1;
        }
        out.push_str(word);
        length += width;
    }
    out.push('\n');
}

/// The whole report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", style.paint("1", &report.url));
    for (name, value) in [("server", &report.server), ("issuer", &report.issuer)] {
        if let Some(value) = value {
            let _ = writeln!(out, "  {name}: {value}");
        }
    }
    if !report.is_protected {
        out.push_str("  open server: clients connect without authorization\n");
    }
    if !report.clients.is_empty() {
        out.push_str("\nClients\n");
        let widest = report.clients.iter().map(|client| client.name.chars().count()).max().unwrap_or(0);
        for client in &report.clients {
            line(&mut out, style, client, widest);
        }
        if report.is_protected && report.clients.iter().any(|client| client.outcome == Outcome::Connects) {
            wrap(&mut out, style, "  ", "\"connects\": everything that can be seen without signing in works.");
        }
    }
    let findings = report.findings();
    if findings.is_empty() {
        out.push_str("\nNo findings.\n");
    } else {
        let _ = writeln!(out, "\n{} finding{}", findings.len(), if findings.len() == 1 { "" } else { "s" });
        findings.iter().for_each(|finding| paragraph(&mut out, style, report, finding));
    }
    let notes = report.notes();
    if !notes.is_empty() {
        out.push_str("\nNotes\n");
        notes.iter().for_each(|note| paragraph(&mut out, style, report, note));
    }
    out.push('\n');
    wrap(&mut out, style, "", &closing(report));
    out
}

fn closing(report: &Report) -> String {
    let mut words = format!("{} requests were sent", report.requests);
    match (report.registered, report.removed) {
        (0, _) => words.push_str("; no client was registered."),
        (registered, removed) if registered == removed => {
            let _ = write!(words, "; {registered} clients were registered and removed again.");
        }
        (registered, removed) => {
            let _ = write!(words, "; {registered} clients were registered, {removed} of them removed again");
            let _ = write!(words, " ({}).", report.kept.as_deref().unwrap_or("the server offers no removal, RFC 7592"));
        }
    }
    words
}

fn line(out: &mut String, style: Style, client: &ClientReport, widest: usize) {
    let name = format!("{:widest$}", client.name);
    let words = match (client.outcome, client.phase) {
        (Outcome::Connects, _) => style.paint("32", "connects"),
        (Outcome::NotTried, _) => format!("gets through {}; registration was not tried", client.reached),
        (Outcome::Stumbles, phase) => {
            let at = style.paint("31", &format!("stumbles at {}", phase.unwrap_or("discovery")));
            format!("{at}: {} [{}]", client.why.as_deref().unwrap_or_default(), client.rule.unwrap_or_default())
        }
    };
    let _ = writeln!(out, "  {name}  {words}");
    if let Some(deviates) = &client.deviates {
        let _ = writeln!(out, "  {:widest$}  (the client deviates: {deviates})", "");
    }
}

fn paragraph(out: &mut String, style: Style, report: &Report, finding: &Finding) {
    let colour = match finding.severity {
        Severity::Error => "31",
        Severity::Warning => "33",
        Severity::Note => "36",
    };
    let _ = writeln!(
        out,
        "\n{} {} [{}]",
        style.paint(colour, finding.severity.as_str()),
        style.paint("1", finding.rule.title),
        finding.rule.id
    );
    for seen in &finding.evidence {
        wrap(out, style, "    ", &format!("seen: {seen}"));
    }
    if !finding.clients.is_empty() {
        let name =
            |id: &String| report.clients.iter().find(|client| client.id == *id).map_or_else(|| id.clone(), |client| client.name.clone());
        let names: Vec<String> = finding.clients.iter().map(name).collect();
        wrap(out, style, "    ", &format!("stumble over it: {}", names.join(", ")));
    }
    wrap(out, style, "    ", &format!("rule: {} ({})", finding.rule.rule, finding.rule.section));
    wrap(out, style, "    ", &format!("remedy: {}", finding.rule.remedy));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_who_why_and_what_to_do() {
        let mut report = Report::new("https://a.example/mcp");
        (report.is_protected, report.requests, report.registered) = (true, 9, 2);
        report.find_for("resource-mismatch", "resource is \"x\"", Some("vscode"), Severity::Error);
        report.find("none-not-first", "the list is [\"client_secret_basic\",\"none\"]");
        report.clients = vec![ClientReport {
            id: "vscode".into(),
            name: "VS Code".into(),
            outcome: Outcome::Stumbles,
            reached: "nothing",
            phase: Some("discovery"),
            rule: Some("resource-mismatch"),
            why: Some("resource is \"x\"".into()),
            deviates: None,
        }];
        let text = render(&report, Style { colour: false, width: 80 });
        for words in [
            "VS Code  stumbles at discovery: resource is \"x\" [resource-mismatch]",
            "1 finding\n",
            "stumble over it: VS Code",
            "rule: RS1 (RFC 9728 3.3)",
            "remedy: Make resource",
            "Notes\n",
            "2 clients were registered, 0 of them",
        ] {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
        assert!(!text.contains('\u{1b}') && render(&report, Style { colour: true, width: 80 }).contains("\u{1b}[31m"));
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}
