//! Keeps the documentation true: the tables of `docs/reference/configuration.md` are made from those in the program, and
//! command lines and files that are shown are understood.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Parser;
use kelpgate_core::config::{Check, Definition, Effect, Resource, Update, definitions};

use crate::cli::Cli;
use crate::settings::{SHORT, Settings, variable};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> PathBuf {
    root().join("docs/reference/configuration.md")
}

/// The pages that show how the program is used.
fn pages() -> Vec<(PathBuf, String)> {
    let folders = ["docs/tutorial", "docs/how-to"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root().join(folder)).unwrap());
    let paths = files.map(|file| file.unwrap().path()).chain([root().join("README.md")]);
    paths.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The text of all blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    page.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn command_lines_and_files_that_are_shown_are_understood() {
    let (mut commands, mut files) = (0, 0);
    for (path, page) in pages() {
        for line in blocks(&page, "console").iter().flat_map(|block| join_lines(block)) {
            let Some(command) = line.strip_prefix("$ kelpgate") else { continue };
            let words = command.split_whitespace();
            let cli = Cli::try_parse_from(std::iter::once("kelpgate").chain(words))
                .unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display()));
            let flags = cli.serve.flags().unwrap();
            Settings::load(None, std::iter::empty(), flags)
                .unwrap_or_else(|error| panic!("{}: {line}: {error}", path.display()));
            commands += 1;
        }
        for block in blocks(&page, "toml") {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), block).unwrap();
            Settings::load(Some(file.path()), std::iter::empty(), Vec::new())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            files += 1;
        }
    }
    assert!(commands >= 5 && files >= 1, "{commands} commands and {files} files were found");
}

/// Lines, with those that a backslash continues put together.
fn join_lines(block: &str) -> Vec<String> {
    block.replace("\\\n", "").lines().map(str::to_owned).collect()
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
