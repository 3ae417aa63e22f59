//! What each command takes.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// A new folder; its name is the agent's or the capability's
    #[arg(value_name = "NAME")]
    pub(crate) folder: PathBuf,
    /// Make a capability: a component that implements an interface for agents
    #[arg(long)]
    pub(crate) capability: bool,
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Agents and capabilities [default: all that have a `build`]
    pub(crate) names: Vec<String>,
}

/// An event to submit.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Topic of the event
    pub(crate) topic: String,
    /// Its data: text, @FILE, or - for standard input [default: {}]
    pub(crate) data: Option<String>,
    /// Id of the event: the same id twice is one event
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Content type of the data
    #[arg(long, default_value = "application/json")]
    pub(crate) content_type: String,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) event: EventArgs,
    /// Seconds to wait for the flow to end
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// Arguments of `emit`.
#[derive(Debug, Args)]
pub(crate) struct EmitArgs {
    #[command(flatten)]
    pub(crate) event: EventArgs,
}

/// Arguments of `up`.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Port of the control interface on 127.0.0.1; 0 for any
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// Build and swap what is saved: sources, components, the manifest
    #[arg(long)]
    pub(crate) watch: bool,
}

/// Arguments of `reference`.
#[derive(Debug, Args)]
pub(crate) struct ReferenceArgs {
    /// The folder of the documentation
    pub(crate) folder: PathBuf,
    /// Write nothing; fail if a page is not what the code says
    #[arg(long)]
    pub(crate) check: bool,
}

/// Arguments of `wit`.
#[derive(Debug, Args)]
pub(crate) struct WitArgs {
    #[command(subcommand)]
    pub(crate) command: WitCommand,
}

/// What can be done about interfaces.
#[derive(Debug, Subcommand)]
pub(crate) enum WitCommand {
    /// Write the interfaces that a component exports into wit/
    Add(WitAddArgs),
}

/// Arguments of `wit add`.
#[derive(Debug, Args)]
pub(crate) struct WitAddArgs {
    /// The component of a capability
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Files, or folders of files [default: cases/ beside the manifest]
    #[arg(value_name = "CASE")]
    pub(crate) cases: Vec<PathBuf>,
    /// Write what came into the cases that fail
    #[arg(long)]
    pub(crate) update: bool,
    /// Make a case of a recorded flow
    #[arg(long, value_name = "FLOW", conflicts_with_all = ["cases", "update"])]
    pub(crate) from: Option<String>,
    /// The file of that case [default: cases/TOPIC-FLOW.toml]
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) to: Option<PathBuf>,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The component
    pub(crate) file: PathBuf,
    /// Show the functions of each interface, with their types
    #[arg(long)]
    pub(crate) functions: bool,
}

/// Arguments of `load`.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Name of the agent or capability in the manifest
    pub(crate) name: String,
    /// Another file than the manifest's
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
}

/// Arguments of `swap`.
#[derive(Debug, Args)]
pub(crate) struct SwapArgs {
    /// Name of the agent or capability in the manifest
    pub(crate) name: String,
    /// The new component [default: the manifest's file, as it is now]
    pub(crate) file: Option<PathBuf>,
}

/// Arguments of `unload`.
#[derive(Debug, Args)]
pub(crate) struct UnloadArgs {
    /// Name of the agent or capability
    pub(crate) name: String,
    /// Also if others need it: they wait until it is loaded again
    #[arg(long)]
    pub(crate) force: bool,
}

/// Arguments of `dead`.
#[derive(Debug, Args)]
pub(crate) struct DeadArgs {
    /// An activation's id, or its beginning
    pub(crate) id: Option<String>,
}

/// Arguments of `requeue`.
#[derive(Debug, Args)]
pub(crate) struct RequeueArgs {
    /// The activation's id, or its beginning, as `manes dead` prints it
    pub(crate) id: String,
    /// Seconds to wait for the flow to end
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// Arguments of `answer`.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The activation's id, or its beginning
    pub(crate) id: Option<String>,
    /// What becomes of the write
    #[arg(value_enum, requires = "id")]
    pub(crate) answer: Option<Answer>,
    /// Seconds to wait for the flow to end
    #[arg(long, default_value_t = 120, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

/// What becomes of a write whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Answer {
    /// It did not take place, or may take place twice: make it again
    Repeat,
    /// Give the activation up; it becomes a dead letter
    GiveUp,
}

