//! Every field of every declared message against the schemas inside the kafka-clients jar: order, name, type, versions,
//! nullability, default, tag and ignorable bit. Run by `tests/oracle/schemas/run`, which takes the schemas out of the jar
//! and names their folder in `KAFKA_SCHEMAS`.

use std::path::{Path, PathBuf};

use kelpgate_core::protocol::ApiKey;
use kelpgate_core::protocol::wire::{FieldInfo, FieldType, MessageInfo, StructInfo, VersionRange};
use serde_json::Value;

#[test]
#[ignore = "needs the schemas of a kafka-clients jar: tests/oracle/schemas/run"]
fn declarations_are_those_of_kafka() {
    let folder = PathBuf::from(std::env::var("KAFKA_SCHEMAS").expect("KAFKA_SCHEMAS names a folder"));
    let mut differences = Vec::new();
    let mut fields = 0;
    for key in ApiKey::ALL {
        for (side, ours) in [("Request", key.request()), ("Response", key.response())] {
            let name = format!("{}{side}", key.name());
            let schema = read(&folder, &name);
            let mut compare =
                Compare { valid: range(&schema["validVersions"]), fields: 0, differences: Vec::new() };
            compare.message(&name, ours, &schema);
            fields += compare.fields;
            differences.extend(compare.differences);
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(fields >= 398, "only {fields} fields were compared");
    println!("{fields} fields of {} messages", 2 * ApiKey::ALL.len());
}

/// A schema without its comments, which JSON does not have.
fn read(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let plain: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    serde_json::from_str(&plain.join("\n")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `3+`, `0-12`, `5` or `none`; nothing is none.
fn range(text: &Value) -> VersionRange {
    let text = text.as_str().unwrap_or("none");
    let number = |text: &str| text.parse::<i16>().unwrap_or_else(|_| panic!("versions {text}"));
    match (text, text.split_once('-'), text.strip_suffix('+')) {
        ("none", ..) => VersionRange::NONE,
        (_, Some((first, last)), _) => VersionRange::between(number(first), number(last)),
        (_, _, Some(first)) => VersionRange::from(number(first)),
        _ => VersionRange::between(number(text), number(text)),
    }
}

/// Fields that every version has, so that their default never shows on the wire; ours is more convenient.
const DEFAULT_OF_OUR_OWN: &[&str] =
    &["ProduceRequest.topic_data.partition_data.records", "FetchResponse.responses.partitions.records"];

struct Compare {
    /// What Kafka serves: versions that it has dropped have another oracle.
    valid: VersionRange,
    fields: usize,
    differences: Vec<String>,
}

impl Compare {
    fn message(&mut self, name: &str, ours: &MessageInfo, schema: &Value) {
        self.same(name, "newest version", ours.versions.last, self.valid.last);
        if ours.versions.first > self.valid.first {
            self.differences
                .push(format!("{name}: {} and later, Kafka {}", ours.versions.first, self.valid.first));
        }
        let (flexible, theirs) = (self.clip(ours.flexible), self.clip(range(&schema["flexibleVersions"])));
        self.same(name, "flexible versions", flexible, theirs);
        self.structure(name, ours.body, &schema["fields"], schema);
    }

    fn structure(&mut self, path: &str, ours: &StructInfo, fields: &Value, schema: &Value) {
        let theirs = fields.as_array().into_iter().flatten();
        let theirs: Vec<&Value> = theirs.filter(|field| self.has(range(&field["versions"]))).collect();
        let ours: Vec<&FieldInfo> = ours.fields.iter().filter(|field| self.has(field.versions)).collect();
        let names = |list: Vec<String>| list.join(", ");
        let our_names = names(ours.iter().map(|field| field.name.replace('_', "")).collect());
        let their_names =
            names(theirs.iter().map(|field| field["name"].as_str().unwrap_or("").to_lowercase()).collect());
        if our_names != their_names {
            return self.differences.push(format!("{path}: fields {our_names}; Kafka {their_names}"));
        }
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            self.field(&format!("{path}.{}", ours.name), ours, theirs, schema);
        }
    }

    fn field(&mut self, path: &str, ours: &FieldInfo, theirs: &Value, schema: &Value) {
        self.fields += 1;
        let versions = (self.clip(ours.versions), self.clip(range(&theirs["versions"])));
        self.same(path, "versions", versions.0, versions.1);
        let nullable = (self.clip(ours.nullable), self.clip(range(&theirs["nullableVersions"])));
        self.same(path, "nullable versions", nullable.0, nullable.1);
        self.same(path, "tag", ours.tag.map(u64::from), theirs["tag"].as_u64());
        self.same(path, "ignorable", ours.ignorable, theirs["ignorable"].as_bool().unwrap_or(false));
        if !DEFAULT_OF_OUR_OWN.contains(&path) {
            self.same(path, "default", our_default(ours), their_default(theirs));
        }
        let name = theirs["type"].as_str().unwrap_or("");
        self.same(path, "type", type_name(&ours.ty), name.to_string());
        if let FieldType::Struct(ours) | FieldType::Array(FieldType::Struct(ours)) = &ours.ty {
            let common = schema["commonStructs"].as_array().into_iter().flatten();
            let named = common
                .into_iter()
                .find(|found| found["name"].as_str() == Some(name.trim_start_matches("[]")));
            let fields = theirs.get("fields").or(named.map(|found| &found["fields"]));
            self.structure(path, ours, fields.unwrap_or(&Value::Null), schema);
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, path: &str, what: &str, ours: T, theirs: T) {
        if ours != theirs {
            self.differences.push(format!("{path}: {what} {ours:?}, Kafka {theirs:?}"));
        }
    }

    fn has(&self, versions: VersionRange) -> bool {
        self.clip(versions).is_some()
    }

    /// What of a range Kafka still serves.
    fn clip(&self, versions: VersionRange) -> Option<(i16, i16)> {
        let (first, last) = (versions.first.max(self.valid.first), versions.last.min(self.valid.last));
        (first <= last).then_some((first, last))
    }
}

fn type_name(ty: &FieldType) -> String {
    match ty {
        FieldType::Bool => "bool".into(),
        FieldType::Int8 => "int8".into(),
        FieldType::Int16 => "int16".into(),
        FieldType::Int32 => "int32".into(),
        FieldType::Int64 => "int64".into(),
        FieldType::Uuid => "uuid".into(),
        FieldType::String => "string".into(),
        FieldType::Bytes => "bytes".into(),
        FieldType::Records => "records".into(),
        FieldType::Array(element) => format!("[]{}", type_name(element)),
        FieldType::Struct(named) => named.name.into(),
    }
}

/// Defaults as numbers or words; those that are zero, empty or false say nothing.
fn our_default(field: &FieldInfo) -> Option<String> {
    let text = field.default?;
    Some(match text {
        "None" => "null".into(),
        "i32::MAX" => i32::MAX.to_string(),
        "i32::MIN" => i32::MIN.to_string(),
        "i64::MAX" => i64::MAX.to_string(),
        other => other.replace('_', ""),
    })
    .filter(|text| !matches!(text.as_str(), "0" | "false" | "\"\""))
}

fn their_default(field: &Value) -> Option<String> {
    let text = match field.get("default")? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).map_or(text.clone(), |number| number.to_string()),
        None => text.to_lowercase(),
    };
    Some(text).filter(|text| !matches!(text.as_str(), "0" | "false" | ""))
}
