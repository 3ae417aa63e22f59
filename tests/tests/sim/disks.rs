//! Goal: a disk that fails stops the host, which says why; a full one refuses new work, keeps what is under way, and the
//! host goes on when there is room.

use anyhow::{Result, ensure};
use manes_runtime::event::{Content, Data};
use manes_runtime::host::{Host, HostError, Submission, Submitted};
use manes_runtime::ledger::{Accept, Ledger, LedgerError};
use manes_runtime::query;
use manes_tests::Seed;
use manes_tests::sim::{Machine, SimDisk, SimNet, boot, open, seams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const BEGIN_NS: u64 = 1_767_225_600_000_000_000;

/// Does `work` on a simulated machine whose clock moves when nothing else can.
fn on_a_machine<F: Future<Output = Result<()>>>(work: impl FnOnce(Machine, SimDisk, SimNet) -> F) -> Result<()> {
    let machine = Machine::default();
    let (disk, network) = (SimDisk::new(machine.clone()), SimNet::reliable(machine.clone()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(work(machine, disk, network))
}

async fn start(machine: &Machine, disk: &SimDisk, network: &SimNet) -> Result<(Arc<Host>, Arc<dyn Ledger>)> {
    boot(machine, disk, seams(network, BEGIN_NS, Seed::new(3))).await
}

async fn submit(host: &Host, id: usize) -> Result<Submitted, HostError> {
    let url = format!("http://127.0.0.1:8080/{id}");
    let script: Value = json!([["http", "PUT", url], ["emit", "a.out", "done"]]);
    let data = Data::Text(script.to_string());
    let content = Content { content_type: "application/json".into(), data, extensions: BTreeMap::new() };
    let (submitter, topic) = ("client/tests".to_owned(), "a.do".to_owned());
    host.submit(Submission { submitter, id: id.to_string(), topic, content }).await
}

/// Submits events, one each ten milliseconds, until there is no room for another one.
async fn fill(host: &Host, disk: &SimDisk) -> Result<Vec<Submitted>> {
    disk.fill(true);
    let mut submitted = Vec::new();
    for id in 0..1_000 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        match submit(host, id).await {
            Ok(taken) => submitted.push(taken),
            Err(error @ HostError::Ledger(LedgerError::NoSpace { .. })) => {
                ensure!(error.to_string().contains("free some"), "{error}");
                return Ok(submitted);
            }
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("a full disk took a thousand events")
}

#[test]
fn a_full_disk_refuses_new_work_and_what_is_under_way_goes_on_when_there_is_room() -> Result<()> {
    on_a_machine(async |machine, disk, network| {
        let (host, ledger) = start(&machine, &disk, &network).await?;
        let submitted = fill(&host, &disk).await?;
        // Longer than any deadline: nothing of it is held against the agents.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        ensure!(ledger.is_full() && !submitted.is_empty(), "nothing waits for room");
        let refused = submit(&host, 5_000).await;
        ensure!(matches!(refused, Err(HostError::Ledger(LedgerError::NoSpace { .. }))), "{refused:?}");
        ensure!(!ledger.read(0, 10)?.is_empty() && host.agents().await?.len() == 2, "it cannot be read");
        disk.fill(false);
        for flow in &submitted {
            host.flow_ended(flow).await?;
        }
        let flows = query::flows(&ledger)?;
        ensure!(flows.len() == submitted.len() && flows.iter().all(|flow| flow.status == "done"), "{flows:?}");
        ensure!(query::dead(&ledger)?.is_empty() && !ledger.is_full());
        ensure!(network.effects().len() == submitted.len(), "a request was sent twice, or not at all");
        submit(&host, 5_000).await?;
        Ok(host.stop().await?)
    })
}

#[test]
fn a_host_stops_on_a_full_disk_and_the_next_one_does_what_is_left() -> Result<()> {
    on_a_machine(async |machine, disk, network| {
        let (host, ledger) = start(&machine, &disk, &network).await?;
        let submitted = fill(&host, &disk).await?;
        while !ledger.is_full() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let stopped = tokio::time::timeout(Duration::from_secs(60), host.stop()).await;
        // Its last head may find no room either; it says so, and does not hang.
        ensure!(stopped.is_ok(), "it waits for room to stop");
        drop((host, ledger));
        disk.fill(false);
        let (host, ledger) = start(&machine, &disk, &network).await?;
        for flow in &submitted {
            host.flow_ended(flow).await?;
        }
        let flows = query::flows(&ledger)?;
        ensure!(flows.iter().all(|flow| flow.status == "done"), "{flows:?}");
        Ok(host.stop().await?)
    })
}

#[test]
fn a_disk_that_fails_stops_the_host_with_a_last_word() -> Result<()> {
    on_a_machine(async |machine, disk, network| {
        let (host, ledger) = start(&machine, &disk, &network).await?;
        let kept = submit(&host, 0).await?;
        host.flow_ended(&kept).await?;
        disk.fail_in(0);
        let refused = submit(&host, 1).await;
        let Err(HostError::Ledger(LedgerError::Poisoned { why })) = refused else { anyhow::bail!("{refused:?}") };
        ensure!(why.contains(".seg") && why.contains("Input/output error"), "{why}");
        while !host.has_failed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        ensure!(submit(&host, 2).await.is_err(), "it goes on");
        let last = host.stop().await.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(last.contains(".seg") && last.contains("Input/output error"), "{last}");
        ensure!(!ledger.read(0, 10)?.is_empty(), "it cannot be read");
        drop((host, ledger));
        // The disk is asked no more; a start finds out what survived.
        disk.kill();
        let (host, ledger) = start(&machine, &disk, &network).await?;
        ensure!(query::flows(&ledger)?.iter().any(|flow| flow.flow == kept.flow && flow.status == "done"));
        let again = submit(&host, 1).await?;
        host.flow_ended(&again).await?;
        Ok(host.stop().await?)
    })
}

#[test]
fn a_copy_that_was_put_back_is_durable_before_anything_is_acknowledged_on_it() -> Result<()> {
    for seed in 0..40 {
        on_a_machine(async |machine, disk, network| {
            let (host, ledger) = start(&machine, &disk, &network).await?;
            for id in 0..4 {
                host.flow_ended(&submit(&host, id).await?).await?;
            }
            host.stop().await?;
            drop((host, ledger));
            disk.put_back();
            // As `manes restore` opens it.
            let restored = open(&disk, seams(&network, BEGIN_NS, Seed::new(4)), Accept::Older)?;
            restored.close().await?;
            drop(restored);
            machine.cut();
            disk.cut(&mut Seed::new(seed));
            machine.start(None);
            let (host, ledger) = start(&machine, &disk, &network).await?;
            let flows = query::flows(&ledger)?;
            ensure!(flows.len() == 4 && flows.iter().all(|flow| flow.status == "done"), "seed {seed}: {flows:?}");
            Ok(host.stop().await?)
        })?;
    }
    Ok(())
}
