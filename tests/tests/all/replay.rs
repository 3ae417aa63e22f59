//! try
use anyhow::Result;
use manes_tests::{TestHost, view};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn smoke() -> Result<()> {
    let host = TestHost::script().start_memory().await?;
    let seen = host.ask(json!([["now"],["resolution"],["wall"],["wall-resolution"],["random",10],["random-u64"],["insecure",3],["insecure-u64"],["seed"],["env"],["args"],["cwd"],["terminals"],["network"],["preopens"],["stdin","read"],["stdin","skip"],["stdin","blocking-read"],["stdin","blocking-skip"],["out","stderr","write","x"],["out","stderr","check"],["out","stderr","flush"],["out","stderr","blocking-flush"],["out","stderr","zeroes",3],["out","stderr","zeroes-and-flush",3],["out","stderr","splice"],["out","stderr","blocking-splice"],["log","info","x"],["config","k"],["attempt"],["socket"],["ready","stdin"],["block","stdin"],["poll",["stdin","stdout","timer:60000"]],["sleep",1],["until-now"],["read","/data/x"],["http","GET","http://127.0.0.1:1/"],["absent","text"],["absent","plain"],["absent","rich"]])).await?;
    for s in &seen { println!("{s}"); }
    for s in [json!([["echo","x"]]), json!([["absent","mute"]]), json!([["absent","loud"]]), json!([["trap"]]), json!([["divide",0]]), json!([["panic","oh no"]]), json!([["spin"]]), json!([["recurse"]]), json!([["memory",100]]), json!([["say",5000000]]),json!([["leak",2000]]),json!([["flood",2000,1000]]),json!([["random",1152921504606846976u64]]),json!([["emit","b.x","z"]]),json!([["exit",1]]),json!([["exit-code",7]]),json!([["reject","r"]]),json!([["retry","r"]]),json!([["poll",[]]]),json!([["emit","a.x","z",{"count":600}]]),json!([["emit","a.x","z",{"size":2000000}]])] {
        let t = std::time::Instant::now();
        let f = host.run(&s).await?;
        println!("{s} {:?} {}", t.elapsed(), view::sketch(&f));
        for v in host.replay_all(f.flow).await? { println!("   {} {:?} {:?}", v.identical, v.fuel, v.divergence.map(|d| d.to_string())); }
    }
    let f = host.run(&json!([["memory",10]])).await?;
    println!("{}", f.activations[0].fuel);
    Ok(())
}
