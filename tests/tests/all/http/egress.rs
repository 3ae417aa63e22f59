//! Which addresses are dialled.

use anyhow::{Result, ensure};
use manes_tests::{Server, TestHost};
use serde_json::json;
use std::net::{IpAddr, ToSocketAddrs as _};

/// Names of `/etc/hosts`, other than localhost, that lead to addresses of this machine alone.
fn names_of_the_inside() -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = hosts.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split_whitespace().skip(1));
    let inside = |name: &&str| {
        let addresses: Vec<IpAddr> =
            (*name, 1).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default();
        *name != "localhost" && !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback)
    };
    let mut names: Vec<String> = names.filter(inside).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

#[tokio::test]
async fn a_granted_name_that_resolves_to_a_private_address_is_not_dialled() -> Result<()> {
    let names = names_of_the_inside();
    if names.is_empty() {
        eprintln!("SKIPPED: /etc/hosts has no name for the loopback beside localhost");
        return Ok(());
    }
    let server = Server::start().await?;
    for name in names {
        let host = TestHost::script().http(&format!("GET {name}:{}/", server.port())).start_memory().await?;
        let seen = host.ask(json!([["http", "GET", format!("http://{name}:{}/echo", server.port())]])).await?;
        let error = seen[0]["error"].as_str().unwrap_or_default();
        ensure!(error.contains("DestinationIpProhibited"), "{name}: {}", seen[0]);
    }
    ensure!(server.connections() == 0, "the server was reached");
    Ok(())
}

#[tokio::test]
async fn localhost_and_a_spelled_address_are_dialled_where_they_are_granted() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script()
        .http(&format!("GET localhost:{}/", server.port()))
        .http(&format!("GET 127.0.0.1:{}/", server.port()))
        .start_memory()
        .await?;
    let seen = host
        .ask(json!([
            ["http", "GET", format!("http://localhost:{}/echo", server.port())],
            ["http", "GET", server.url("/echo")],
        ]))
        .await?;
    ensure!(seen[1]["status"] == 200, "{seen:?}");
    // localhost may lead to ::1 first, where nobody listens: then it is refused there, by the machine and not by us.
    let error = seen[0]["error"].as_str().unwrap_or_default();
    ensure!(seen[0]["status"] == 200 || error.contains("ConnectionRefused"), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_redirect_is_handed_to_the_guest_and_not_followed() -> Result<()> {
    let server = Server::start().await?;
    let host = TestHost::script().http(&format!("GET {}/redirect", server.authority())).start_memory().await?;
    let seen =
        host.ask(json!([["http", "GET", server.url("/redirect")], ["http", "GET", server.url("/echo")]])).await?;
    ensure!(seen[0]["status"] == 302 && seen[0]["location"] == "/echo", "{seen:?}");
    // Following it would be a request of its own, judged like any other.
    ensure!(seen[1]["error"] == "HTTP-request-denied", "{seen:?}");
    ensure!(server.seen() == ["GET /redirect"], "{:?}", server.seen());
    Ok(())
}
