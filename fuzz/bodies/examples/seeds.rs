//! Writes what fuzzing begins with: a folder for each body, a file for each input.

use std::path::PathBuf;
use std::{env, fs, io};

use kelpgate_fuzz_bodies::BODIES;
use kelpgate_fuzz_bodies::seeds::seeds;

fn main() -> io::Result<()> {
    let folder =
        env::args_os().nth(1).map(PathBuf::from).ok_or_else(|| io::Error::other("usage: seeds DIR"))?;
    for body in BODIES {
        let folder = folder.join(body.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in seeds(body.name).into_iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:03}")), seed)?;
        }
    }
    Ok(())
}
