//! Checks the documentation's links and writes its pages as HTML into `target/docs`.

use manes_tests::docs;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let broken = docs::broken(&root);
    broken.iter().for_each(|link| eprintln!("{link}"));
    if !broken.is_empty() {
        return ExitCode::FAILURE;
    }
    let to = root.join("target/docs");
    match docs::render(&root, &to) {
        Ok(pages) => {
            println!("{pages} pages, every link leads somewhere: target/docs/docs/index.html");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}: {error}", to.display());
            ExitCode::FAILURE
        }
    }
}
