//! What every ledger must do, as one suite: each takes a constructor of an empty ledger.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smoke() {
    use super::*;
    use crate::seams::Seams;
    use manes_core::record::{Envelope, Kind, Record};
    let dir = tempfile::tempdir().unwrap();
    let (folder, home) = (dir.path().join("l"), dir.path().join("h"));
    let ledger = Embedded::open(&folder, &home, Seams::system(), Options::default()).unwrap();
    for i in 0..10u8 {
        let body = vec![i; if i == 3 { 100_000 } else { 30 }];
        let record = Record::new(Envelope::new(Kind::Unknown(99), 1), Some(([i; 16], body)), true);
        println!("{:?}", ledger.append(vec![record]).await.unwrap());
    }
    println!("{}", ledger.checkpoint().await.unwrap());
    ledger.close().await.unwrap();
    drop(ledger);
    let ledger = Embedded::open(&folder, &home, Seams::system(), Options::default()).unwrap();
    assert_eq!(ledger.read(0, 100).unwrap().len(), 12);
    let reader = Embedded::open_read_only(&folder).unwrap();
    assert_eq!(reader.read(0, 100).unwrap(), ledger.read(0, 100).unwrap());
}
