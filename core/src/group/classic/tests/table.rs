//! The table of `docs/reference/classic-groups.md`, cell by cell.

extern crate std;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::cast::Column;
use super::rows::rows;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/classic-groups.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->\n";

/// The table as the page has it: the name of each row, and its cells.
fn written(page: &str) -> Vec<(String, Vec<String>)> {
    let table =
        page.split(BEGIN).nth(1).and_then(|rest| rest.split(END).next()).expect("the page has a table");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect();
    let rows = table.lines().skip(2).map(cells);
    rows.map(|mut cells: Vec<String>| (cells.remove(0), cells)).collect()
}

/// The table as the machine has it.
fn driven() -> Vec<(String, Vec<String>)> {
    let cells = |row: &super::rows::Row| Column::ALL.map(|column| row.cell(column)).to_vec();
    rows().iter().map(|row| (row.name.to_string(), cells(row))).collect()
}

/// Run with `KELPGATE_UPDATE_DOCS=1` after a change of rows; what the machine answers is then to be compared with Kafka.
#[test]
fn every_cell_is_as_the_page_says() {
    let page = std::fs::read_to_string(PAGE).expect("the page is there");
    let driven = driven();
    if std::env::var_os("KELPGATE_UPDATE_DOCS").is_some() {
        let mut table = String::from("| request | none | Empty | Preparing | Completing | Stable |\n");
        table.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for (name, cells) in &driven {
            table.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
        }
        let (before, rest) = page.split_once(BEGIN).expect("the page has a table");
        let (_, after) = rest.split_once(END).expect("the table ends");
        std::fs::write(PAGE, format!("{before}{BEGIN}{table}{END}{after}")).expect("the page can be written");
        return;
    }
    let written = written(&page);
    for ((name, cells), (written_name, written_cells)) in driven.iter().zip(&written) {
        assert_eq!(name, written_name, "the rows of the page are others");
        for (column, (cell, written)) in Column::ALL.iter().zip(cells.iter().zip(written_cells)) {
            assert_eq!(cell, written, "{name} in {column:?}: the machine, the page");
        }
        assert_eq!(cells.len(), written_cells.len(), "the columns of {name}");
    }
    assert_eq!(driven.len(), written.len(), "the number of rows");
}
