//! The control interface of a running host: whoever does not hold the token, or speaks from a page in a browser, gets
//! nothing and changes nothing.
//!
//! Method: raw HTTP over loopback, so that each header is exactly what the test says; the ledger's records are counted
//! before and after.

use super::cmd::Cmd;
use super::desk::{Desk, Up, asked};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Sends these bytes and returns status and body. Ends at the answer's end, since each request closes.
#[track_caller]
fn send(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the host listens");
    stream.set_read_timeout(Some(Duration::from_secs(120))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut text = Vec::new();
    stream.read_to_end(&mut text).expect("an answer");
    let text = String::from_utf8_lossy(&text).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_else(|| panic!("no status: {text:?}")), body.to_owned())
}

/// A request with these header lines beside what HTTP needs.
fn request(method: &str, path: &str, headers: &[String], body: &str) -> String {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\n{lines}Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// A request that, from its owner, submits an event.
fn question(id: &str) -> String {
    let data = asked("how many rows?", "penguins.csv");
    let run = json!({ "do": "run", "id": id, "topic": "csv.question", "content_type": "application/json", "data": data, "timeout_ms": 60_000 });
    run.to_string()
}

fn records(desk: &Desk) -> usize {
    Cmd::reading(desk).args(["log", "--json"]).ok().stdout.lines().count()
}

/// Header lines of the owner.
fn owner(up: &Up) -> [String; 2] {
    let (address, token) = up.address();
    [format!("Host: {address}"), format!("Authorization: Bearer {token}")]
}

#[test]
fn only_the_owner_can_read_the_token_and_each_start_has_another() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::csv();
    let up = desk.up();
    let mode = |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&up.control), 0o600);
    assert_eq!(mode(up.control.parent().expect("a folder")), 0o700);
    let (_, token) = up.address();
    assert!(token.len() >= 32, "too short to be unguessable: {token}");
    assert!(!up.ready.to_string().contains(&token), "never printed");
    let stopped = up.terminate();
    assert!(!stopped.stderr.contains(&token) && !stopped.stdout.contains(&token), "never printed");
    assert_ne!(desk.up().address().1, token);
}

#[test]
fn the_owner_is_served() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, _) = up.address();
    let (status, body) = send(&address, &request("POST", "/v1", &owner(&up), &question("by hand")));
    assert_eq!(status, 200, "{body}");
    let reply: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (&reply["did"], &reply["ended"], &reply["flow"]["status"]),
        (&json!("run"), &json!(true), &json!("done"))
    );
}

#[test]
fn anybody_else_is_refused_and_nothing_is_done() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, token) = up.address();
    let [host, right] = owner(&up);
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let text = |line: &str| line.to_owned();
    let mut wrong = token.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let before = records(&desk);
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("no token", vec![host.clone()]),
        ("an empty token", vec![host.clone(), text("Authorization: Bearer ")]),
        ("a token that differs in its last digit", vec![host.clone(), format!("Authorization: Bearer {wrong}")]),
        ("the beginning of the token", vec![host.clone(), format!("Authorization: Bearer {}", &token[..63])]),
        ("the token with more behind it", vec![host.clone(), format!("{right}0")]),
        ("the token as another scheme", vec![host.clone(), format!("Authorization: Basic {token}")]),
        ("the token twice", vec![host.clone(), right.clone(), right.clone()]),
        ("the token in a cookie", vec![host.clone(), format!("Cookie: token={token}")]),
        ("a page's origin", vec![host.clone(), right.clone(), text("Origin: https://evil.example")]),
        ("a page of our own address", vec![host.clone(), right.clone(), format!("Origin: http://{address}")]),
        ("a sandboxed page", vec![host.clone(), right.clone(), text("Origin: null")]),
        ("a name that was rebound to loopback", vec![format!("Host: evil.example:{port}"), right.clone()]),
        ("localhost by name", vec![format!("Host: localhost:{port}"), right.clone()]),
        ("the address without its port", vec![text("Host: 127.0.0.1"), right.clone()]),
        ("an empty host", vec![text("Host: "), right.clone()]),
        ("two hosts", vec![host.clone(), host.clone(), right.clone()]),
        ("no host", vec![right.clone()]),
    ];
    for (what, headers) in cases {
        let (status, body) = send(&address, &request("POST", "/v1", &headers, &question(what)));
        assert!((400..500).contains(&status), "{what}: {status} {body}");
        assert!(!body.contains("did"), "{what}: {body}");
    }
    assert_eq!(records(&desk), before, "something was done");
}

