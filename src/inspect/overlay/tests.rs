//! The overlay does what the real folder does, and the real one stays as it was.

use kelpgate_files::Files;

use super::*;

const FILE: FileHandle = FileHandle(1);

fn pieces(text: &str) -> Pieces {
    Pieces::from(Bytes::copy_from_slice(text.as_bytes()))
}

fn open(path: &str, create: bool) -> FileCommand {
    FileCommand::Open { handle: FILE, path: path.to_owned(), create }
}

fn write(at: u64, text: &str) -> FileCommand {
    FileCommand::Write { handle: FILE, at, pieces: pieces(text) }
}

/// Commands that touch old and new files in every way, with questions in between.
fn commands() -> Vec<FileCommand> {
    let path = |path: &str| path.to_owned();
    let look = |folder: &str| FileCommand::List { path: folder.to_owned() };
    let whole = |file: &str| FileCommand::ReadWhole { path: file.to_owned() };
    vec![
        open("a/old", false),
        write(2, "XY"),
        write(3, "Z"),
        FileCommand::Read { handle: FILE, at: 1, len: 100 },
        FileCommand::Truncate { handle: FILE, len: 3 },
        FileCommand::Allocate { handle: FILE, len: 6 },
        FileCommand::Read { handle: FILE, at: 0, len: 100 },
        FileCommand::Read { handle: FILE, at: 90, len: 5 },
        FileCommand::Sync { handle: FILE },
        FileCommand::Close { handle: FILE },
        whole("a/old"),
        look("a"),
        open("missing", false),
        open("b/new", true),
        write(4, "new"),
        look("b"),
        look(""),
        FileCommand::Rename { from: path("b/new"), to: path("a/other") },
        whole("b/new"),
        whole("a/other"),
        FileCommand::Close { handle: FILE },
        FileCommand::Remove { path: path("a/other") },
        FileCommand::Remove { path: path("a/never") },
        look("a"),
        FileCommand::RemoveFolder { path: path("c") },
        look("c"),
        look(""),
        whole("c/deep"),
        FileCommand::SyncFolder { path: path("a") },
    ]
}

#[test]
fn it_answers_as_the_real_folder_and_leaves_that_alone() {
    let make = || {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a/old", "0123456789"), ("a/other", "other"), ("c/deep", "deep")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    };
    let (looked_at, changed) = (make(), make());
    let mut overlay = Overlay::new(looked_at.path());
    let mut real = Files::new(changed.path());
    for command in commands() {
        let mut expected = Disk::execute(&mut real, command.clone());
        let mut got = overlay.execute(command.clone());
        // Folders that became empty are not told apart from those that are not there.
        for answer in [&mut expected, &mut got] {
            if let Ok(FileReply::Listed(entries)) = answer {
                entries.retain(|entry| !entry.is_folder || entry.name == "a");
            }
        }
        assert_eq!(got, expected, "{command:?}");
    }
    assert_eq!(fs::read_to_string(looked_at.path().join("a/old")).unwrap(), "0123456789");
    assert_eq!(fs::read_to_string(looked_at.path().join("a/other")).unwrap(), "other");
    assert_eq!(fs::read_to_string(looked_at.path().join("c/deep")).unwrap(), "deep");
    assert!(!looked_at.path().join("b").exists());
}
