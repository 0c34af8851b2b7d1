//! The committed corpus: whatever the fuzzer found worth keeping goes through its body.

use std::fs;
use std::path::{Path, PathBuf};

use kelpgate_fuzz_bodies::BODIES;

/// What is committed for one body, at most.
const BYTES_MAX: u64 = 100 << 10;

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("a file").path()).collect()
}

#[test]
fn every_body_takes_its_corpus() {
    for body in BODIES {
        let paths = corpus(body.name);
        assert!(!paths.is_empty(), "{} has no corpus", body.name);
        for path in paths {
            let input = fs::read(&path).expect("a file");
            // Says which one it was, should the body fail.
            println!("{}", path.display());
            (body.run)(&input);
        }
    }
}

#[test]
fn the_corpus_is_small_and_nobodys_else() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("the corpus")
        .map(|entry| entry.expect("a folder").file_name().to_string_lossy().into_owned())
        .collect();
    let mut known: Vec<&str> = BODIES.iter().map(|body| body.name).collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);
    for body in BODIES {
        let size = |path: PathBuf| fs::metadata(path).expect("a file").len();
        let bytes: u64 = corpus(body.name).into_iter().map(size).sum();
        assert!(bytes <= BYTES_MAX, "{} has {bytes} bytes", body.name);
    }
}
