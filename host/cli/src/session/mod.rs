//! A session: the commands that change something, for a ledger's folder and for a running host alike.
//!
//! Each command is written once, against [`Session`].

mod behind;
mod local;
mod remote;

use crate::args::Global;
use crate::output::tell;
use crate::paths;
use crate::{control, open};
use manes_core::ids::{ActivationId, Digest, EventKey, FlowId, PublicKey};
use manes_runtime::ledger::KeyChange;
use manes_runtime::query::FlowView;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use behind::BehindReply;
pub(crate) use local::perform;

/// Longest look at files before a running host is asked.
const LOOK: Duration = Duration::from_secs(2);

/// An event to submit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// Its id; equal ids are one event.
    pub(crate) id: String,
    /// Its topic.
    pub(crate) topic: String,
    /// MIME type of the data.
    pub(crate) content_type: String,
    /// Text.
    pub(crate) data: String,
    /// How long to wait for the flow's end.
    pub(crate) timeout_ms: u64,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunReply {
    /// False if the same event had been submitted before.
    pub(crate) new: bool,
    /// False if it was not finished in time.
    pub(crate) ended: bool,
    /// Who keeps it waiting, and for what, if it was not.
    #[serde(default)]
    pub(crate) waiting: Vec<String>,
    /// The flow as it stands, without its calls and without data that is no result.
    pub(crate) flow: FlowView,
}

/// Where an event went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EmitReply {
    /// Its flow.
    pub(crate) flow: FlowId,
    /// Its key.
    pub(crate) event: EventKey,
    /// Its place in the ledger.
    pub(crate) record: u64,
    /// False if the same event had been submitted before.
    pub(crate) new: bool,
}

/// An agent or a capability to load.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadRequest {
    /// Its name in the manifest.
    pub(crate) name: String,
    /// Another file than the manifest's, absolute.
    pub(crate) path: Option<PathBuf>,
    /// Only in the place of one that is loaded.
    #[serde(default)]
    pub(crate) swap: bool,
}

/// An agent or a capability to take out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnloadRequest {
    /// Its name.
    pub(crate) name: String,
    /// Also if others need it: they wait then.
    pub(crate) force: bool,
}

/// A dead letter to requeue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequeueRequest {
    /// Its activation.
    pub(crate) activation: ActivationId,
    /// How long to wait for the flow's end.
    pub(crate) timeout_ms: u64,
}

/// What becomes of a write whose outcome is unknown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerRequest {
    /// The activation that asks.
    pub(crate) activation: ActivationId,
    /// True to give it up, false to have the write made again.
    pub(crate) give_up: bool,
    /// How long to wait for the flow's end.
    pub(crate) timeout_ms: u64,
}

/// A flow to cancel.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    /// It.
    pub(crate) flow: FlowId,
}

/// An agent to pause or to let go on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseRequest {
    /// Its name.
    pub(crate) agent: String,
    /// False to let it go on.
    pub(crate) pause: bool,
}

/// What a load changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LoadReply {
    /// Agents and capabilities that waited for it and now run.
    pub(crate) started: Vec<String>,
    /// Interfaces that it waits for itself.
    pub(crate) waits_for: Vec<String>,
    /// The component that was there before, if it was another one.
    #[serde(default)]
    pub(crate) replaced: Option<Digest>,
    /// False if everything was like this already.
    #[serde(default)]
    pub(crate) changed: bool,
}

/// What an agent has to do: what it is at just now is in no record before it does something that lasts.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) queued: u64,
    pub(crate) running: u64,
    pub(crate) parked: u64,
    pub(crate) asking: u64,
}

/// What can be asked of a host.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub(crate) enum Request {
    /// Say that you are there.
    Ping,
    /// Say where the files that you were started with are ahead of you.
    Behind,
    /// Say what your agents have to do.
    Work,
    /// Submit an event and wait.
    Run(RunRequest),
    /// Submit an event.
    Emit(RunRequest),
    /// Load an agent or a capability.
    Load(LoadRequest),
    /// Take one out.
    Unload(UnloadRequest),
    /// Requeue a dead letter and wait.
    Requeue(RequeueRequest),
    /// Answer what an activation asks, and wait.
    Answer(AnswerRequest),
    /// Change keys.
    Keys(KeyChange),
    /// Cancel a flow.
    Cancel(CancelRequest),
    /// Pause an agent, or let it go on.
    Pause(PauseRequest),
}