#[test]
fn there_is_one_endpoint_and_one_method() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, token) = up.address();
    let before = records(&desk);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let (status, _) = send(&address, &request(method, "/v1", &owner(&up), &question(method)));
        assert_eq!(status, 405, "{method}");
    }
    for path in ["/", "/v2", "/v1/", "/v1/run", "/v1/../v1", &format!("/?token={token}")] {
        let (status, _) = send(&address, &request("POST", path, &owner(&up), &question(path)));
        assert_eq!(status, 404, "{path}");
    }
    assert_eq!(records(&desk), before, "something was done");
}

#[test]
fn a_malformed_request_of_the_owner_is_refused_and_the_host_lives_on() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, _) = up.address();
    let before = records(&desk);
    let deep = "[".repeat(100_000);
    for body in ["", "{}", "null", "{\"do\":\"stop\"}", "{\"do\":\"run\"}", "{\"do\":\"load\",\"name\":7}", &deep] {
        let (status, answer) = send(&address, &request("POST", "/v1", &owner(&up), body));
        let reply: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{status} {error}: {answer}"));
        assert_eq!((&reply["did"], &reply["exit"]), (&json!("refused"), &json!(2)), "{body:.40}");
    }
    let unknown = question("unknown key").replace("\"do\"", "\"as\":\"root\",\"do\"");
    let (_, answer) = send(&address, &request("POST", "/v1", &owner(&up), &unknown));
    assert!(answer.contains("refused") && answer.contains("as"), "{answer}");
    assert_eq!(records(&desk), before, "something was done");
    let (status, _) = send(&address, &request("POST", "/v1", &owner(&up), &question("after")));
    assert_eq!(status, 200);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, _) = up.address();
    let before = records(&desk);
    let mut stream = TcpStream::connect(&address).expect("the host listens");
    let body = question(&"x".repeat(7 << 20));
    // The host may answer and close before it has all; then sending fails, and the answer may be lost with it.
    let _sent = stream.write_all(request("POST", "/v1", &owner(&up), &body).as_bytes());
    let mut text = Vec::new();
    let _read = stream.read_to_end(&mut text);
    assert!(text.is_empty() || text.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&text));
    assert_eq!(records(&desk), before, "something was done");
    let (status, _) = send(&address, &request("POST", "/v1", &owner(&up), &question("after")));
    assert_eq!(status, 200);
}

#[test]
fn nothing_of_a_strangers_body_is_read() {
    let desk = Desk::csv();
    let up = desk.up();
    let (address, _) = up.address();
    // More is announced than is ever sent: an answer shows that nobody waits for it.
    let request =
        format!("POST /v1 HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\n");
    let (status, _) = send(&address, &request);
    assert_eq!(status, 403);
}

#[test]
fn who_answers_on_the_port_of_a_dead_host_is_not_taken_for_it() {
    for answer in [Some("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"), None] {
        let desk = Desk::csv();
        let up = desk.up();
        let control = up.control.clone();
        let (_, token) = up.address();
        up.kill();
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = stranger.local_addr().expect("an address").to_string();
        std::fs::write(&control, json!({ "address": address, "token": token }).to_string()).expect("written");
        let server = answer.map(|answer| {
            let stranger = stranger.try_clone().expect("a listener");
            std::thread::spawn(move || stranger.accept().map(|(mut stream, _)| stream.write_all(answer.as_bytes())))
        });
        let ran = Cmd::manes(&desk).args(["run", "csv.question", &asked("how many rows?", "penguins.csv")]).ok();
        assert_eq!(ran.json()["answer"], 344, "the ledger is free, so the command answers itself");
        if let Some(server) = server {
            let _said = server.join().expect("the stranger ends");
        }
    }
}
