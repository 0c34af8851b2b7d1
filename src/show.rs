//! `kelpgate config`: what holds and where it comes from.

use std::fmt::Write as _;
use std::io::Write as _;

use kelpgate_core::config::{Effect, Entry, Target, describe};

use crate::error::Failure;
use crate::settings::Settings;

/// Prints the configuration as a file that sets the same: properties that act or were set, with `all` every one.
///
/// # Errors
/// When standard output does not take it.
pub(crate) fn show(settings: &Settings, all: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for entry in describe(Target::Node, settings.layers(), None) {
        let acts = entry.definition.is_some_and(|key| key.effect == Effect::Acts);
        if all || acts || !entry.is_default() {
            line(&entry, settings, &mut text);
        }
    }
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn line(entry: &Entry, settings: &Settings, text: &mut String) {
    let name = &entry.name;
    let origin = match settings.origin(name) {
        Some(origin) => origin.to_string(),
        None => "default".to_owned(),
    };
    // A String takes all that is written to it.
    let _ = match &entry.value {
        Some(value) => writeln!(text, "{name:?} = {value:?} # {origin}"),
        None if entry.sensitive && !entry.is_default() => {
            writeln!(text, "# {name} is set and secret: {origin}")
        }
        None => writeln!(text, "# {name} is not set"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Given, Origin};

    fn shown(settings: &Settings) -> String {
        let mut text = String::new();
        for entry in describe(Target::Node, settings.layers(), None) {
            line(&entry, settings, &mut text);
        }
        text
    }

    #[test]
    fn what_is_printed_is_a_file_that_sets_the_same() {
        let given = |key: &str, value: &str| Given {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: Origin::Set,
        };
        let flags = vec![given("log.retention.hours", " 5 "), given("ssl.key.password", "swordfish")];
        let settings = Settings::load(None, std::iter::empty(), flags).unwrap();
        let text = shown(&settings);
        assert!(text.contains("\"log.retention.hours\" = \"5\" # --set\n"));
        assert!(text.contains("\"num.partitions\" = \"1\" # default\n"));
        assert!(text.contains("# ssl.key.password is set and secret: --set\n"));
        assert!(text.contains("# broker.rack is not set\n"));
        assert!(!text.contains("swordfish"));

        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &text).unwrap();
        let again = Settings::load(Some(file.path()), std::iter::empty(), Vec::new()).unwrap();
        let values = |text: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.split(" # ").next().map(str::to_owned)).collect()
        };
        let secret = |line: &String| !line.contains("ssl.key.password");
        let (mut before, mut after) = (values(&text), values(&shown(&again)));
        before.retain(secret);
        after.retain(secret);
        assert_eq!(before, after);
    }
}
