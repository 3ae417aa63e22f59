//! `manes key` and `manes restore`: who may sign this ledger, and which copy of it counts.

use crate::args::{Global, KeyCommand, RestoreArgs, RevokeArgs, RotateArgs};
use crate::exit::{Exit, usage};
use crate::output::{say, tell};
use crate::session::{Either, Reply, Request};
use crate::{open, paths, render};
use manes_core::ids::PublicKey;
use manes_core::keys;
use manes_core::record::Kind;
use manes_core::verify::KEY_REVOKED;
use manes_runtime::keystore::Keystore;
use manes_runtime::ledger::disk::RealDisk;
use manes_runtime::ledger::{Accept, KeyChange, Ledger as _, LedgerError, OpenError, Reader};
use manes_runtime::records::Records as _;
use serde::Serialize;
use std::sync::Arc;

/// A key that may sign blocks, or might once.
#[derive(Debug, Serialize)]
struct KeyView {
    key: PublicKey,
    /// `enrolled` or `revoked`.
    state: &'static str,
    /// True if its private half is the one on this machine.
    here: bool,
    /// Record that enrolled it.
    enrolled: u64,
    /// Record that revoked it.
    revoked: Option<u64>,
}

/// All of a ledger's keys.
#[derive(Debug, Serialize)]
struct KeysView {
    root: PublicKey,
    /// True if the private half of the root key is on this machine.
    root_here: bool,
    keys: Vec<KeyView>,
}

/// Does what is asked about keys.
pub(crate) async fn key(global: &Global, command: Option<KeyCommand>) -> anyhow::Result<Exit> {
    match command {
        None | Some(KeyCommand::List) => list(global),
        Some(KeyCommand::Rotate(RotateArgs { keep_old })) => {
            let key = change(global, KeyChange::Rotate { keep_old }).await?;
            if global.json {
                say!("{}", serde_json::json!({ "key": key, "keep_old": keep_old }));
            } else {
                let old = if keep_old { "stays enrolled" } else { "is revoked; what it signed stays valid" };
                say!("this host signs with {} from now on; the old key {old}", key.short());
            }
            Ok(Exit::Done)
        }
        Some(KeyCommand::Revoke(RevokeArgs { key })) => {
            let key = one(&view(global)?, &key)?;
            change(global, KeyChange::Revoke(key)).await?;
            if global.json {
                say!("{}", serde_json::json!({ "revoked": key }));
            } else {
                say!("{} is revoked; what it signed before stays valid", key.short());
            }
            Ok(Exit::Done)
        }
    }
}

fn list(global: &Global) -> anyhow::Result<Exit> {
    let view = view(global)?;
    if global.json {
        say!("{}", serde_json::to_string(&view)?);
        return Ok(Exit::Done);
    }
    let style = render::Style::stdout();
    let here = |here: bool| if here { "  on this machine" } else { "" };
    say!("{}  root{}", style.name(&view.root.short()), here(view.root_here));
    for key in &view.keys {
        let since = match key.revoked {
            Some(record) => format!("{} in record {record}", style.bad("revoked")),
            None => format!("enrolled in record {}", key.enrolled),
        };
        say!("{}  host  {since}{}", style.name(&key.key.short()), here(key.here));
    }
    tell!("private keys lie in {}", paths::home()?.join("keys").display());
    Ok(Exit::Done)
}

fn view(global: &Global) -> anyhow::Result<KeysView> {
    let reader = open::reader(global)?;
    let store = Keystore::new(&paths::home()?, Arc::new(RealDisk));
    let root = reader.verified(manes_core::verify::ChainVerifier::root).unwrap_or_default();
    let root_here = store.root(&reader.id())?.is_some_and(|key| keys::public(&key) == root);
    let host = store.host(&reader.id())?.map(|key| keys::public(&key));
    Ok(KeysView { root, root_here, keys: enrolled(&reader, host)? })
}

fn enrolled(reader: &Reader, host: Option<PublicKey>) -> Result<Vec<KeyView>, LedgerError> {
    let mut views: Vec<KeyView> = Vec::new();
    reader.each(|entry| {
        let Some(key) = entry.envelope.key.filter(|_| entry.envelope.kind() == Kind::Key) else { return true };
        if entry.envelope.status == Some(KEY_REVOKED) {
            if let Some(view) = views.iter_mut().find(|view| view.key == key) {
                (view.state, view.revoked) = ("revoked", Some(entry.index));
            }
        } else {
            let here = host == Some(key);
            views.push(KeyView { key, state: "enrolled", here, enrolled: entry.index, revoked: None });
        }
        true
    })?;
    Ok(views)
}

/// The key that a beginning of its hex digits means.
fn one(view: &KeysView, prefix: &str) -> anyhow::Result<PublicKey> {
    let prefix = open::prefix(prefix, "manes key")?;
    let named: Vec<&KeyView> = view.keys.iter().filter(|key| key.key.to_string().starts_with(&prefix)).collect();
    match named.as_slice() {
        [one] if one.revoked.is_some() => Err(usage(format!("{} is revoked already", one.key.short()))),
        [one] => Ok(one.key),
        [] => Err(usage(format!("no host key begins with {prefix}; `manes key` lists them"))),
        many => Err(usage(format!("{prefix} is the beginning of {} keys; give more digits", many.len()))),
    }
}

/// Through the running host, else on the ledger's folder: no agent is needed for it.
async fn change(global: &Global, change: KeyChange) -> anyhow::Result<PublicKey> {
    if let Some(running) = Either::running(global, None).await? {
        let Reply::Key { key } = running.ask(Request::Keys(change)).await? else {
            anyhow::bail!("the host answered something else");
        };
        return Ok(key);
    }
    // An absent one must not be begun by this.
    drop(open::reader(global)?);
    let ledger = open::ledger(global, Accept::Nothing)?;
    let changed = ledger.change_keys(change).await;
    let closed = ledger.close().await;
    let changed = changed.map_err(refused)?;
    closed?;
    Ok(changed)
}

/// What can be put right by another command is no failure of the ledger.
pub(crate) fn refused(error: LedgerError) -> anyhow::Error {
    match error {
        LedgerError::Keys { .. } => usage(error.to_string()),
        other => other.into(),
    }
}

/// Takes a ledger that does not extend the head that was seen here last.
pub(crate) async fn restore(global: &Global, args: RestoreArgs) -> anyhow::Result<Exit> {
    if Either::running(global, None).await?.is_some() {
        return Err(usage("a host runs on this ledger: it extends the head kept here".to_owned()));
    }
    let folder = paths::ledger(global);
    // One that is absent must not be begun by this.
    if let Err(OpenError::Absent { .. }) = Reader::open(&folder) {
        return Err(open::absent(&folder));
    }
    let ledger = open::ledger(global, if args.rewritten { Accept::Rewritten } else { Accept::Older })?;
    ledger.close().await?;
    let Some(record) = ledger.restored() else {
        return Err(usage("the ledger extends the head kept here: there is nothing to accept".to_owned()));
    };
    if global.json {
        say!("{}", serde_json::json!({ "ledger": ledger.id(), "record": record }));
    } else {
        say!("taken as it is; record {record} says so, and names the head that was given up");
        tell!("what came after this copy is gone, revocations of keys too: look at `manes key`");
    }
    Ok(Exit::Done)
}
