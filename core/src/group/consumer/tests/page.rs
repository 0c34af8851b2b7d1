//! The tables of docs/reference/consumer-groups.md are those that the tests go through.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::protocol::ErrorCode;

const PAGE: &str = include_str!("../../../../../docs/reference/consumer-groups.md");

/// Checks that the table of a section has exactly these rows.
pub fn documented(section: &str, rows: impl IntoIterator<Item = String>) {
    let heading = format!("\n## {section}\n");
    let (_, text) = PAGE.split_once(&heading).unwrap_or_else(|| panic!("there is no section {section}"));
    let text = text.split("\n## ").next().unwrap_or_default();
    let found: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    let rows: Vec<String> = rows.into_iter().collect();
    assert_eq!(found, rows, "section {section} is to have:\n{}", rows.join("\n"));
}

/// What is sent, and what is answered.
pub fn answer_row(what: &str, error: i16) -> String {
    let name = ErrorCode(error).name().unwrap_or("?");
    format!("| {what} | {} |", if error == 0 { "accepted" } else { name })
}