/// Arguments of `cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The flow's id, or its beginning
    pub(crate) id: String,
}

/// Arguments of `pause` and `resume`.
#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The agent's name
    pub(crate) agent: String,
}

/// Arguments of `flow`.
#[derive(Debug, Args)]
pub(crate) struct FlowArgs {
    /// The flow's id, or its beginning
    pub(crate) id: String,
    /// Show every call
    #[arg(long)]
    pub(crate) calls: bool,
}

/// Arguments of `flows`.
#[derive(Debug, Args)]
pub(crate) struct FlowsArgs {
    /// Only the newest N
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    /// Only records of this flow
    #[arg(long)]
    pub(crate) flow: Option<String>,
    /// Only records of this agent
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only events on these topics, with NATS wildcards
    #[arg(long, value_name = "PATTERN")]
    pub(crate) topic: Option<String>,
    /// Only records of this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only what is no older: `10m`, `2h`, or a time as 2026-11-21T10:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only what is older
    #[arg(long, value_name = "WHEN")]
    pub(crate) until: Option<String>,
    /// Only the newest N
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<usize>,
    /// Show bodies
    #[arg(long)]
    pub(crate) bodies: bool,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A checkpoint that you hold: the ledger must extend it (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// The ledger must have this id
    #[arg(long, value_name = "HEX")]
    pub(crate) ledger_id: Option<String>,
}

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// A new or empty folder
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// Arguments of `key`.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: Option<KeyCommand>,
}

/// What can be done about keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List them
    List,
    /// Sign with a new key from now on, and revoke the old one
    Rotate(RotateArgs),
    /// Revoke the key of another host
    Revoke(RevokeArgs),
}

/// Arguments of `key rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Leave the old key enrolled, where a copy of it is still in use
    #[arg(long)]
    pub(crate) keep_old: bool,
}

/// Arguments of `key revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The key, or its beginning, as `manes key` prints it
    pub(crate) key: String,
}

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// Give up the head kept here
    #[arg(long, required = true)]
    pub(crate) accept_head: bool,
    /// Also if it has as many blocks as the head kept here, and others
    #[arg(long)]
    pub(crate) rewritten: bool,
}

/// Arguments of `receipt`.
#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// Index of the record, as `manes log` prints it
    pub(crate) record: u64,
    /// Leave the body out: prove that it was recorded without showing it
    #[arg(long)]
    pub(crate) without_body: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A flow or an activation, or the beginning of its id
    pub(crate) id: String,
    /// Only this agent's activations
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Run this component instead: what if?
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// Judge the recorded calls by the grants of this manifest: which would be denied?
    #[arg(long, value_name = "FILE", conflicts_with = "component")]
    pub(crate) policy: Option<PathBuf>,
}

/// Arguments of `grants`.
#[derive(Debug, Args)]
pub(crate) struct GrantsArgs {
    #[command(subcommand)]
    pub(crate) command: GrantsCommand,
}

/// What can be asked about grants.
#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// Print the least manifest under which a flow would have run as it did
    #[command(
        after_help = "The manifest is for the folder of the one in force: manes grants suggest 4bf9 > least.toml. Other events may need more."
    )]
    Suggest(SuggestArgs),
    /// Say why a call is allowed or denied by the manifest
    #[command(
        after_help = "A call is: GET https://example.com/path, read /data, write /data, publish some.topic, or an interface as manes:table/table"
    )]
    Explain(ExplainArgs),
}

/// Arguments of `grants suggest`.
#[derive(Debug, Args)]
pub(crate) struct SuggestArgs {
    /// A flow or an activation, or the beginning of its id
    pub(crate) id: String,
}

/// Arguments of `grants explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Name of the agent or capability in the manifest
    pub(crate) name: String,
    /// The call
    #[arg(required = true)]
    pub(crate) call: Vec<String>,
}

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}
