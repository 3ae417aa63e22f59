//! The command line. Each command's help shows an example that works.

mod each;

pub(crate) use each::*;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Runs agents that nobody has to trust: sandboxed components, every call signed, any run replayed.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 rejected or dead or unrouted, 4 replay diverged, 5 not verified, 6 not finished in time"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The ledger's folder [default: what the manifest says, else .manes/ledger beside it]
    #[arg(long, global = true, value_name = "DIR", env = "MANES_LEDGER")]
    pub(crate) ledger: Option<PathBuf>,
    /// The manifest
    #[arg(long, global = true, value_name = "FILE", default_value = "manes.toml")]
    pub(crate) manifest: PathBuf,
    /// Print JSON, in a shape that stays stable
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project with an agent that runs, or with a capability
    #[command(
        after_help = "Example: manes new hello && cd hello && manes run hello.greet '{\"name\":\"Ada\"}'\n         manes new words --capability"
    )]
    New(NewArgs),
    /// Build the components of the manifest, with the commands that it names
    #[command(after_help = "`run` and `up` build what is older than its sources by themselves.\nExample: manes build")]
    Build(BuildArgs),
    /// Say what is missing on this machine, and how to get it
    #[command(after_help = "Example: manes doctor")]
    Doctor,
    /// Submit an event, wait until its flow has ended, print the results
    #[command(
        after_help = "Example: manes run csv.question '{\"question\": \"mean price by city?\", \"file\": \"sales.csv\"}'"
    )]
    Run(RunArgs),
    /// Submit an event, and do not wait
    #[command(
        after_help = "Without a running host the next one handles it.\nExample: manes emit csv.question @question.json"
    )]
    Emit(EmitArgs),
    /// Run a host in the foreground until interrupted
    #[command(after_help = "Example: manes up --manifest examples/csv-analysis/manes.toml")]
    Up(UpArgs),
    /// Show what a component imports and exports, and what it would have to be granted
    #[command(after_help = "Example: manes inspect target/wasm32-wasip2/release/hello.wasm")]
    Inspect(InspectArgs),
    /// Load an agent or a capability of the manifest into the running host
    #[command(
        after_help = "The manifest is read anew: what was added to it since the host started can be loaded.\nExample: manes load table"
    )]
    Load(LoadArgs),
    /// Put another component in the place of one that is loaded; attempts under way end on the old one
    #[command(after_help = "Example: manes swap table target/wasm32-wasip2/release/table.wasm")]
    Swap(SwapArgs),
    /// Take an agent or a capability out of the running host
    #[command(after_help = "Example: manes unload table")]
    Unload(UnloadArgs),
    /// Show a flow: its events, activations, calls, times and denials
    #[command(after_help = "Example: manes flow 4bf9 --calls")]
    Flow(FlowArgs),
    /// List flows
    #[command(after_help = "Example: manes flows --last 20")]
    Flows(FlowsArgs),
    /// List records
    #[command(after_help = "Example: manes log --flow 4bf9 --kind outcome")]
    Log(LogArgs),
    /// Follow the ledger: print records as they come
    #[command(after_help = "Without --kind or --flow calls are left out.\nExample: manes tail --topic 'csv.>'")]
    Tail(TailArgs),
    /// List agents and capabilities, and what each has to do
    #[command(after_help = "Example: manes agents")]
    Agents,
    /// List dead letters, or show one: events that were given up
    #[command(after_help = "Example: manes dead\n         manes dead 7c1e")]
    Dead(DeadArgs),
    /// Have a dead letter handled again, and wait until its flow has ended
    #[command(
        after_help = "All of it is done once more, as if the event were new: writes are made again, under new idempotency keys.\nExample: manes requeue 7c1e"
    )]
    Requeue(RequeueArgs),
    /// List what is asked about writes whose outcome is unknown, show one question, or answer it
    #[command(
        after_help = "Asked where a grant says on-unknown = \"ask\".\nExample: manes answer\n         manes answer 7c1e repeat"
    )]
    Answer(AnswerArgs),
    /// Cancel a flow: what runs is cut off, what waits is closed
    #[command(after_help = "Example: manes cancel 4bf9")]
    Cancel(CancelArgs),
    /// Pause an agent: it ends what it has begun and begins nothing new
    #[command(after_help = "Example: manes pause executor")]
    Pause(AgentArgs),
    /// Let a paused agent go on
    #[command(after_help = "Example: manes resume executor")]
    Resume(AgentArgs),
    /// Verify the ledger: every byte, signature and link
    #[command(after_help = "Example: manes verify --checkpoint yesterday.checkpoint")]
    Verify(VerifyArgs),
    /// Print the last signed head of the ledger, to be held against it later
    #[command(after_help = "Example: manes checkpoint > today.checkpoint")]
    Checkpoint,
    /// Copy the ledger's folder, also while its host runs, and verify the copy
    #[command(after_help = "Example: manes backup /mnt/backup/2026-11-21")]
    Backup(BackupArgs),
    /// List the keys that may sign this ledger, put a new one in this host's place, revoke one
    #[command(after_help = "Example: manes key\n         manes key rotate")]
    Key(KeyArgs),
    /// Take an older copy of the ledger than this machine has seen, and record that
    #[command(
        after_help = "A ledger that is older than the head kept here is refused: a backup was put back, or somebody rolled it back.\nWhat came after the copy is gone, and who holds a later checkpoint will see that.\nExample: manes restore --accept-head"
    )]
    Restore(RestoreArgs),
    /// Print a proof of one record that stands on its own
    #[command(after_help = "Example: manes receipt 12 > receipt.json && manes-verify receipt receipt.json")]
    Receipt(ReceiptArgs),
    /// Run recorded activations again from the record alone and compare
    #[command(
        after_help = "Example: manes replay 4bf9\n         manes replay 4bf9 --agent proposer --component new.wasm"
    )]
    Replay(ReplayArgs),
    /// Make interfaces of other components importable here
    #[command(
        after_help = "Writes the interfaces that FILE exports into wit/ beside the manifest, and says how an agent calls them.\nExample: manes wit add ../words/target/wasm32-wasip2/release/words.wasm"
    )]
    Wit(WitArgs),
    /// Run the components against cases: events in, calls with scripted answers, events out
    #[command(
        after_help = "Cases are files in cases/ beside the manifest. The host is the real one; its ledger is in memory, and its clock\nstands still while there is something to do.\nExample: manes test\n         manes test --from 4bf9"
    )]
    Test(TestArgs),
    /// Print the JSON schema of manes.toml, for editors
    #[command(after_help = "Example: manes schema > manes.schema.json")]
    Schema,
    /// Say what grants a flow needed, or why a call is allowed or denied
    #[command(
        after_help = "Example: manes grants suggest 4bf9\n         manes grants explain proposer GET https://example.com/"
    )]
    Grants(GrantsArgs),
    /// Write the pages of the documentation that are made of the code
    #[command(hide = true)]
    Reference(ReferenceArgs),
    /// Print a completion script for a shell
    #[command(after_help = "Example: manes completion bash > /etc/bash_completion.d/manes")]
    Completion(CompletionArgs),
}
