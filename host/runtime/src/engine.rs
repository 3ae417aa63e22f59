//! The engine: one wasmtime configuration for every component, and its fingerprint.
//!
//! Invariant: equal fingerprint and equal inputs give equal calls, outcomes and fuel. Whatever would let two runs
//! differ (NaN bits, relaxed SIMD, threads, collection, concurrency) is off, not tolerated.

use manes_core::ids::Digest;
use manes_core::limits;
use std::hash::{Hash as _, Hasher};
use std::path::Path;
use thiserror::Error;
use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Live instances that the pool has room for; each agent under way takes one, and one for each provider.
const POOL_INSTANCES: u32 = 256;
/// Address space for one memory. Only what is touched costs memory; limits are enforced per attempt.
const POOL_MEMORY_BYTES: usize = 1 << 30;
/// Core instances in one component: language runtimes bring up to a dozen.
const CORE_INSTANCES_MAX: u32 = 64;

/// The engine could not be made.
#[derive(Debug, Error)]
#[error("failed to set up WebAssembly: {source}")]
pub struct EngineError {
    /// What wasmtime says.
    pub source: wasmtime::Error,
}

/// Compiles and runs components.
#[derive(Clone)]
pub struct Wasm {
    engine: Engine,
    fingerprint: Digest,
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasm").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Wasm {
    /// An engine that keeps compiled code under `cache`, if one is given. The cache is ours alone: compiled code
    /// from elsewhere is never loaded.
    ///
    /// # Errors
    /// What wasmtime says of the configuration, the machine or the cache folder.
    pub fn new(cache: Option<&Path>) -> Result<Self, EngineError> {
        let config = config(cache, true).map_err(|source| EngineError { source })?;
        // Some machines limit address space: then instances are made on demand, slower and otherwise the same.
        let engine = Engine::new(&config)
            .or_else(|_| Engine::new(&config_on_demand(cache)?))
            .map_err(|source| EngineError { source })?;
        let fingerprint = fingerprint(&engine);
        Ok(Self { engine, fingerprint })
    }

    /// The engine.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Version, flags and target: fuel is compared only under an equal one.
    #[must_use]
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }
}

fn config_on_demand(cache: Option<&Path>) -> wasmtime::Result<Config> {
    config(cache, false)
}

fn config(cache: Option<&Path>, pooling: bool) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.consume_fuel(true);
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.concurrency_support(false);
    config.wasm_threads(false);
    config.shared_memory(false);
    config.wasm_gc(false);
    config.wasm_function_references(false);
    config.wasm_exceptions(false);
    config.wasm_memory64(false);
    config.memory_init_cow(true);
    if pooling {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    if let Some(folder) = cache {
        let mut cache = CacheConfig::new();
        cache.with_directory(folder);
        config.cache(Some(Cache::new(cache)?));
    }
    Ok(config)
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(POOL_INSTANCES);
    pool.total_core_instances(POOL_INSTANCES * 8);
    pool.total_memories(POOL_INSTANCES);
    pool.total_tables(POOL_INSTANCES * 4);
    pool.total_stacks(POOL_INSTANCES);
    pool.max_core_instances_per_component(CORE_INSTANCES_MAX);
    pool.max_memories_per_component(8);
    pool.max_tables_per_component(CORE_INSTANCES_MAX);
    pool.max_memory_size(POOL_MEMORY_BYTES);
    pool.table_elements(limits::TABLE_ELEMENTS_MAX);
    pool.linear_memory_keep_resident(0);
    pool.table_keep_resident(0);
    pool
}

fn fingerprint(engine: &Engine) -> Digest {
    /// Feeds what wasmtime hashes for its own compatibility check into SHA-256.
    #[derive(Default)]
    struct Sink(Vec<u8>);
    impl Hasher for Sink {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }
    let mut sink = Sink::default();
    engine.precompile_compatibility_hash().hash(&mut sink);
    Digest(manes_core::ids::hash("engine", &[b"wasmtime 48", &sink.0]))
}
