//! Whatever a server does is a value for the guest, and a record for its replay.

use anyhow::{Result, ensure};
use manes_tests::{Server, TestHost, view};
use serde_json::json;

fn granted(server: &Server) -> TestHost {
    let authority = server.authority();
    TestHost::script().http(&format!("GET {authority}/")).http(&format!("POST {authority}/"))
}

#[tokio::test]
async fn method_headers_and_body_arrive_as_the_guest_wrote_them() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).start_memory().await?;
    let body = "b".repeat(400);
    let seen = host
        .ask(json!([["http", "POST", server.url("/echo?q=a%20b"), body, [["x-mine", "one"], ["x-mine", "two"]]]]))
        .await?;
    let came: serde_json::Value =
        serde_json::from_str(seen[0]["body"].as_str().unwrap_or_default()).unwrap_or_default();
    // The echo may be cut after 512 bytes; then it is looked at as text.
    let text = seen[0]["body"].as_str().unwrap_or_default();
    ensure!(seen[0]["status"] == 200, "{seen:?}");
    ensure!(server.seen() == ["POST /echo?q=a%20b"], "{:?}", server.seen());
    ensure!(text.contains("bbbbbbbb") || came["body"] == body, "{text}");
    Ok(())
}

#[tokio::test]
async fn a_large_body_goes_both_ways_in_pieces() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).start_memory().await?;
    let (up, down) = ("u".repeat(100_000), 300_000);
    let seen = host
        .ask(json!([["http", "POST", server.url("/echo"), up], ["http", "GET", server.url(&format!("/large/{down}"))]]))
        .await?;
    ensure!(seen[0]["bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{}", seen[0]);
    ensure!(seen[1]["bytes"] == down && seen[1]["reads"].as_u64().is_some_and(|reads| reads > 10), "{}", seen[1]);
    Ok(())
}

#[tokio::test]
async fn a_body_that_comes_in_chunks_is_read_to_its_end() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).start_memory().await?;
    let seen = host.ask(json!([["http", "GET", server.url("/chunked/5")]])).await?;
    ensure!(seen[0]["status"] == 200 && seen[0]["bytes"] == 500, "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn failures_of_the_server_are_errors_of_the_guests_own() -> Result<()> {
    let server = Server::start().await?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let host = granted(&server).http(&format!("GET {closed}/")).start_memory().await?;
    let script = json!([
        ["http", "GET", format!("http://{closed}/")],
        ["http", "GET", server.url("/drop")],
        ["http", "GET", server.url("/half")],
        ["http", "GET", server.url("/echo")],
        ["report", "a.reported"],
    ]);
    let flow = host.run(&script).await?;
    let seen = view::reported(&flow)?;
    ensure!(seen[0]["error"].as_str().is_some_and(|e| e.contains("ConnectionRefused")), "{}", seen[0]);
    ensure!(seen[1]["error"].is_string(), "{}", seen[1]);
    ensure!(seen[2]["status"] == 200 && seen[2]["error"].is_string(), "half a body is an error: {}", seen[2]);
    ensure!(seen[3]["status"] == 200, "the guest went on: {}", seen[3]);
    server.stop().await;
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}

#[tokio::test]
async fn headers_over_their_limit_are_an_error_and_not_the_end() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).start_memory().await?;
    let seen = host.ask(json!([["http", "GET", server.url("/headers/1000")]])).await?;
    ensure!(seen[0]["status"] == 200 && seen[0]["header-bytes"].as_u64().is_some_and(|n| n > 1_000), "{seen:?}");
    let flow = host.run(&json!([["http", "GET", server.url("/headers/1000000")], ["report", "a.reported"]])).await?;
    let seen = view::reported(&flow)?;
    ensure!(seen[0]["error"].is_string(), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_answers_is_ended_by_the_deadline() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).limits("deadline_ms = 300").start_memory().await?;
    let flow = host.run(&json!([["now"], ["http", "GET", server.url("/hang")], ["emit", "a.never", "x"]])).await?;
    let activation = view::ended(&flow, "deadline", "limits = { deadline_ms = 600 }")?;
    ensure!(activation.elapsed_ns >= 300_000_000, "{} ns", activation.elapsed_ns);
    ensure!(server.seen() == ["GET /hang"]);
    // What it did before is compared, the deadline is taken as it was, and nothing waits.
    let verdicts = host.replay_all(flow.flow).await?;
    ensure!(verdicts[0].identical && verdicts[0].fuel == manes_runtime::replay::Fuel::NotComparable, "{verdicts:?}");
    Ok(())
}

#[tokio::test]
async fn a_recorded_exchange_replays_without_its_server() -> Result<()> {
    let server = Server::start().await?;
    let host = granted(&server).start_memory().await?;
    let script = json!([
        ["http", "POST", server.url("/echo"), "a body", [["x-mine", "1"]]],
        ["http", "GET", server.url("/chunked/20")],
        ["http", "GET", server.url("/large/50000")],
        ["report", "a.reported"],
    ]);
    let flow = host.run(&script).await?;
    view::done(&flow)?;
    let connections = server.connections();
    // Once with the server there, to see that it is not asked; once without.
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    ensure!(server.connections() == connections, "a replay reached the server");
    server.stop().await;
    ensure!(host.replay_all(flow.flow).await?.iter().all(|verdict| verdict.identical));
    Ok(())
}
