//! A machine that is cut off at a named place: the n-th time it gets there, or never.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Where a machine can be cut off. *Before* is before the thing has any effect, *after* before anybody learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// An intent is about to go to the ledger.
    IntentBefore,
    /// An intent is durable.
    IntentAfter,
    /// A request has reached its server, which has done nothing yet.
    EffectBefore,
    /// The server has done it, and not answered.
    EffectAfter,
    /// A block is about to be written.
    AppendBefore,
    /// A block was written and not synced.
    AppendAfter,
    /// A segment is about to be synced.
    SyncBefore,
    /// A segment was synced.
    SyncAfter,
    /// A submitted event is durable.
    AckBefore,
    /// Who submitted an event knows that it is durable.
    AckAfter,
    /// An attempt's end is about to go to the ledger.
    EndBefore,
    /// An attempt's end is durable.
    EndAfter,
    /// A head is about to take the last one's place.
    HeadBefore,
    /// It is durable.
    HeadAfter,
    /// The next segment is about to be created.
    RollBefore,
    /// It was created, and its name was not synced.
    RollAfter,
    /// A folder for blobs was created, and its name was not synced.
    BlobFolder,
    /// A blob has its name, which was not synced.
    BlobNamed,
    /// An artifact has its name, which was not synced.
    ArtifactNamed,
    /// A change of the disk while a host starts on what another one left.
    Recovery,
}

impl Site {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::IntentBefore,
        Self::IntentAfter,
        Self::EffectBefore,
        Self::EffectAfter,
        Self::AppendBefore,
        Self::AppendAfter,
        Self::SyncBefore,
        Self::SyncAfter,
        Self::AckBefore,
        Self::AckAfter,
        Self::EndBefore,
        Self::EndAfter,
        Self::HeadBefore,
        Self::HeadAfter,
        Self::RollBefore,
        Self::RollAfter,
        Self::BlobFolder,
        Self::BlobNamed,
        Self::ArtifactNamed,
        Self::Recovery,
    ];
}

#[derive(Debug, Default)]
struct State {
    /// Where it is cut off, and how often it gets there before.
    plan: Option<(Site, u64)>,
    off: bool,
    recovering: bool,
    hits: BTreeMap<Site, u64>,
}

/// The machine that a simulated host runs on.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    state: Arc<Mutex<State>>,
    cut: Arc<Notify>,
}

impl Machine {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches it on, to be cut off at `plan`.
    pub fn start(&self, plan: Option<(Site, u64)>) {
        let mut state = self.state();
        (state.plan, state.off) = (plan, false);
    }

    /// A host starts on what another one left, or has started.
    pub fn recovering(&self, recovering: bool) {
        self.state().recovering = recovering;
    }

    /// True while a host starts on what another one left.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.state().recovering
    }

    /// True once it was cut off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().off
    }

    /// Cuts it off now.
    pub fn cut(&self) {
        self.state().off = true;
        self.cut.notify_one();
    }

    /// Something comes to `site`; true if the machine is off from here on.
    #[must_use]
    pub fn reach(&self, site: Site) -> bool {
        let mut state = self.state();
        if state.off || (site == Site::Recovery && !state.recovering) {
            return state.off;
        }
        match &mut state.plan {
            Some((planned, 0)) if *planned == site => {
                (state.off, state.plan) = (true, None);
                *state.hits.entry(site).or_default() += 1;
                self.cut.notify_one();
                true
            }
            Some((planned, left)) if *planned == site => {
                *left -= 1;
                false
            }
            _ => false,
        }
    }

    /// [`reach`](Self::reach), for a task: off, it goes nowhere from here.
    pub async fn pass(&self, site: Site) {
        if self.reach(site) {
            std::future::pending::<()>().await;
        }
    }

    /// Resolves when it is cut off.
    pub async fn off(&self) {
        while !self.is_off() {
            self.cut.notified().await;
        }
    }

    /// How often it was cut off where.
    #[must_use]
    pub fn hits(&self) -> BTreeMap<Site, u64> {
        self.state().hits.clone()
    }
}
