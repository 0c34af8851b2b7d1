//! Keeps `docs/reference/configuration.md` true: its tables are made from those in the program.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use kelpgate_core::config::{Check, Definition, Effect, Resource, Update, definitions};

use crate::settings::{SHORT, variable};

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference/configuration.md")
}

/// Run with `KELPGATE_UPDATE_DOCS=1` after a change of the tables.
#[test]
fn the_page_of_properties_is_what_the_program_knows() {
    let written = std::fs::read_to_string(page()).unwrap();
    let mut made = written.clone();
    for (section, text) in sections() {
        made = replace(&made, section, &text);
    }
    if std::env::var_os("KELPGATE_UPDATE_DOCS").is_some() {
        std::fs::write(page(), &made).unwrap();
        return;
    }
    assert!(
        made == written,
        "docs/reference/configuration.md is stale: run the tests with KELPGATE_UPDATE_DOCS=1"
    );
}

fn sections() -> Vec<(&'static str, String)> {
    let acts = |key: &&Definition| key.effect == Effect::Acts;
    let own = |key: &&Definition| key.name.starts_with("kelpgate.");
    let node = || definitions(Resource::Broker).filter(acts);
    vec![
        ("short names", short_names()),
        ("own properties", table(node().filter(own))),
        ("node properties", table(node().filter(|key| !own(key)))),
        ("topic properties", table(definitions(Resource::Topic))),
        ("group properties", table(definitions(Resource::Group))),
        ("client metrics properties", table(definitions(Resource::ClientMetrics))),
        ("properties without effect", without_effect()),
    ]
}

fn replace(page: &str, section: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- begin: {section} -->\n"), format!("<!-- end: {section} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}{text}{end}{after}")
}

fn short_names() -> String {
    let mut text = "| flag | variable | in the file | property |\n| --- | --- | --- | --- |\n".to_owned();
    for (short, key) in SHORT {
        let flag = if short == "sync" { "".to_owned() } else { format!("`--{short}`") };
        writeln!(text, "| {flag} | `{}` | `{short}` | `{key}` |", variable(short)).unwrap();
    }
    text
}

fn table<'a>(keys: impl Iterator<Item = &'a Definition>) -> String {
    let mut text = "| property | type | default | values | may be changed | meaning |\n\
                    | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    let mut keys: Vec<&Definition> = keys.collect();
    keys.sort_by_key(|key| key.name);
    for key in keys {
        let (name, kind) = (key.name, key.kind.name().to_lowercase());
        let meaning = match key.effect {
            Effect::Acts => key.documentation.to_owned(),
            Effect::Reported(why) => format!("{} *No effect: {why}.*", key.documentation),
        };
        let changed = match key.update {
            _ if !node_key(key) => "always",
            Update::ReadOnly => "at start",
            Update::PerBroker => "for one node",
            Update::ClusterWide => "always",
        };
        writeln!(
            text,
            "| `{name}` | {kind} | {} | {} | {changed} | {} |",
            default(key),
            values(key),
            meaning.replace('|', "\\|")
        )
        .unwrap();
    }
    text
}

fn node_key(key: &Definition) -> bool {
    definitions(Resource::Broker).any(|known| std::ptr::eq(known, key))
}

fn default(key: &Definition) -> String {
    match key.default {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    }
}

fn values(key: &Definition) -> String {
    match key.check {
        Check::Any => String::new(),
        Check::AtLeast(min) => format!("{min} or more"),
        Check::Between(min, max) => format!("{min} to {max}"),
        Check::GzipLevel => "-1, 1 to 9".to_owned(),
        Check::OneOf(known) | Check::OneOfAnyCase(known) => known.join(", "),
        Check::Items([]) => String::new(),
        Check::Items(known) => format!("any of {}", known.join(", ")),
        Check::ThrottledReplicas => "`*` or partition:broker".to_owned(),
        Check::OffsetReset => "earliest, latest, by_duration:PnDTnHnMn.nS".to_owned(),
        Check::AddressCounts => "address:count".to_owned(),
    }
}

fn without_effect() -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for key in definitions(Resource::Broker) {
        if let Effect::Reported(why) = key.effect {
            by_reason.entry(why).or_default().push(key.name);
        }
    }
    let mut text = String::new();
    for (why, mut names) in by_reason {
        names.sort_unstable();
        writeln!(text, "- {}: `{}`.", why, names.join("`, `")).unwrap();
    }
    text
}
