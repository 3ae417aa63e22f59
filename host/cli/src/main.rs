//! `manes`: runs agents that nobody has to trust.
//!
//! Only results go to standard output, everything else to standard error. Exit codes are in [`exit`] and in `--help`.

mod args;
mod build;
mod commands;
mod control;
mod exit;
mod files;
mod open;
mod output;
mod paths;
mod progress;
mod render;
mod sdk;
mod session;
mod watch;

use args::{Cli, Command};
use clap::Parser as _;
use exit::Exit;
use output::tell;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log(cli.global.verbose, matches!(cli.command, Command::Up(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tell!("manes: failed to start: {error}");
            return Exit::Failed.into();
        }
    };
    match runtime.block_on(dispatch(cli)) {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell!("manes: {}", render::error(&error));
            exit::of(&error).into()
        }
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let global = &cli.global;
    match cli.command {
        Command::New(args) => commands::new::new(global, &args),
        Command::Build(args) => commands::new::make(global, args).await,
        Command::Doctor => commands::doctor::doctor(global).await,
        Command::Run(args) => commands::run::run(global, args).await,
        Command::Emit(args) => commands::run::emit(global, args).await,
        Command::Up(args) => commands::up::up(global, args).await,
        Command::Inspect(args) => commands::inspect::inspect(global, args).await,
        Command::Load(args) => commands::load::load(global, args).await,
        Command::Swap(args) => commands::load::swap(global, args).await,
        Command::Unload(args) => commands::load::unload(global, args).await,
        Command::Tail(args) => commands::log::tail(global, args).await,
        Command::Agents => commands::agents::agents(global).await,
        Command::Dead(args) => commands::dead::dead(global, &args),
        Command::Requeue(args) => commands::steer::requeue(global, args).await,
        Command::Answer(args) => commands::dead::answer(global, args).await,
        Command::Cancel(args) => commands::steer::cancel(global, args).await,
        Command::Pause(args) => commands::steer::pause(global, args, true).await,
        Command::Resume(args) => commands::steer::pause(global, args, false).await,
        Command::Flow(args) => commands::flow::flow(global, &args),
        Command::Flows(args) => commands::flows::flows(global, &args),
        Command::Log(args) => commands::log::log(global, &args),
        Command::Verify(args) => commands::verify::verify(global, &args),
        Command::Checkpoint => commands::backup::checkpoint(global),
        Command::Backup(args) => commands::backup::backup(global, &args),
        Command::Key(args) => commands::key::key(global, args.command).await,
        Command::Restore(args) => commands::key::restore(global, args).await,
        Command::Receipt(args) => commands::receipt::receipt(global, &args),
        Command::Replay(args) => commands::replay::replay(global, args).await,
        Command::Wit(args) => commands::wit::wit(global, args.command),
        Command::Test(args) => commands::test::test(global, args).await,
        Command::Reference(args) => commands::reference::reference(global, &args),
        Command::Schema => Ok(commands::completion::schema()),
        Command::Grants(args) => commands::grants::grants(global, args.command).await,
        Command::Completion(args) => Ok(commands::completion::completion(&args)),
    }
}

/// Diagnostics go to standard error; `MANES_LOG` takes a filter as `tracing` writes it.
fn log(verbose: u8, host: bool) {
    // A command says itself how its flow ended; a host in the foreground has only its log.
    let default = match (verbose, host) {
        (0, false) => "error",
        (0, true) => "warn",
        (1, _) => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("MANES_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).init();
}
