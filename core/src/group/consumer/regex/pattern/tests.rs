//! The syntax of RE2, as Kafka's own engine (re2j 1.8) has it.

use alloc::string::String;
use alloc::vec::Vec;

use super::Pattern;

const NAMES: [&str; 17] = [
    "a",
    "b",
    "ab",
    "aa",
    "aaa",
    "orders",
    "orders-1",
    "orders.eu",
    "Orders",
    "x_y",
    "0",
    "a-b",
    "__consumer_offsets",
    "<",
    "[",
    "a{",
    "{1}",
];

/// Expressions with the names they match as a whole; none if they do not compile. Written by re2j.
#[rustfmt::skip]
const RE2J: &[(&str, Option<&str>)] = &[
    (r#"a"#, Some("a")),
    (r#"a|ab"#, Some("a ab")),
    (r#"a|b"#, Some("a b")),
    (r#"orders"#, Some("orders")),
    (r#"orders.*"#, Some("orders orders-1 orders.eu")),
    (r#"orders[-.].*"#, Some("orders-1 orders.eu")),
    (r#"(?i)orders"#, Some("orders Orders")),
    (r#"(?i:o)rders"#, Some("orders Orders")),
    (r#"(?s).*"#, Some("a b ab aa aaa orders orders-1 orders.eu Orders x_y 0 a-b __consumer_offsets < [ a{ {1}")),
    (r#"."#, Some("a b 0 < [")),
    (r#".."#, Some("ab aa a{")),
    (r#"a*"#, Some("a aa aaa")),
    (r#"a+"#, Some("a aa aaa")),
    (r#"a?b"#, Some("b ab")),
    (r#"a{2}"#, Some("aa")),
    (r#"a{2,}"#, Some("aa aaa")),
    (r#"a{1,2}"#, Some("a aa")),
    (r#"a{0,1000}"#, Some("a aa aaa")),
    (r#"a{1001}"#, None),
    (r#"a{2}{2}"#, None),
    (r#"a**"#, None),
    (r#"a*?"#, Some("a aa aaa")),
    (r#"a+?b?"#, Some("a ab aa aaa")),
    (r#"a*+"#, None),
    (r#"a{"#, Some("a{")),
    (r#"a\{"#, Some("a{")),
    (r#"a{,2}"#, Some("")),
    (r#"{1}"#, None),
    (r#"\{1\}"#, Some("{1}")),
    (r#"[ab]+"#, Some("a b ab aa aaa")),
    (r#"[^a]"#, Some("b 0 < [")),
    (r#"[a-c]*"#, Some("a b ab aa aaa")),
    (r#"[c-a]"#, None),
    (r#"[]a]"#, Some("a")),
    (r#"[^]a]"#, Some("b 0 < [")),
    (r#"["#, None),
    (r#"[a[b]"#, Some("a b [")),
    (r#"[[]"#, Some("[")),
    (r#"[a&&b]"#, Some("a b")),
    (r#"[a--b]"#, None),
    (r#"[a~~b]"#, Some("a b")),
    (r#"[+--]"#, Some("")),
    (r#"[a-]"#, Some("a")),
    (r#"[-a]"#, Some("a")),
    (r#"[a-b-c]+"#, Some("a b ab aa aaa a-b")),
    (r#"[[:alpha:]]+"#, Some("a b ab aa aaa orders Orders")),
    (r#"[[:^alpha:]]+"#, Some("0 < [ {1}")),
    (r#"[[:lower:]_.-]*"#, Some("a b ab aa aaa orders orders.eu x_y a-b __consumer_offsets")),
    (r#"[[:foo:]]"#, None),
    (r#"[\d_]+"#, Some("0")),
    (r#"[\w.-]+"#, Some("a b ab aa aaa orders orders-1 orders.eu Orders x_y 0 a-b __consumer_offsets")),
    (r#"\d"#, Some("0")),
    (r#"\D"#, Some("a b < [")),
    (r#"\w+"#, Some("a b ab aa aaa orders Orders x_y 0 __consumer_offsets")),
    (r#"\W"#, Some("< [")),
    (r#"\s*"#, Some("")),
    (r#"\pL+"#, Some("a b ab aa aaa orders Orders")),
    (r#"\p{L}+"#, Some("a b ab aa aaa orders Orders")),
    (r#"\p{Lu}\p{Ll}+"#, Some("Orders")),
    (r#"\p{Greek}"#, Some("")),
    (r#"\P{L}"#, Some("0 < [")),
    (r#"\p{Nope}"#, None),
    (r#"[\p{L}0-9-]+"#, Some("a b ab aa aaa orders orders-1 Orders 0 a-b")),
    (r#"\x61"#, Some("a")),
    (r#"\x{61}"#, Some("a")),
    (r#"\x{110000}"#, None),
    (r#"\x6"#, None),
    (r#"\141"#, Some("a")),
    (r#"\1"#, None),
    (r#"(a)\1"#, None),
    (r#"\01"#, Some("")),
    (r#"\0"#, Some("")),
    (r#"\Qa{\E"#, Some("a{")),
    (r#"\Qa"#, Some("a")),
    (r#"\Q<\E"#, Some("<")),
    (r#"\<"#, Some("<")),
    (r#"\["#, Some("[")),
    (r#"\-"#, Some("")),
    (r#"\_"#, Some("")),
    (r#"\y"#, None),
    (r#"\C"#, None),
    (r#"\A.*\z"#, Some("a b ab aa aaa orders orders-1 orders.eu Orders x_y 0 a-b __consumer_offsets < [ a{ {1}")),
    (r#"^a$"#, Some("a")),
    (r#"a$"#, Some("a")),
    (r#"\ba\b"#, Some("a")),
    (r#"\Ba"#, Some("")),
    (r#"\Z"#, None),
    (r#"\G"#, None),
    (r#"(?=a)a"#, None),
    (r#"(?!b)a"#, None),
    (r#"(?<=a)b"#, None),
    (r#"(?<!a)b"#, None),
    (r#"(?>a)"#, None),
    (r#"(?P<n>a)"#, Some("a")),
    (r#"(?<n>a)b"#, Some("ab")),
    (r#"(?P<n>a)(?P<n>b)"#, None),
    (r#"(?P=n)"#, None),
    (r#"(?x) a"#, None),
    (r#"(?u)a"#, None),
    (r#"(?R)a"#, None),
    (r#"(?U)a+"#, Some("a aa aaa")),
    (r#"(?im)ORDERS"#, Some("orders Orders")),
    (r#"(?i-s:ORDERS)"#, Some("orders Orders")),
    (r#"(?-i)a"#, Some("a")),
    (r#"(?i"#, None),
    (r#"("#, None),
    (r#")"#, None),
    (r#"a)|(b"#, None),
    (r#"()"#, Some("")),
    (r#"(?:)"#, Some("")),
    (r#"|a"#, Some("a")),
    (r#"a||b"#, Some("a b")),
    (r#"*a"#, None),
    (r#"(*a)"#, None),
    (r#"^*"#, Some("")),
    (r#"$"#, Some("")),
    (r#"\"#, None),
    (r#"é"#, Some("")),
    (r#"a|é|b"#, Some("a b")),
    (r#"[é-ü]"#, Some("")),
    (r#"[^é]"#, Some("a b 0 < [")),
];

#[test]
fn compiles_and_matches_what_kafkas_engine_does() {
    for (expression, expected) in RE2J {
        let found = Pattern::new(expression).ok().map(|mut pattern| {
            let matched: Vec<&str> = NAMES.into_iter().filter(|name| pattern.matches(name)).collect();
            matched.join(" ")
        });
        assert_eq!(found.as_deref(), *expected, "{expression}");
    }
}

#[test]
fn what_it_costs_is_bounded() {
    let deep: String = ["(".repeat(200), "a".into(), ")".repeat(200)].concat();
    for expression in ["(a{1000}){1000}", "((a{100}){100}){100}", &"a".repeat(5_000), &deep] {
        assert!(Pattern::new(expression).is_err(), "{expression}");
    }
    // The largest that is accepted, against the longest name that there is.
    let name = "a".repeat(249);
    let worst = ["(a?){200}a{200}", "(\\pL|\\pN|a)*", "(?i)[[:alpha:]]{300}", "(.*a){100}"];
    for expression in worst {
        let pattern = Pattern::new(expression).expect(expression);
        assert!(pattern.cost(&name) <= 700_000, "{expression}: {}", pattern.cost(&name));
    }
}

#[test]
fn any_text_is_read_or_refused() {
    use proptest::prelude::*;
    proptest!(ProptestConfig::with_cases(256), |(text in "[a\\\\QExp{}()\\[\\]?*+|^:<>,\\-&~01é]{0,24}", name in "[a01-]{0,6}")| {
        if let Ok(mut pattern) = Pattern::new(&text) {
            pattern.matches(&name);
        }
    });
}
