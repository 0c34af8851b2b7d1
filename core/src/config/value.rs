//! Text into values and back, as Kafka's `ConfigDef.parseType` and `ConfigDef.convertToString` do it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::check::check;
use super::definition::{Check, Definition, Kind, Resource};
use super::error::ConfigError;
use super::keys::definition;

/// A value that has its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Int, Short and Long; within the range of its kind.
    Integer(i64),
    Double(f64),
    /// String, Class and Password.
    Text(String),
    List(Vec<String>),
}

impl Value {
    /// The canonical text (`ConfigDef.convertToString`).
    pub fn render(&self) -> String {
        match self {
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Double(value) => render_double(*value),
            Value::Text(value) => value.clone(),
            Value::List(items) => items.join(","),
        }
    }
}

/// The refusal of a value in Kafka's words (`ConfigException`).
pub(super) fn invalid(definition: &Definition, value: &str, reason: &str) -> ConfigError {
    let name = definition.name;
    ConfigError::invalid_config(format!("Invalid value {value} for configuration {name}: {reason}"))
}

/// The value of a text, if it has the type of its key and satisfies its condition.
pub(super) fn checked(definition: &Definition, raw: &str) -> Result<Value, ConfigError> {
    let value = parse(definition, raw)?;
    check(definition, &value)?;
    Ok(value)
}

/// Checks one key and its value, without regard to other keys.
///
/// # Errors
/// INVALID_CONFIG with Kafka's texts; INVALID_REQUEST for an unknown key of a client metrics subscription. An unknown
/// key of a node is none: Kafka keeps it for plugins.
pub fn validate(resource: Resource, name: &str, raw: &str) -> Result<(), ConfigError> {
    match definition(resource, name) {
        Some(definition) => checked(definition, raw).map(|_| ()),
        None => match resource {
            Resource::Topic => Err(ConfigError::invalid_config(format!("Unknown topic config name: {name}"))),
            Resource::Group => Err(ConfigError::invalid_config(format!("Unknown group config name: {name}"))),
            Resource::ClientMetrics => {
                Err(ConfigError::invalid_request(format!("Unknown client metrics configuration: {name}")))
            }
            Resource::Broker => Ok(()),
        },
    }
}

/// Gives a text its type. Surrounding blanks do not count, list items are separated by commas with blanks around
/// them, and repeated items of a checked list count once.
pub(super) fn parse(definition: &Definition, raw: &str) -> Result<Value, ConfigError> {
    let text = trim(raw);
    let number = |value: Option<i64>| {
        value.map(Value::Integer).ok_or_else(|| {
            invalid(definition, raw, &format!("Not a number of type {}", definition.kind.name()))
        })
    };
    match definition.kind {
        Kind::Bool if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Kind::Bool if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        Kind::Bool => Err(invalid(definition, raw, "Expected value to be either true or false")),
        Kind::Short => number(text.parse::<i16>().ok().map(i64::from)),
        Kind::Int => number(text.parse::<i32>().ok().map(i64::from)),
        Kind::Long => number(text.parse::<i64>().ok()),
        Kind::Double => parse_double(text)
            .map(Value::Double)
            .ok_or_else(|| invalid(definition, raw, "Not a number of type DOUBLE")),
        Kind::String | Kind::Class | Kind::Password => Ok(Value::Text(text.to_string())),
        Kind::List => Ok(Value::List(items(text, matches!(definition.check, Check::Items(_))))),
    }
}

/// Java's `String.trim`: everything up to and including U+0020 is blank.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// The items of a list; the empty text is the empty list.
fn items(text: &str, once: bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if text.is_empty() {
        return found;
    }
    for item in text.split(',').map(trim) {
        if !once || !found.iter().any(|known| known == item) {
            found.push(item.to_string());
        }
    }
    found
}

/// Decimal numbers as Java reads them, with the type suffix it allows; neither NaN nor infinity, which no key can use.
fn parse_double(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let decimal = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    if !digits.chars().all(decimal) {
        return None;
    }
    digits.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Java's `Double.toString`: plain from a thousandth to ten million, else with an exponent, always with a fraction.
fn render_double(value: f64) -> String {
    let size = if value < 0.0 { -value } else { value };
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:e}");
    match scientific.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => format!("{mantissa}E{exponent}"),
        Some((mantissa, exponent)) => format!("{mantissa}.0E{exponent}"),
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        for (text, written) in [
            ("1", "1.0"),
            ("0.5f", "0.5"),
            ("1e-5", "1.0E-5"),
            ("0.001", "0.001"),
            ("12345678", "1.2345678E7"),
            ("0", "0.0"),
            ("1.7976931348623157e308", "1.7976931348623157E308"),
        ] {
            assert_eq!(render_double(parse_double(text).unwrap()), written, "{text}");
        }
        for text in ["", "x", "NaN", "inf", "Infinity", "1e400", "0x1p3", "--1", "1 2"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }

    #[test]
    fn lists_split_at_commas_with_blanks_around_them() {
        let split = |text| items(trim(text), true);
        assert_eq!(split(" delete , compact\t"), ["delete", "compact"]);
        assert_eq!(split("a,a,b"), ["a", "b"]);
        assert_eq!(items("a,a", false), ["a", "a"]);
        assert_eq!(split(",").len(), 1, "two empty items count once");
        assert!(split("  ").is_empty());
    }
}
