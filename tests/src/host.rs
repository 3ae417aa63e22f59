//! [`TestHost`]: builds the manifest that an operator would write, and starts a host on it.
//!
//! Everything goes through the text of `manes.toml`, so that each test also tests the manifest, and so that the line
//! which a denial prints can be taken as it is ([`TestHost::line`]).

use crate::components;
use crate::running::Running;
use anyhow::{Context as _, Result, anyhow};
use manes_runtime::engine::Wasm;
use manes_runtime::host::{Host, HostError};
use manes_runtime::ledger::{Embedded, Ledger, Memory, Options};
use manes_runtime::manifest::Manifest;
use manes_runtime::seams::Seams;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// One `[agent.NAME]` or `[capability.NAME]`.
#[derive(Debug, Clone)]
struct Section {
    kind: &'static str,
    name: String,
    component: PathBuf,
    lists: BTreeMap<&'static str, Vec<String>>,
    lines: Vec<String>,
}

/// A host to be. Calls after [`agent`](Self::agent) or [`capability`](Self::capability) are about that one.
#[derive(Debug, Clone, Default)]
pub struct TestHost {
    sections: Vec<Section>,
    results: Vec<String>,
    seams: Option<Seams>,
}

/// An engine of its own, with compiled code kept from run to run.
///
/// # Panics
/// A machine that cannot run WebAssembly.
#[must_use]
pub fn fresh_engine() -> Wasm {
    let cache = components::root().join("target/tests/compiled");
    std::fs::create_dir_all(&cache).expect("failed to create the folder for compiled code");
    Wasm::new(Some(&cache)).expect("failed to set up WebAssembly")
}

/// The engine that hosts of these tests share.
pub fn engine() -> &'static Wasm {
    static ENGINE: OnceLock<Wasm> = OnceLock::new();
    ENGINE.get_or_init(fresh_engine)
}

impl TestHost {
    /// A host with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A host with one `script` agent `a` that takes `a.do` and may publish below `a.`.
    #[must_use]
    pub fn script() -> Self {
        Self::new().agent("a", "script").subscribe("a.do").publish("a.>").results("a.>").attempts(1)
    }

    /// Attempts that one event may take; five, unless it is said. [`TestHost::script`] makes one.
    #[must_use]
    pub fn attempts(mut self, attempts: u64) -> Self {
        self.last().lines.retain(|line| !line.starts_with("attempts = "));
        self.line(&format!("attempts = {attempts}"))
    }

    /// Adds an agent with a component of `guests/`.
    #[must_use]
    pub fn agent(self, name: &str, component: &str) -> Self {
        self.agent_at(name, &components::path(component))
    }

    /// Adds an agent with a component's file.
    #[must_use]
    pub fn agent_at(self, name: &str, component: &Path) -> Self {
        self.section("agent", name, component)
    }

    /// Another file for the last section's component.
    #[must_use]
    pub fn component(mut self, component: &Path) -> Self {
        self.last().component = component.to_owned();
        self
    }

    /// Adds a capability with a component of `guests/`.
    #[must_use]
    pub fn capability(self, name: &str, component: &str) -> Self {
        self.capability_at(name, &components::path(component))
    }

    /// Adds a capability with a component's file.
    #[must_use]
    pub fn capability_at(self, name: &str, component: &Path) -> Self {
        self.section("capability", name, component)
    }

    fn section(mut self, kind: &'static str, name: &str, component: &Path) -> Self {
        let (name, component) = (name.to_owned(), component.to_owned());
        self.sections.push(Section { kind, name, component, lists: BTreeMap::new(), lines: Vec::new() });
        self
    }

    fn last(&mut self) -> &mut Section {
        self.sections.last_mut().expect("name an agent or a capability first")
    }

    fn item(mut self, list: &'static str, item: String) -> Self {
        self.last().lists.entry(list).or_default().push(item);
        self
    }

    /// A topic that the agent takes.
    #[must_use]
    pub fn subscribe(self, pattern: &str) -> Self {
        self.item("subscribe", quoted(pattern))
    }

    /// A topic on which the agent may publish.
    #[must_use]
    pub fn publish(self, pattern: &str) -> Self {
        self.item("publish", quoted(pattern))
    }