/// What it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "kebab-case")]
pub(crate) enum Reply {
    /// Here, with this manifest.
    Pong {
        /// Its file.
        #[serde(default)]
        manifest: Option<PathBuf>,
    },
    /// This, by agent.
    Work {
        /// By name.
        agents: BTreeMap<String, Work>,
    },
    /// There.
    Behind(BehindReply),
    /// The flow.
    Run(RunReply),
    /// What started.
    Load(LoadReply),
    /// What waits now.
    Unload {
        /// Agents and capabilities.
        waiting: Vec<String>,
    },
    /// Where the event went.
    Emit(EmitReply),
    /// The key that changed.
    Key {
        /// Its public half.
        key: PublicKey,
    },
    /// It is so.
    Done,
    /// Why not, with an exit code.
    Refused {
        /// The code.
        exit: u8,
        /// The message.
        message: String,
    },
}

/// Somebody who can be asked.
pub(crate) trait Session {
    /// Asks; a refusal is an error.
    async fn ask(&self, request: Request) -> anyhow::Result<Reply>;
    /// Ends the session.
    async fn close(self) -> anyhow::Result<()>;
}

/// A session of one of the two kinds.
pub(crate) enum Either {
    /// A host in this process.
    Local(Box<local::Local>),
    /// A running host.
    Remote(remote::Remote),
}

impl Either {
    /// The running host that holds the ledger, else one in this process.
    pub(crate) async fn open(global: &Global) -> anyhow::Result<Self> {
        match Self::running(global, None).await? {
            Some(remote) => Ok(remote),
            None => Ok(Self::Local(Box::new(local::Local::open(global).await?))),
        }
    }

    /// The running host that holds the ledger, else one in this process that attempts nothing.
    pub(crate) async fn open_held(global: &Global) -> anyhow::Result<Self> {
        match Self::running(global, None).await? {
            Some(remote) => Ok(remote),
            None => {
                // One that is absent must not be begun by this.
                drop(open::reader(global)?);
                Ok(Self::Local(Box::new(local::Local::open_held(global).await?)))
            }
        }
    }

    /// The running host that holds the ledger, if there is one. Where its files are ahead of it is said, except of the
    /// name that is about to be changed.
    pub(crate) async fn running(global: &Global, except: Option<&str>) -> anyhow::Result<Option<Self>> {
        let path = paths::control(&paths::ledger(global))?;
        let Some((address, manifest)) = control::find(&path).await else { return Ok(None) };
        if let (Some(theirs), Ok(ours)) = (manifest, global.manifest.canonicalize())
            && theirs != ours
        {
            tell!("the running host was started with {}; {} is not looked at", theirs.display(), ours.display());
        }
        let remote = remote::Remote::new(address);
        // A look at files, for the eyes alone: whatever comes of it, the host can be asked.
        if let Ok(Ok(Reply::Behind(behind))) = tokio::time::timeout(LOOK, remote.ask(Request::Behind)).await {
            behind.say(except);
        }
        Ok(Some(Self::Remote(remote)))
    }

    /// A host in this process that attempts nothing, where none is running.
    pub(crate) async fn held(global: &Global) -> anyhow::Result<Self> {
        Ok(Self::Local(Box::new(local::Local::open_held(global).await?)))
    }

    /// Asks.
    pub(crate) async fn ask(&self, request: Request) -> anyhow::Result<Reply> {
        match self {
            Self::Local(local) => local.ask(request).await,
            Self::Remote(remote) => remote.ask(request).await,
        }
    }

    /// Ends the session.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Local(local) => local.close().await,
            Self::Remote(remote) => remote.close().await,
        }
    }
}
