//! Compiles a component under limits: what the suites name as [`loadlock_sandbox::CompileOptions::child`].

use std::process::ExitCode;

fn main() -> ExitCode {
    match loadlock_sandbox::compile_child() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
