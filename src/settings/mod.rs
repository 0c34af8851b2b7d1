//! What was set, where, and what holds.

mod environment;
mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kelpgate_core::config::{
    BrokerLayers, Effect, Overrides, Resource, are_synonyms, check_node, definition, definitions, validate,
};

#[cfg(test)]
pub(crate) use environment::variable;

use crate::address::{self, ADVERTISED, LISTENERS, Listener};
use crate::error::Failure;

/// Short names of flags, environment variables and the file, and the properties they stand for.
pub(crate) const SHORT: [(&str, &str); 9] = [
    ("advertise", ADVERTISED),
    ("data", DATA),
    ("engine", "kelpgate.engine"),
    ("listen", LISTENERS),
    ("runtime", "kelpgate.runtime"),
    ("shards", "kelpgate.shards"),
    ("smq-master", "kelpgate.smq.master"),
    ("smq-namespace", "kelpgate.smq.namespace"),
    ("sync", "kelpgate.sync"),
];

const DATA: &str = "log.dirs";

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of its own.
    Flag(&'static str),
    /// `--set`.
    Set,
    /// An environment variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) => write!(f, "--{name}"),
            Origin::Set => write!(f, "--set"),
            Origin::Environment(name) => write!(f, "environment variable {name}"),
            Origin::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// One value that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    /// The property.
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

impl Given {
    /// A value given under a short name, or under the name of a property.
    pub(crate) fn short(name: &str, value: &str, origin: Origin) -> Given {
        let key = SHORT.iter().find(|(short, _)| *short == name).map_or(name, |(_, key)| key).to_owned();
        let value = match name {
            "listen" | "advertise" => address::from_flags(value),
            _ => value.to_owned(),
        };
        Given { key, value, origin }
    }
}

/// The configuration of this process.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What was given and holds, by property.
    given: BTreeMap<String, Given>,
    /// The same for the catalogue of configurations.
    layers: BrokerLayers,
    /// Where connections are accepted.
    pub(crate) listeners: Vec<Listener>,
    /// What clients are told, in the order of the listeners.
    pub(crate) advertised: Vec<Listener>,
    /// What the user should know although it stops nothing.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Reads the file and the environment, and puts them under the flags.
    ///
    /// # Errors
    /// When the file cannot be read, a property is unknown or given twice, a value is refused, or values contradict each
    /// other.
    pub(crate) fn load(
        config: Option<&Path>,
        variables: impl Iterator<Item = (String, String)>,
        flags: Vec<Given>,
    ) -> Result<Settings, Failure> {
        let file = config.map(file::read).transpose()?.unwrap_or_default();
        let (environment, mut warnings) = environment::read(variables);
        let mut given = merge([flags, environment, file])?;
        unite_ids(&mut given)?;
        for Given { key, value, origin } in given.values() {
            validate(Resource::Broker, key, value)
                .map_err(|error| Failure::BadValue { origin: origin.clone(), message: error.message })?;
            if let Some(Effect::Reported(why)) = definition(Resource::Broker, key).map(|key| key.effect) {
                warnings.push(format!("{key} is set ({origin}) and has no effect: {why}"));
            }
        }
        let fixed = given.iter().map(|(key, given)| (key.clone(), given.value.clone())).collect();
        let layers = BrokerLayers { fixed, ..BrokerLayers::default() };
        check_node(&layers).map_err(|error| Failure::Contradiction(error.message))?;
        let text = |key| layers.text(key).unwrap_or_default();
        let listeners = address::parse_listeners(LISTENERS, &text(LISTENERS))?;
        let advertised = address::advertise(&listeners, layers.text(ADVERTISED).as_deref())?;
        if text(DATA).is_empty() || text(DATA).contains(',') {
            let message = "a node keeps its data in one folder, log.dirs must name just that".to_owned();
            return Err(Failure::Contradiction(message));
        }
        if text("kelpgate.engine") == "smq" && text("kelpgate.smq.master").is_empty() {
            let message = "engine smq needs a master of SeaweedFS: --smq-master HOST:PORT".to_owned();
            return Err(Failure::Contradiction(message));
        }
        Ok(Settings { given, layers, listeners, advertised, warnings })
    }

    /// What holds for a property; empty for Kafka's null.
    pub(crate) fn text(&self, key: &str) -> String {
        self.layers.text(key).unwrap_or_default()
    }

    /// Where what holds for a property was given; none for its default.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.given.get(key).map(|given| &given.origin)
    }

    /// All that holds.
    pub(crate) fn layers(&self) -> &BrokerLayers {
        &self.layers
    }

    /// The data folder, as it was given.
    pub(crate) fn data(&self) -> PathBuf {
        PathBuf::from(self.text(DATA))
    }

    /// Whether records are kept in SeaweedMQ.
    pub(crate) fn is_on_seaweedmq(&self) -> bool {
        self.text("kelpgate.engine") == "smq"
    }

    /// How many shards the node has.
    pub(crate) fn shards(&self) -> u16 {
        self.text("kelpgate.shards").parse().unwrap_or(1)
    }

    /// How many connections may wait to be accepted.
    pub(crate) fn backlog(&self) -> u16 {
        self.text("socket.listen.backlog.size").parse().unwrap_or(u16::MAX)
    }

    /// What clients are told once the node listens: with the port the system chose where none was asked for.
    pub(crate) fn told(&self, addresses: &[SocketAddr]) -> Vec<Listener> {
        with_ports(&self.advertised, addresses)
    }

    /// The properties as the node itself shows them: with what it found out about itself while it started.
    pub(crate) fn properties(&self, addresses: &[SocketAddr], data: &Path) -> Overrides {
        let mut properties = self.layers.fixed.clone();
        let render =
            |listeners: &[Listener]| listeners.iter().map(Listener::render).collect::<Vec<_>>().join(",");
        let found = [
            (LISTENERS, render(&with_ports(&self.listeners, addresses))),
            (ADVERTISED, render(&self.told(addresses))),
            (DATA, data.display().to_string()),
            ("node.id", self.text("node.id")),
            ("broker.id", self.text("node.id")),
        ];
        properties.extend(found.map(|(key, value)| (key.to_owned(), value)));
        properties
    }
}

