//! WASI behind the mirror: files, timers and outgoing HTTP from stock `wasmtime-wasi`.
//!
//! The mirror is one pass-through component, made from the standard WIT when this crate was built. It lets typed host
//! functions be called with values, so that WASI goes through the same waist as everything else. Its authority is
//! what its store holds: the granted directories, and a dialler that vets each address.

use super::dial::Dialler;
use super::instanced::{Failure, Instanced};
use crate::component::Interface;
use crate::engine::Wasm;
use crate::seams::{Clock, Seams};
use crate::waist::Ended;
use manes_core::ids::Digest;
use manes_core::limits::{HOSTCALL_FUEL, HTTP_FIELDS_BYTES_MAX, RANDOM_BYTES_MAX};
use manes_core::policy::{DirectoryAccess, Grants};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use thiserror::Error;
use wasmtime::Store;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The mirror, as the build made it.
const MIRROR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/mirror.wasm"));

/// The mirror could not be set up.
#[derive(Debug, Error)]
#[error("failed to set up WASI: {0}")]
pub struct WasiError(pub String);

/// What the mirror's store holds.
pub struct Wasi {
    ctx: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    dialler: Dialler,
}

impl WasiView for Wasi {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Wasi {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.dialler }
    }
}

/// The host's clocks as WASI wants them: timers and readings must count from the same moment.
struct Clocks(Arc<dyn Clock>);

impl HostMonotonicClock for Clocks {
    fn resolution(&self) -> u64 {
        1
    }
    fn now(&self) -> u64 {
        self.0.monotonic_ns()
    }
}

impl HostWallClock for Clocks {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now_ns())
    }
}

/// The mirror, compiled once, when the first guest needs it: replay and most agents never do.
pub struct Mirror {
    wasm: Wasm,
    made: OnceLock<Result<Made, WasiError>>,
}

struct Made {
    pre: InstancePre<Wasi>,
    exports: Arc<BTreeMap<String, Interface>>,
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

impl Mirror {
    /// The mirror, not compiled yet.
    #[must_use]
    pub fn new(wasm: &Wasm) -> Arc<Self> {
        Arc::new(Self { wasm: wasm.clone(), made: OnceLock::new() })
    }

    /// Compiles it now, so that the first call that needs it does not wait.
    pub fn warm(&self) {
        self.made.get_or_init(|| Self::make(&self.wasm));
    }

    fn make(wasm: &Wasm) -> Result<Made, WasiError> {
        let error = |error: wasmtime::Error| WasiError(format!("{error:#}"));
        let engine = wasm.engine();
        let component = Component::from_binary(engine, MIRROR).map_err(error)?;
        let exports = crate::component::exports(wasm, &component).map_err(|e| WasiError(e.to_string()))?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(error)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(error)?;
        let pre = linker.instantiate_pre(&component).map_err(error)?;
        Ok(Made { pre, exports: Arc::new(exports) })
    }

    /// An instance with the authority of `grants`.
    ///
    /// # Errors
    /// A granted directory that cannot be opened, or what wasmtime says.
    pub async fn instantiate(&self, grants: &Arc<Grants>, seams: &Seams) -> Result<Instanced<Wasi>, Failure> {
        let made = self.made.get_or_init(|| Self::make(&self.wasm));
        let made = made.as_ref().map_err(|error| fault(error.to_string()))?;
        let mut store = Store::new(self.wasm.engine(), Wasi::new(grants, seams)?);
        // The mirror itself only copies; what it is asked to copy is bounded by the call's limits.
        store.set_fuel(u64::MAX)?;
        store.set_hostcall_fuel(HOSTCALL_FUEL);
        let instance = made.pre.instantiate_async(&mut store).await.map_err(|error| fault(format!("{error:#}")))?;
        Ok(Instanced::new(super::WASI, store, instance, made.exports.clone()))
    }
}

/// The host could not provide WASI: not the guest's fault.
fn fault(message: String) -> Failure {
    Failure::Ended(Ended::Provider { provider: super::WASI.into(), message })
}

impl Wasi {
    /// The idempotency key of the call that comes next.
    pub(super) const fn identify(&mut self, key: Option<Digest>) {
        self.dialler.key = key;
    }

    fn new(grants: &Arc<Grants>, seams: &Seams) -> Result<Self, Failure> {
        let mut builder = WasiCtxBuilder::new();
        builder.monotonic_clock(Clocks(seams.clock.clone())).wall_clock(Clocks(seams.clock.clone()));
        builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false).max_random_size(RANDOM_BYTES_MAX);
        for grant in &grants.directories {
            let permissions = match grant.access() {
                DirectoryAccess::Read => FsPerms::ReadOnly,
                DirectoryAccess::ReadWrite => FsPerms::ReadWrite,
            };
            builder.preopened_dir(grant.host(), grant.guest(), permissions).map_err(|error| {
                let message = format!("the granted directory {} cannot be opened: {error:#}", grant.host());
                Failure::Ended(Ended::Provider { provider: super::WASI.into(), message })
            })?;
        }
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(HTTP_FIELDS_BYTES_MAX);
        Ok(Self {
            ctx: builder.build(),
            http,
            table: ResourceTable::new(),
            dialler: Dialler { key: None, network: seams.network.clone() },
        })
    }
}
