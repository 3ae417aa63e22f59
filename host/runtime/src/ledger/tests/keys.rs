//! Goal: whatever moment a rotation is cut off at, one key counts and it is here; a revoked one signs no more; an older
//! copy is taken only by somebody who says so, and that is in the record.
//!
//! Method: what each moment leaves is put together from files of before and after.

use super::super::api::{KeyChange, Ledger};
use super::super::conformance::{all, records};
use super::super::embedded::Accept;
use super::super::error::{LedgerError, OpenError};
use super::{Options, Place, copy_dir, quiet};
use crate::keystore::Keystore;
use ed25519_dalek::SigningKey;
use manes_core::ids::PublicKey;
use manes_core::item::Item;
use manes_core::keys;
use manes_core::record::Kind;
use manes_core::verify::ExtendsError;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

/// A place whose host's key was rotated after one block of records.
struct Rotated {
    place: Place,
    host: PathBuf,
    old_key: String,
    old: PublicKey,
    new: PublicKey,
}

async fn rotated(keep_old: bool) -> Rotated {
    let place = Place::new();
    let ledger = place.open().unwrap();
    let host = Keystore::new(&place.home, quiet().disk).host_path(&ledger.id());
    let old_key = fs::read_to_string(&host).unwrap();
    let old = public(&old_key);
    ledger.append(records(0..1)).await.unwrap();
    let new = ledger.change_keys(KeyChange::Rotate { keep_old }).await.unwrap();
    ledger.append(records(1..2)).await.unwrap();
    ledger.close().await.unwrap();
    Rotated { place, host, old_key, old, new }
}

fn public(text: &str) -> PublicKey {
    let seed = manes_core::ids::unhex(text.trim_end()).unwrap();
    keys::public(&SigningKey::from_bytes(&seed.try_into().unwrap()))
}

#[tokio::test]
async fn a_new_key_takes_the_old_ones_place_and_the_old_one_signs_no_more() {
    let Rotated { place, host, old_key, old, new } = rotated(false).await;
    assert!(old != new && public(&fs::read_to_string(&host).unwrap()) == new);
    let ledger = place.open().unwrap();
    ledger.append(records(2..3)).await.unwrap();
    let keys: Vec<_> = all(&ledger).into_iter().filter(|entry| entry.envelope.kind() == Kind::Key).collect();
    let said: Vec<_> = keys.iter().map(|entry| (entry.envelope.key, entry.envelope.status)).collect();
    assert_eq!(said, [(Some(old), Some(0)), (Some(new), Some(0)), (Some(old), Some(1))]);
    ledger.close().await.unwrap();
    fs::write(&host, old_key).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::NotEnrolled { key, .. } if key == old));
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_over_or_never_was() {
    // The block is durable, and the new key still lies beside the old one.
    let Rotated { place, host, old_key, new, .. } = rotated(false).await;
    let staged = host.with_extension("host-next");
    fs::rename(&host, &staged).unwrap();
    fs::write(&host, &old_key).unwrap();
    set_private(&host);
    place.open().unwrap().close().await.unwrap();
    assert!(public(&fs::read_to_string(&host).unwrap()) == new && !staged.exists());
    // The new key is stored, and no block came.
    let never = Place::new();
    let ledger = never.open().unwrap();
    let host = Keystore::new(&never.home, quiet().disk).host_path(&ledger.id());
    ledger.close().await.unwrap();
    let before = fs::read_to_string(&host).unwrap();
    fs::write(host.with_extension("host-next"), &old_key).unwrap();
    set_private(&host.with_extension("host-next"));
    let ledger = never.open().unwrap();
    assert_eq!(fs::read_to_string(&host).unwrap(), before);
    // It is in nobody's way.
    ledger.change_keys(KeyChange::Rotate { keep_old: false }).await.unwrap();
    ledger.close().await.unwrap();
    never.open().unwrap();
}

fn set_private(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_key_that_was_kept_signs_until_it_is_revoked() {
    let Rotated { place, host, old_key, old, new } = rotated(true).await;
    let new_key = fs::read_to_string(&host).unwrap();
    fs::write(&host, &old_key).unwrap();
    let ledger = place.open().unwrap();
    ledger.append(records(3..4)).await.unwrap();
    let own = ledger.change_keys(KeyChange::Revoke(old)).await.unwrap_err();
    assert!(own.to_string().contains("manes key rotate"), "{own}");
    ledger.close().await.unwrap();
    fs::write(&host, new_key).unwrap();
    let ledger = place.open().unwrap();
    let stranger = ledger.change_keys(KeyChange::Revoke(PublicKey([9; 32]))).await.unwrap_err();
    assert!(matches!(stranger, LedgerError::Keys { .. }), "{stranger}");
    assert_eq!(ledger.change_keys(KeyChange::Revoke(old)).await.unwrap(), old);
    assert!(matches!(ledger.change_keys(KeyChange::Revoke(old)).await, Err(LedgerError::Keys { .. })));
    ledger.append(records(4..5)).await.unwrap();
    ledger.close().await.unwrap();
    fs::write(&host, &old_key).unwrap();
    assert!(matches!(place.open().unwrap_err(), OpenError::NotEnrolled { .. }), "{new}");
}

#[tokio::test]
async fn without_the_root_key_the_keys_stay() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    let root = Keystore::new(&place.home, quiet().disk).root_path(&ledger.id());
    let kept = fs::read(&root).unwrap();
    for content in [None, Some("11".repeat(32))] {
        match &content {
            None => fs::remove_file(&root).unwrap(),
            Some(other) => {
                fs::write(&root, other).unwrap();
                set_private(&root);
            }
        }
        let refused = ledger.change_keys(KeyChange::Rotate { keep_old: false }).await.unwrap_err();
        assert!(refused.to_string().contains(root.to_str().unwrap()), "{refused}");
        ledger.append(records(0..1)).await.unwrap();
    }
    fs::write(&root, kept).unwrap();
    ledger.change_keys(KeyChange::Rotate { keep_old: false }).await.unwrap();
}

