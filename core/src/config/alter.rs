//! What IncrementalAlterConfigs, AlterConfigs and CreateTopics make of the values that are set. Nothing is changed in
//! place: the caller stores the map it gets, or does not (`validate_only`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::definition::{Kind, Resource};
use super::error::ConfigError;
use super::keys::definition;
use super::layers::{BrokerLayers, Overrides};
use super::rules::check_overrides;
use super::target::Target;

/// The longest value that is kept, in bytes (`ConfigurationControlManager`).
const MAX_VALUE: usize = 32_767;

/// One change of IncrementalAlterConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlterOp<'a> {
    pub name: &'a str,
    /// The code on the wire (`AlterConfigOp.OpType`).
    pub operation: i8,
    pub value: Option<&'a str>,
}

/// What an operation's code stands for.
enum Operation<'a> {
    Set(&'a str),
    Delete,
    Append(&'a str),
    Subtract(&'a str),
}

impl<'a> AlterOp<'a> {
    fn decode(&self) -> Result<Operation<'a>, ConfigError> {
        let value = || {
            let refusal =
                || ConfigError::invalid_request(format!("Null value not supported for : {}", self.name));
            self.value.ok_or_else(refusal)
        };
        match self.operation {
            0 => value().map(Operation::Set),
            1 => Ok(Operation::Delete),
            2 => value().map(Operation::Append),
            3 => value().map(Operation::Subtract),
            unknown => Err(ConfigError::invalid_request(format!("Unknown operations type {unknown}"))),
        }
    }
}

/// Applies changes to what is set for a target, and gives what is set then.
///
/// # Errors
/// INVALID_REQUEST: a key twice, no value, an unknown operation, a key that is fixed at start-up, a bad value for a node.
/// INVALID_CONFIG: an unknown key, a bad value, append and subtract on what is no list. Nothing is applied then.
pub fn alter_incremental(
    target: Target<'_>,
    layers: &BrokerLayers,
    ops: &[AlterOp<'_>],
) -> Result<Overrides, ConfigError> {
    refuse_duplicates(ops.iter().map(|op| op.name))?;
    let mut new = target.own(layers).clone();
    for op in ops {
        let value = match op.decode()? {
            Operation::Delete => {
                new.remove(op.name);
                continue;
            }
            Operation::Set(value) => value.to_string(),
            Operation::Append(value) => {
                let mut items = current_items(target, op.name, "APPEND", &new)?;
                for item in items_given(value) {
                    if !items.iter().any(|known| known == item) {
                        items.push(item.to_string());
                    }
                }
                items.join(",")
            }
            Operation::Subtract(value) => {
                let mut items = current_items(target, op.name, "SUBTRACT", &new)?;
                for gone in items_given(value) {
                    if let Some(at) = items.iter().position(|item| item == gone) {
                        items.remove(at);
                    }
                }
                items.join(",")
            }
        };
        insert(&mut new, op.name, value)?;
    }
    check_overrides(target, &new, layers)?;
    Ok(new)
}

/// Replaces all that is set for a target (AlterConfigs), and gives what is set then.
///
/// # Errors
/// As [`alter_incremental`].
pub fn alter_replace<'a>(
    target: Target<'_>,
    layers: &BrokerLayers,
    values: &[(&'a str, Option<&'a str>)],
) -> Result<Overrides, ConfigError> {
    refuse_duplicates(values.iter().map(|(name, _)| *name))?;
    let nulls: Vec<&str> =
        values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if !nulls.is_empty() {
        let names = nulls.join(", ");
        return Err(ConfigError::invalid_request(format!("Null value not supported for : {names}")));
    }
    collect(target, layers, values)
}

/// What is set for a topic about to be made (CreateTopics). Of a key given twice the last value counts.
///
/// # Errors
/// INVALID_CONFIG: no value, an unknown key, a bad value.
pub fn new_topic<'a>(
    layers: &BrokerLayers,
    values: &[(&'a str, Option<&'a str>)],
) -> Result<Overrides, ConfigError> {
    let nulls: Vec<&str> =
        values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if !nulls.is_empty() {
        let names = nulls.join(",");
        return Err(ConfigError::invalid_config(format!(
            "Null value not supported for topic configs: {names}"
        )));
    }
    collect(Target::Topic(&Overrides::new()), layers, values)
}

fn collect(
    target: Target<'_>,
    layers: &BrokerLayers,
    values: &[(&str, Option<&str>)],
) -> Result<Overrides, ConfigError> {
    let mut new = Overrides::new();
    for (name, value) in values {
        insert(&mut new, name, value.unwrap_or_default().to_string())?;
    }
    check_overrides(target, &new, layers)?;
    Ok(new)
}

fn insert(new: &mut Overrides, name: &str, value: String) -> Result<(), ConfigError> {
    if value.len() > MAX_VALUE {
        return Err(ConfigError::invalid_config(format!(
            "The configuration value cannot be added because it exceeds the maximum value size of {MAX_VALUE} bytes."
        )));
    }
    new.insert(name.to_string(), value);
    Ok(())
}

fn refuse_duplicates<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(ConfigError::invalid_request("Error due to duplicate config keys"));
    }
    Ok(())
}

/// The items of a value to be added or taken away, as Java splits it: nothing after the last that is not empty, but the
/// empty text is one empty item.
fn items_given(value: &str) -> impl Iterator<Item = &str> {
    let trimmed = value.trim_end_matches(',');
    let count = if trimmed.is_empty() && !value.is_empty() { 0 } else { usize::MAX };
    trimmed.split(',').take(count)
}

/// The items that an operation starts from: those that are set, else those of the built-in default.
fn current_items(
    target: Target<'_>,
    name: &str,
    operation: &str,
    own: &Overrides,
) -> Result<Vec<String>, ConfigError> {
    let key = definition(target.resource(), name);
    match key {
        Some(key) if key.kind == Kind::List => {
            let text = own.get(name).map(String::as_str).or(key.default).unwrap_or_default();
            Ok(text.split(',').filter(|item| !item.is_empty()).map(String::from).collect())
        }
        // Nodes check before the controller does, in other words (`ConfigAdminManager.prepareIncrementalConfigs`).
        Some(_) if target.resource() == Resource::Broker => {
            let operation = operation.to_ascii_lowercase();
            Err(ConfigError::invalid_config(format!(
                "Config value {operation} is not allowed for config key: {name}"
            )))
        }
        None if target.resource() == Resource::Broker => {
            Err(ConfigError::invalid_config(format!("Unknown config name: {name}")))
        }
        Some(_) | None => Err(ConfigError::invalid_config(format!(
            "Can't {operation} to key {name} because its type is not LIST."
        ))),
    }
}

#[cfg(test)]
mod tests;
