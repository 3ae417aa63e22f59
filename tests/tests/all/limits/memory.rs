//! Memory comes back: hundreds of bombs leave a process as large as it was.

use anyhow::{Context as _, Result, ensure};
use manes_tests::{TestHost, alone, view};
use serde_json::json;

const BOMBS: usize = 200;
const GROWTH_BYTES_MAX: usize = 64 << 20;

/// Resident bytes of this process.
fn resident() -> Result<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: usize = pages.split(' ').nth(1).context("resident pages")?.parse()?;
    Ok(pages * 4096)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_memory_bombs_leave_the_process_as_small_as_it_was() -> Result<()> {
    // Alone: other tests would be measured with it.
    let name = "limits::memory::two_hundred_memory_bombs_leave_the_process_as_small_as_it_was";
    if alone(name, &[])? { measure().await } else { Ok(()) }
}

async fn measure() -> Result<()> {
    let host = TestHost::script().uses("fixture:echo/echo").capability("echo", "echo").start_memory().await?;
    // Each touches 60 MiB before it goes over its limit, every fourth one inside the capability.
    let bomb = async |number: usize| {
        let script = if number.is_multiple_of(4) {
            json!([["echo-grow", 60], ["echo-grow", 500]])
        } else {
            json!([["hold", 60], ["hold", 60]])
        };
        let flow = host.run(&script).await?;
        ensure!(view::only(&flow)?.status != "done", "{}", view::sketch(&flow));
        anyhow::Ok(())
    };
    for number in 0..8 {
        bomb(number).await?;
    }
    let before = resident()?;
    for number in 0..BOMBS {
        bomb(number).await?;
    }
    let grown = resident()?.saturating_sub(before);
    ensure!(grown <= GROWTH_BYTES_MAX, "{BOMBS} bombs left {} MiB", grown >> 20);
    Ok(())
}
