//! A seed is a run: two processes say the same, byte for byte.

use std::process::Command;

fn said(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_kelpgate-sim")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    output.stdout
}

#[test]
fn two_processes_say_the_same_of_a_seed() {
    for seed in ["1", "3", "7", "11"] {
        let arguments = ["run", "--seed", seed, "--heal-after-ms", "4000", "--log"];
        let first = said(&arguments);
        assert!(first.len() > 10_000, "seed {seed}: {} bytes", first.len());
        assert!(first == said(&arguments), "seed {seed}");
    }
    assert_ne!(said(&["run", "--seed", "7"]), said(&["run", "--seed", "8"]));
}
