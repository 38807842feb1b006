//! The environment in images on the host: the same code as in the firmware, and Debian's tools on its bytes.

mod disk;
mod flash;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a board of its own, the image that has its environment, and a configuration for libubootenv's tools.
struct Lab {
    folder: PathBuf,
    /// The option that names the image, and the image's name in the folder.
    image: (&'static str, &'static str),
}

impl Lab {
    /// With the board qemu-virt, whose description `change` changes.
    fn new(name: &str, image: (&'static str, &'static str), change: impl FnOnce(&str) -> String) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // What an earlier run has left.
        let _ = fs::remove_dir_all(&folder);
        let board = folder.join("board");
        fs::create_dir_all(&board).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../board-configs/qemu-virt");
        fs::copy(source.join("default.env"), board.join("default.env")).unwrap();
        let toml = fs::read_to_string(source.join("board.toml")).unwrap();
        fs::write(board.join("board.toml"), change(&toml)).unwrap();
        Self { folder, image }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Runs a script on the board, with an option that names one of the folder's files.
    fn output(&self, text: &str, file: Option<(&str, &str)>) -> Output {
        let mut command = simulator();
        command.args(["--board", &self.path("board")]);
        if let Some((option, name)) = file {
            command.args([option, &self.path(name)]);
        }
        let script = self.path("script.txt");
        fs::write(&script, text).unwrap();
        command.arg(&script).output().unwrap()
    }

    /// What a script printed with the image, and whether it succeeded.
    fn script(&self, text: &str) -> (String, bool) {
        let output = self.output(text, Some(self.image));
        (printed(&output), output.status.success())
    }

    /// Runs one of libubootenv's tools on copies: a file each, and what follows its path in the configuration.
    fn tool(&self, program: &str, copies: &[(&str, &str)], args: &[&str]) -> String {
        let config = self.path("fw_env.config");
        let line = |(name, place): &(&str, &str)| format!("{} {place}\n", self.path(name));
        fs::write(&config, copies.iter().map(line).collect::<String>()).unwrap();
        run(Command::new(program).args(["-c", &config]).args(args))
    }

    /// Writes an image of a file of variables with mkenvimage, and with `-r` if there shall be a flag.
    fn mkenvimage(&self, name: &str, size: &str, redundant: bool) {
        fs::write(self.path("env.txt"), "note=image\nempty=\nboard=other\n").unwrap();
        let mut command = Command::new("mkenvimage");
        command.args(["-s", size, "-o", &self.path(name)]);
        command.args(redundant.then_some("-r"));
        run(command.arg(self.path("env.txt")));
    }
}

/// The simulator, at whose console nobody types.
fn simulator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slipway-sim"));
    command.stdin(Stdio::null());
    command
}

/// What the simulator printed, with plain line ends.
fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap().replace("\r\n", "\n")
}

/// Runs a tool that has to succeed, and gives what it printed.
fn run(command: &mut Command) -> String {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = command.env("PATH", path).env("MTOOLS_SKIP_CHECK", "1").output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}, which scripts/setup installs: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