    /// A request that may be sent.
    #[must_use]
    pub fn http(self, grant: &str) -> Self {
        self.item("http", quoted(grant))
    }

    /// A directory, `read` or `read-write`.
    #[must_use]
    pub fn directory(self, host: &Path, guest: &str, access: &str) -> Self {
        let host = quoted(&host.to_string_lossy());
        self.item("directories", format!("{{ host = {host}, guest = {}, access = {} }}", quoted(guest), quoted(access)))
    }

    /// A variable of the environment.
    #[must_use]
    pub fn env(self, name: &str) -> Self {
        self.item("env", quoted(name))
    }

    /// An interface of a capability.
    #[must_use]
    pub fn uses(self, interface: &str) -> Self {
        self.item("capabilities", quoted(interface))
    }

    /// Limits as the manifest has them: `memory_mib = 8, fuel = 1000`.
    #[must_use]
    pub fn limits(self, limits: &str) -> Self {
        self.line(&format!("limits = {{ {limits} }}"))
    }

    /// A line of the manifest as it stands.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.last().lines.push(line.to_owned());
        self
    }

    /// The capability is not loaded at the start.
    #[must_use]
    pub fn later(self) -> Self {
        self.line("load = false")
    }

    /// A topic of answers, which nobody has to take.
    #[must_use]
    pub fn results(mut self, pattern: &str) -> Self {
        self.results.push(quoted(pattern));
        self
    }

    /// Another clock or another source of randomness.
    #[must_use]
    pub fn seams(mut self, seams: Seams) -> Self {
        self.seams = Some(seams);
        self
    }

    /// The text of `manes.toml`.
    #[must_use]
    pub fn manifest(&self) -> String {
        let mut text = format!("results = [{}]\n", self.results.join(", "));
        for section in &self.sections {
            let component = quoted(&section.component.to_string_lossy());
            // Writing into a String cannot fail.
            let _ = writeln!(text, "\n[{}.{}]\ncomponent = {component}", section.kind, section.name);
            for (list, items) in &section.lists {
                let _ = writeln!(text, "{list} = [{}]", items.join(", "));
            }
            for line in &section.lines {
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }

    /// Starts on a ledger in memory.
    ///
    /// # Errors
    /// What keeps it from starting, with the manifest.
    pub async fn start_memory(self) -> Result<Running> {
        let seams = self.seams.clone().unwrap_or_else(Seams::system);
        let ledger = Arc::new(Memory::new(seams));
        self.start(ledger).await
    }

    /// Starts on a ledger in `folder/ledger`, whose keys lie in `folder/home`.
    ///
    /// # Errors
    /// What keeps it from starting, with the manifest.
    pub async fn start_embedded(self, folder: &Path) -> Result<Running> {
        let seams = self.seams.clone().unwrap_or_else(Seams::system);
        let ledger = Embedded::open(&folder.join("ledger"), &folder.join("home"), seams, Options::default())
            .with_context(|| format!("failed to open the ledger in {}", folder.display()))?;
        self.start(Arc::new(ledger)).await
    }

    /// Starts on a ledger; the host's own error is in the chain, for tests of refusals.
    ///
    /// # Errors
    /// What keeps it from starting, with the manifest.
    pub async fn start(self, ledger: Arc<dyn Ledger>) -> Result<Running> {
        let seams = self.seams.clone().unwrap_or_else(Seams::system);
        let text = self.manifest();
        let manifest = Manifest::parse(&text, Path::new("/")).map_err(|error| anyhow!("{error}\n---\n{text}"))?;
        let started = Host::start(ledger.clone(), engine().clone(), seams, manifest).await;
        Ok(Running::new(started.with_context(|| format!("the host does not start on:\n{text}"))?, ledger))
    }

    /// Starts on a ledger in memory and returns why it does not.
    ///
    /// # Errors
    /// It did start.
    pub async fn refused(self) -> Result<HostError> {
        match self.start_memory().await {
            Ok(_) => Err(anyhow!("the host started, and should not have")),
            Err(error) => error.downcast::<HostError>(),
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}