#[tokio::test]
async fn an_older_copy_is_taken_by_who_says_so_and_the_record_names_what_was_lost() {
    let place = Place::new();
    let ledger = place.open().unwrap();
    ledger.append(records(0..2)).await.unwrap();
    ledger.close().await.unwrap();
    let old = place.copy();
    let accept = || Options { accept: Accept::Older, ..quiet() };
    // There is nothing to accept.
    let ledger = place.open_with(accept()).unwrap();
    assert_eq!(ledger.restored(), None);
    // What came after the copy: records, and another key.
    ledger.append(records(2..4)).await.unwrap();
    let key = ledger.change_keys(KeyChange::Rotate { keep_old: false }).await.unwrap();
    let lost = ledger.checkpoint().await.unwrap();
    ledger.close().await.unwrap();
    let newer = place.copy();
    fs::remove_dir_all(&place.folder).unwrap();
    copy_dir(&old.folder, &place.folder);
    assert!(matches!(place.open().unwrap_err(), OpenError::Behind { .. }));

    let ledger = place.open_with(accept()).unwrap();
    let record = ledger.restored().unwrap();
    let entry = ledger.read(record, 1).unwrap().remove(0);
    let body = Item::decode(&entry.body.unwrap()).unwrap();
    assert_eq!((entry.envelope.kind(), body.get("head").and_then(Item::as_text)), (Kind::Restore, Some(lost.as_str())));
    ledger.append(records(5..6)).await.unwrap();
    ledger.close().await.unwrap();
    // From here on it is the ledger, and whoever holds the head that was given up sees that.
    let ledger = place.open().unwrap();
    assert_eq!(ledger.restored(), None);
    let reader = place.read().unwrap();
    assert!(reader.verified(|verifier| verifier.hosts().any(|host| *host == key)));
    let held = reader.verified(|verifier| verifier.extends(&lost));
    assert!(matches!(held, Err(ExtendsError::Rewritten { .. } | ExtendsError::Shorter { .. })), "{held:?}");
    drop(ledger);
    // The history that was given up is another one now, and not taken as an older copy.
    fs::remove_dir_all(&place.folder).unwrap();
    copy_dir(&newer.folder, &place.folder);
    let refused = place.open_with(accept()).unwrap_err();
    assert!(refused.to_string().contains("--rewritten"), "{refused}");
    let rewritten = place.open_with(Options { accept: Accept::Rewritten, ..quiet() }).unwrap();
    assert!(rewritten.restored().is_some());
    drop(rewritten);
    // A damaged folder is not a matter of heads.
    let mut bytes = fs::read(place.segment(0)).unwrap();
    bytes[40] ^= 1;
    fs::write(place.segment(0), bytes).unwrap();
    assert!(place.open_with(accept()).is_err());
}

#[tokio::test]
async fn keys_change_between_appends_in_every_ledger() {
    let place = Place::new();
    let ledgers: [Arc<dyn Ledger>; 2] =
        [Arc::new(place.open().unwrap()), Arc::new(super::Memory::new(crate::seams::Seams::system()))];
    for ledger in ledgers {
        for time in 0..3 {
            ledger.append(records(time..time + 1)).await.unwrap();
            ledger.change_keys(KeyChange::Rotate { keep_old: time == 1 }).await.unwrap();
        }
        let mut verifier = manes_core::verify::ChainVerifier::new();
        let (mut next, durable) = (0, *ledger.durable().borrow());
        while next < durable {
            let (_, block) = ledger.block_of(next).unwrap().unwrap();
            next += block.envelopes.len() as u64;
            verifier.push(&block, |_| None).unwrap();
        }
        assert_eq!((verifier.keys().count(), verifier.hosts().count()), (4, 2));
        verifier.extends(&ledger.checkpoint().await.unwrap()).unwrap();
        ledger.close().await.unwrap();
        let closed = ledger.change_keys(KeyChange::Rotate { keep_old: false }).await;
        assert!(matches!(closed, Err(LedgerError::Closed)), "{closed:?}");
    }
}
