//! The controller.

fn main() -> std::process::ExitCode {
    wharden_controller::cli::main()
}
