//! Settings from a TOML file. Tables and dots mean the same, so `[log]` with `retention.ms = 1` sets `log.retention.ms`.

use std::fs;
use std::path::Path;

use toml::{Table, Value};

use super::{Given, Origin};
use crate::error::Failure;

/// Reads a file.
///
/// # Errors
/// When it cannot be read, is no TOML, or holds a date, a list of lists or a table in a list.
pub(super) fn read(file: &Path) -> Result<Vec<Given>, Failure> {
    let text =
        fs::read_to_string(file).map_err(|source| Failure::ReadConfig { file: file.to_owned(), source })?;
    let refuse = |text: String| Failure::ParseConfig { file: file.to_owned(), text };
    let table: Table = text.parse().map_err(|error: toml::de::Error| refuse(error.to_string()))?;
    let mut found = Vec::new();
    flatten("", &table, &mut found).map_err(refuse)?;
    let given =
        found.into_iter().map(|(name, value)| Given::short(&name, &value, Origin::File(file.to_owned())));
    Ok(given.collect())
}

fn flatten(prefix: &str, table: &Table, found: &mut Vec<(String, String)>) -> Result<(), String> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&name, inner, found)?,
            Value::Array(items) => {
                let texts: Option<Vec<String>> = items.iter().map(scalar).collect();
                let texts = texts.ok_or_else(|| format!("{name}: expected texts or numbers in the list"))?;
                found.push((name, texts.join(",")));
            }
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_) => {
                let text = scalar(value).ok_or_else(|| format!("{name}: a date is not a value here"))?;
                found.push((name, text));
            }
        }
    }
    Ok(())
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(flag) => Some(flag.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}
