use std::io::Write;

use super::*;

fn load(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Settings, Failure> {
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    on_disk.write_all(file.unwrap_or_default().as_bytes()).unwrap();
    let config = file.map(|_| on_disk.path());
    let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given = |(key, value): &(&str, &str)| Given {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        origin: Origin::Set,
    };
    Settings::load(config, variables, flags.iter().map(given).collect())
}

fn refusal(file: Option<&str>, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    load(file, environment, flags).unwrap_err().to_string()
}

#[test]
fn defaults() {
    let settings = load(None, &[], &[]).unwrap();
    assert_eq!(settings.listeners[0].render(), "PLAINTEXT://127.0.0.1:9092");
    assert_eq!(settings.advertised, settings.listeners);
    assert_eq!(settings.data(), Path::new("./data"));
    assert_eq!(settings.shards(), 1);
    assert_eq!(settings.text("kelpgate.sync"), "disk");
    assert!(settings.origin("kelpgate.sync").is_none());
    assert!(settings.warnings.is_empty());
}

#[test]
fn flags_over_environment_over_file() {
    let file = "shards = 2\nsync = \"os\"\ndata = \"/a\"\n[num]\npartitions = 7\n";
    let environment = [("KELPGATE_SHARDS", "3"), ("KELPGATE_DATA", "/b")];
    let settings = load(Some(file), &environment, &[("kelpgate.shards", "4")]).unwrap();
    assert_eq!(settings.shards(), 4);
    assert_eq!(settings.origin("kelpgate.shards"), Some(&Origin::Set));
    assert_eq!(settings.data(), Path::new("/b"));
    assert_eq!(settings.origin(DATA).unwrap().to_string(), "environment variable KELPGATE_DATA");
    assert_eq!(settings.text("kelpgate.sync"), "os");
    assert_eq!(settings.text("num.partitions"), "7");
}

#[test]
fn another_name_of_a_property_hides_it_too() {
    let settings = load(Some("log.retention.ms = 5"), &[], &[("log.retention.hours", "1")]).unwrap();
    assert_eq!(settings.origin("log.retention.ms"), None);
    assert_eq!(settings.text("log.retention.hours"), "1");
}

#[test]
fn lists_numbers_and_quoted_names_in_the_file() {
    let file = r#"
        listen = ["127.0.0.1:1", "[::1]:0"]
        "log.cleanup.policy" = ["compact", "delete"]
        log.cleaner.min.cleanable.ratio = 0.25
        auto.create.topics.enable = false
    "#;
    let settings = load(Some(file), &[], &[]).unwrap();
    assert_eq!(settings.text(LISTENERS), "PLAINTEXT://127.0.0.1:1,PLAINTEXT_2://[::1]:0");
    assert_eq!(settings.text("log.cleanup.policy"), "compact,delete");
    assert_eq!(settings.text("log.cleaner.min.cleanable.ratio"), "0.25");
    assert_eq!(settings.text("auto.create.topics.enable"), "false");
    let addresses = ["127.0.0.1:1".parse().unwrap(), "[::1]:77".parse().unwrap()];
    let properties = settings.properties(&addresses, Path::new("/data"));
    assert_eq!(properties[LISTENERS], "PLAINTEXT://127.0.0.1:1,PLAINTEXT_2://[::1]:77");
    assert_eq!(properties[ADVERTISED], properties[LISTENERS]);
    assert_eq!((properties[DATA].as_str(), properties["broker.id"].as_str()), ("/data", "1"));
}

#[test]
fn what_is_wrong_is_named_with_its_origin() {
    let unknown = refusal(None, &[], &[("num.partition", "3")]);
    assert_eq!(unknown, "--set: there is no property num.partition; did you mean num.partitions?");
    let bad = refusal(None, &[("KELPGATE_SHARDS", "many")], &[]);
    assert_eq!(
        bad,
        "environment variable KELPGATE_SHARDS: Invalid value many for configuration kelpgate.shards: \
         Not a number of type INT"
    );
    let twice = refusal(None, &[("KELPGATE_LISTEN", "a:1"), ("KELPGATE_LISTENERS", "A://a:1")], &[]);
    assert!(
        twice.starts_with("listeners is given twice, by environment variable KELPGATE_LISTEN"),
        "{twice}"
    );
    assert!(refusal(Some("shards = 1979-05-27"), &[], &[]).ends_with("shards: a date is not a value here"));
    assert!(refusal(Some("shards = "), &[], &[]).contains("TOML parse error at line 1"));
    let ids = refusal(None, &[], &[("node.id", "1"), ("broker.id", "2")]);
    assert_eq!(ids, "the configuration contradicts itself: node.id is 1 and broker.id, its older name, is 2");
    assert!(refusal(None, &[], &[("log.dirs", "/a,/b")]).contains("one folder"));
    assert!(refusal(None, &[], &[("queued.max.request.bytes", "5")]).contains("socket.request.max.bytes"));
    assert!(refusal(None, &[], &[("listeners", "SSL://:1")]).contains("SSL is not served"));
}

#[test]
fn an_older_name_of_the_node_id_counts() {
    let settings = load(None, &[], &[("broker.id", "7")]).unwrap();
    assert_eq!(settings.text("node.id"), "7");
}

#[test]
fn a_property_without_effect_is_said_to_have_none() {
    let settings = load(None, &[], &[("num.io.threads", "8")]).unwrap();
    let [warning] = settings.warnings.as_slice() else { panic!("{:?}", settings.warnings) };
    assert!(warning.starts_with("num.io.threads is set (--set) and has no effect: "), "{warning}");
}