fn with_ports(listeners: &[Listener], addresses: &[SocketAddr]) -> Vec<Listener> {
    let real = |(listener, address): (&Listener, &SocketAddr)| match listener.port {
        0 => Listener { port: address.port(), ..listener.clone() },
        _ => listener.clone(),
    };
    listeners.iter().zip(addresses).map(real).collect()
}

/// Puts levels one under the other, the first on top. A property hides all that give the same value further down, whatever
/// their names: hours from a flag win over milliseconds from the file.
fn merge(levels: [Vec<Given>; 3]) -> Result<BTreeMap<String, Given>, Failure> {
    let mut merged: BTreeMap<String, Given> = BTreeMap::new();
    for level in levels {
        let mut here: BTreeMap<String, Given> = BTreeMap::new();
        for given in level {
            if definition(Resource::Broker, &given.key).is_none() {
                let suggestion = nearest(&given.key);
                return Err(Failure::UnknownKey { key: given.key, origin: given.origin, suggestion });
            }
            if let Some(first) = here.get(&given.key) {
                let first = first.origin.clone();
                return Err(Failure::GivenTwice { key: given.key, first, second: given.origin });
            }
            here.insert(given.key.clone(), given);
        }
        here.retain(|key, _| !merged.keys().any(|known| are_synonyms(known, key)));
        merged.append(&mut here);
    }
    Ok(merged)
}

/// `broker.id` is an older name of `node.id`; its default, -1, says nothing.
fn unite_ids(given: &mut BTreeMap<String, Given>) -> Result<(), Failure> {
    let Some(old) = given.get("broker.id").filter(|old| old.value.trim() != "-1").cloned() else {
        return Ok(());
    };
    match given.get("node.id") {
        Some(new) if new.value.trim() != old.value.trim() => Err(Failure::Contradiction(format!(
            "node.id is {} and broker.id, its older name, is {}",
            new.value, old.value
        ))),
        Some(_) => Ok(()),
        None => {
            given.insert("node.id".to_owned(), Given { key: "node.id".to_owned(), ..old });
            Ok(())
        }
    }
}

/// The property whose name is most like a mistyped one.
fn nearest(key: &str) -> Option<String> {
    let names = definitions(Resource::Broker).map(|key| key.name);
    let scored = names.map(|name| (strsim::damerau_levenshtein(name, key), name));
    scored.filter(|(distance, _)| *distance <= 4).min().map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests;
