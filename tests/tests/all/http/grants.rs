//! What a grant lets through.

use anyhow::{Result, ensure};
use manes_tests::{Server, TestHost, view};
use serde_json::{Value, json};

/// What came of a request: its status, or the error.
fn outcome(seen: &Value) -> String {
    seen["status"]
        .as_u64()
        .map_or_else(|| seen["error"].as_str().unwrap_or("?").to_owned(), |status| status.to_string())
}

const DENIED: &str = "HTTP-request-denied";

#[tokio::test]
async fn a_request_needs_its_method_host_port_and_path() -> Result<()> {
    let (server, other) = (Server::start().await?, Server::start().await?);
    let host = TestHost::script()
        .http(&format!("GET 127.0.0.1:{}/api/", server.port()))
        .http(&format!("POST http://127.0.0.1:{}/api/orders", server.port()))
        .start_memory()
        .await?;
    let url = |path: &str| server.url(path);
    for (method, url, allowed) in [
        ("GET", url("/api/"), true),
        ("GET", url("/api/things?q=1"), true),
        ("GET", url("/api"), false),
        ("GET", url("/apis/"), false),
        ("GET", url("/"), false),
        ("GET", url("/api/../secret"), false),
        ("GET", url("/api/%2e%2e/secret"), false),
        ("POST", url("/api/orders"), true),
        ("POST", url("/api/orders/7"), true),
        ("POST", url("/api/ordersx"), false),
        ("POST", url("/api/"), false),
        ("PUT", url("/api/orders"), false),
        ("DELETE", url("/api/"), false),
        ("HEAD", url("/api/"), false),
        ("GET", other.url("/api/"), false),
        ("GET", format!("http://localhost:{}/api/", server.port()), false),
    ] {
        let (before, script) = (server.seen().len(), json!([["http", method, url]]));
        let seen = host.ask(script).await?;
        let came = outcome(&seen[0]);
        ensure!(came == if allowed { "200" } else { DENIED }, "{method} {url}: {came}");
        ensure!(server.seen().len() - before == usize::from(allowed), "{method} {url}: {:?}", server.seen());
    }
    ensure!(other.connections() == 0, "a server that was not granted was reached");
    Ok(())
}

#[tokio::test]
async fn without_a_grant_nothing_leaves_and_the_record_has_the_rule() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script().start_memory().await?;
    let flow = host.run(&json!([["http", "GET", server.url("/echo")], ["report", "a.reported"]])).await?;
    ensure!(outcome(&view::reported(&flow)?[0]) == DENIED);
    let call = view::call(view::done(&flow)?, "#handle")?;
    ensure!(call.denied && call.rule == "default" && call.effect == "write", "{call:?}");
    ensure!(server.connections() == 0, "the server was reached");
    Ok(())
}

#[tokio::test]
async fn an_allowed_request_names_its_grant_and_is_a_write_with_an_intent() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script().http(&format!("GET {}/", server.authority())).start_memory().await?;
    let flow = host.run(&json!([["http", "GET", server.url("/echo")]])).await?;
    let call = view::call(view::done(&flow)?, "#handle")?;
    let rule = format!("http[0] GET {}/", server.authority());
    ensure!(call.rule == rule && call.effect == "write" && !call.denied, "{call:?}");
    ensure!(view::calls(view::done(&flow)?, "output-stream.write").is_empty());
    Ok(())
}

#[tokio::test]
async fn odd_spellings_of_a_granted_host_are_refused() -> Result<()> {
    let server = Server::start().await?;
    let port = server.port();
    let host = TestHost::script()
        .http(&format!("* 127.0.0.1:{port}/"))
        .http(&format!("* localhost:{port}/"))
        .http("* [::1]:1/")
        .start_memory()
        .await?;
    for authority in [
        format!("127.1:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f.0.0.1:{port}"),
        format!("0x7f.1:{port}"),
        format!("017700000001:{port}"),
        format!("0:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[::ffff:7f00:1]:{port}"),
        format!("127.0.0.1.:{port}"),
        format!("localhost.:{port}"),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}@127.0.0.1:{port}"),
        format!("127.0.0.1:0{port}"),
        "127.0.0.1".to_owned(),
    ] {
        let seen = host.ask(json!([["http-raw", "GET", "http", authority, "/echo"]])).await?;
        // Either wasi:http does not take it, or policy does not.
        let error = seen[0]["error"].as_str().unwrap_or_default();
        ensure!(error == DENIED || error.contains("not taken"), "{authority}: {}", seen[0]);
    }
    for (scheme, path) in
        [("ftp", "/echo"), ("HTTP", "/echo"), ("https", "//x/"), ("http", "/a/%2e%2e/b"), ("http", "//x/")]
    {
        let seen = host.ask(json!([["http-raw", "GET", scheme, server.authority(), path]])).await?;
        let error = seen[0]["error"].as_str().unwrap_or_default();
        ensure!(!error.is_empty(), "{scheme} {path}: {}", seen[0]);
    }
    ensure!(server.connections() == 0, "the server saw {:?}", server.seen());
    Ok(())
}

#[tokio::test]
async fn a_header_cannot_name_another_host_or_carry_a_second_request() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script().http(&format!("GET {}/", server.authority())).start_memory().await?;
    for header in [
        json!(["host", "other.example"]),
        json!(["x-a", "b\r\nx-c: d"]),
        json!(["x-a\r\nx-b", "c"]),
        json!(["content-length", "7"]),
        json!(["transfer-encoding", "chunked"]),
        json!(["connection", "close"]),
    ] {
        let seen = host.ask(json!([["http", "GET", server.url("/echo"), null, [header]]])).await?;
        ensure!(seen[0]["error"].is_string(), "{header}: {}", seen[0]);
    }
    for (method, path) in
        [("GET", "/a\r\nx: y"), ("GET", "/a b"), ("GET", "http://other.example/"), ("CONNECT", "/"), ("get", "/")]
    {
        let seen = host.ask(json!([["http-raw", method, "http", server.authority(), path]])).await?;
        ensure!(seen[0]["error"].is_string(), "{method} {path:?}: {}", seen[0]);
    }
    ensure!(server.seen().is_empty(), "{:?}", server.seen());
    Ok(())
}
