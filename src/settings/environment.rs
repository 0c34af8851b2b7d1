//! Settings from environment variables.

use kelpgate_core::config::{Resource, definitions};

use super::{Given, Origin, SHORT};

const PREFIX: &str = "KELPGATE_";

/// The file itself is named by this one, which is no property.
const CONFIG: &str = "KELPGATE_CONFIG";

/// Reads all variables that begin with `KELPGATE_`, and says which of them are unknown. Those are no error: a cluster
/// manager sets variables such as `KELPGATE_SERVICE_HOST` for a service of our name.
pub(super) fn read(variables: impl Iterator<Item = (String, String)>) -> (Vec<Given>, Vec<String>) {
    let mut given = Vec::new();
    let mut warnings = Vec::new();
    for (variable, value) in variables {
        if !variable.starts_with(PREFIX) || variable == CONFIG {
            continue;
        }
        match property(&variable) {
            Some(name) => given.push(Given::short(name, &value, Origin::Environment(variable))),
            None => warnings.push(format!("environment variable {variable} is not known")),
        }
    }
    (given, warnings)
}

/// The property or short name that a variable sets.
fn property(variable: &str) -> Option<&'static str> {
    let names =
        SHORT.iter().map(|(short, _)| *short).chain(definitions(Resource::Broker).map(|key| key.name));
    names.into_iter().find(|name| self::variable(name) == variable)
}

/// The variable of a property or short name: in capitals, with `_` for `.` and `-`, and without naming us twice.
pub(crate) fn variable(name: &str) -> String {
    let name = name.strip_prefix("kelpgate.").unwrap_or(name);
    format!("{PREFIX}{}", name.to_uppercase().replace(['.', '-'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_property_has_a_variable_of_its_own() {
        let mut owners: BTreeMap<String, &str> = BTreeMap::new();
        for key in definitions(Resource::Broker) {
            if let Some(other) = owners.insert(variable(key.name), key.name) {
                panic!("{} and {other} share a variable", key.name);
            }
        }
        for (short, key) in SHORT {
            let owner = owners.get(&variable(short));
            assert!(owner.is_none_or(|owner| *owner == key), "{short} means {owner:?}");
        }
        assert!(!owners.contains_key(CONFIG));
    }

    #[test]
    fn unknown_variables_are_told_and_strangers_left_alone() {
        let variables =
            [("KELPGATE_SHARDS", "2"), ("KELPGATE_SERVICE_HOST", "x"), ("PATH", "/bin"), (CONFIG, "f.toml")];
        let (given, warnings) =
            read(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].key, "kelpgate.shards");
        assert_eq!(warnings, ["environment variable KELPGATE_SERVICE_HOST is not known"]);
    }
}
