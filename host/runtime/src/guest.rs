//! Makes a guest's instance: store, limits, fuel.
//!
//! Instantiation costs fuel that depends on the machine (copy-on-write support), so it has a bound of its own and the
//! attempt's fuel is set afterwards: what is recorded is what the handler used.

use crate::component::Loaded;
use crate::state::Guest;
use crate::waist::{Meter, Waist};
use manes_core::limits::{FUEL_PER_SECOND, FUEL_YIELD_INTERVAL, HOSTCALL_FUEL, Limits};
use wasmtime::component::Instance;
use wasmtime::{Result, Store};

/// Bound on what instantiation may burn: language runtimes set themselves up here.
const INSTANTIATE_FUEL: u64 = FUEL_PER_SECOND;

/// A fresh instance, its fuel full.
///
/// # Errors
/// A trap, a limit, or what wasmtime says.
pub async fn instantiate(loaded: &Loaded, waist: Waist, limits: &Limits) -> Result<(Store<Guest>, Instance)> {
    let meter = Meter::new(limits, waist.section());
    let guest = Guest { waist, meter };
    let mut store = Store::new(loaded.pre.engine(), guest);
    store.limiter(|guest| &mut guest.meter);
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    store.set_fuel(INSTANTIATE_FUEL)?;
    // Two spinning agents share a core with the host: each gives way about every 10 ms, start functions too.
    store.fuel_async_yield_interval(Some(FUEL_YIELD_INTERVAL))?;
    let instance = loaded.pre.instantiate_async(&mut store).await?;
    store.set_fuel(limits.fuel)?;
    Ok((store, instance))
}
