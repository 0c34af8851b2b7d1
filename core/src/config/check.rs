//! Whether a value satisfies what its key demands, in the words of Kafka's validators.

use alloc::format;
use alloc::string::String;

use super::definition::{Check, Definition};
use super::error::ConfigError;
use super::value::{Value, invalid};

/// Checks a value that has the type of its key.
pub(super) fn check(definition: &Definition, value: &Value) -> Result<(), ConfigError> {
    match definition.check {
        Check::Any => Ok(()),
        Check::AtLeast(min) => within(definition, value, min, i64::MAX),
        Check::Between(min, max) => within(definition, value, min, max),
        Check::GzipLevel => match value {
            Value::Integer(-1 | 1..=9) => Ok(()),
            _ => refuse(definition, value, "Value must be between 1 and 9 or equal to -1"),
        },
        Check::OneOf(known) => one_of(definition, &value.render(), known),
        Check::OneOfAnyCase(known) => {
            let text = value.render();
            if known.iter().any(|name| name.eq_ignore_ascii_case(&text)) {
                return Ok(());
            }
            let names = known.join(", ");
            refuse(definition, value, &format!("String must be one of (case insensitive): {names}"))
        }
        Check::Items(known) => items(definition, value, known),
        Check::ThrottledReplicas => throttled_replicas(definition, value),
        Check::OffsetReset => offset_reset(definition, &value.render()),
        Check::AddressCounts => address_counts(definition, &value.render()),
    }
}

fn refuse(definition: &Definition, value: &Value, reason: &str) -> Result<(), ConfigError> {
    // Java prints a list in brackets.
    let text = match value {
        Value::List(items) => format!("[{}]", items.join(", ")),
        Value::Bool(_) | Value::Integer(_) | Value::Double(_) | Value::Text(_) => value.render(),
    };
    Err(invalid(definition, &text, reason))
}

fn within(definition: &Definition, value: &Value, min: i64, max: i64) -> Result<(), ConfigError> {
    let (below, above) = match value {
        Value::Integer(number) => (*number < min, *number > max),
        Value::Double(number) => (*number < min as f64, *number > max as f64),
        Value::Bool(_) | Value::Text(_) | Value::List(_) => (false, false),
    };
    if below {
        return refuse(definition, value, &format!("Value must be at least {min}"));
    }
    if above {
        return refuse(definition, value, &format!("Value must be no more than {max}"));
    }
    Ok(())
}

fn one_of(definition: &Definition, text: &str, known: &[&str]) -> Result<(), ConfigError> {
    if known.contains(&text) {
        return Ok(());
    }
    Err(invalid(definition, text, &format!("String must be one of: {}", known.join(", "))))
}

fn items(definition: &Definition, value: &Value, known: &[&str]) -> Result<(), ConfigError> {
    let Value::List(items) = value else { return Ok(()) };
    for item in items {
        if item.is_empty() {
            let name = definition.name;
            return Err(ConfigError::invalid_config(format!(
                "Configuration '{name}' values must not be empty."
            )));
        }
        if !known.is_empty() {
            one_of(definition, item, known)?;
        }
    }
    Ok(())
}

fn throttled_replicas(definition: &Definition, value: &Value) -> Result<(), ConfigError> {
    let Value::List(items) = value else { return Ok(()) };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let pair = |item: &String| {
        item.is_empty()
            || item.split_once(':').is_some_and(|(partition, broker)| digits(partition) && digits(broker))
    };
    if items.iter().all(pair) || items.concat() == "*" {
        return Ok(());
    }
    let reason = format!(
        "{} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        definition.name
    );
    refuse(definition, value, &reason)
}

fn offset_reset(definition: &Definition, text: &str) -> Result<(), ConfigError> {
    let known = matches!(text, "earliest" | "latest");
    if known || text.strip_prefix("by_duration:").is_some_and(is_duration) {
        return Ok(());
    }
    let name = definition.name;
    let reason = format!(
        "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of \
         the format 'by_duration:<PnDTnHnMn.nS>'."
    );
    Err(invalid(definition, text, &reason))
}

/// ISO 8601 durations of days, hours, minutes and seconds, not negative.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['P', 'p']) else { return false };
    let (days, time) = match rest.split_once(['T', 't']) {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let days_read = parts(days, &['D']);
    match (days_read, time) {
        (Some(count), None) => count > 0,
        (Some(_), Some(time)) => parts(time, &['H', 'M', 'S']).is_some_and(|count| count > 0),
        (None, _) => false,
    }
}

/// Counts `number unit` pairs whose units come in the given order, each at most once; none if the text is not that.
fn parts(mut text: &str, units: &[char]) -> Option<usize> {
    let mut count = 0;
    for unit in units {
        let Some(end) = text.find([*unit, unit.to_ascii_lowercase()]) else { continue };
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || (*unit != 'S' && number.contains('.')) {
            return None;
        }
        text = rest.get(1..)?;
        count += 1;
    }
    text.is_empty().then_some(count)
}

fn address_counts(definition: &Definition, text: &str) -> Result<(), ConfigError> {
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if address_count(item).is_none() {
            return Err(invalid(definition, text, "Expected a list of address:count"));
        }
    }
    Ok(())
}

/// Splits `address:count`; the address may itself hold colons (IPv6).
pub(super) fn address_count(item: &str) -> Option<(&str, u32)> {
    let (address, count) = item.rsplit_once(':')?;
    let count = count.trim().parse::<i32>().ok().and_then(|count| u32::try_from(count).ok())?;
    (!address.trim().is_empty()).then_some((address.trim(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for text in ["PT1H", "P1D", "P2DT3H4M", "PT0.5S", "PT0S", "pt1m"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "P", "PT", "P1", "1D", "PT-1H", "PT1M1H", "PT1.5H", "P1DT", "PTS", "PT1S1"] {
            assert!(!is_duration(text), "{text}");
        }
    }

    #[test]
    fn addresses_with_counts() {
        assert_eq!(address_count("127.0.0.1:5"), Some(("127.0.0.1", 5)));
        assert_eq!(address_count("::1:5"), Some(("::1", 5)));
        for text in ["a", "a:b", ":5", "a:-1", "a:99999999999"] {
            assert_eq!(address_count(text), None, "{text}");
        }
    }
}
