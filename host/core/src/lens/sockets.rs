//! `wasi:sockets`: off.
//!
//! Whatever could create, bind, connect, resolve or send is a write that no grant allows. `instance-network` is
//! local: it is a bare token, which language runtimes take at start and never use.

use super::call::Call;
use super::facts::{Effect, Facts, Seen};

/// What a call is about; `None` if it has no entry.
pub(super) fn see(call: &Call<'_>) -> Option<Seen> {
    match (call.interface, call.name) {
        ("instance-network", "instance-network") | ("network", "network-error-code") => Some(Seen::local()),
        ("tcp-create-socket", "create-tcp-socket")
        | ("udp-create-socket", "create-udp-socket")
        | (
            "ip-name-lookup",
            "resolve-addresses"
            | "[method]resolve-address-stream.resolve-next-address"
            | "[method]resolve-address-stream.subscribe",
        ) => Some(socket(call)),
        ("tcp", name) => name.strip_prefix("[method]tcp-socket.").filter(|n| tcp(n)).map(|_| socket(call)),
        ("udp", name) => udp(name).then(|| socket(call)),
        _ => None,
    }
}

fn socket(call: &Call<'_>) -> Seen {
    let operation = format!("{}.{}", call.interface, call.name);
    Seen { effect: Effect::Write, facts: Facts::Socket { operation } }
}

fn tcp(method: &str) -> bool {
    matches!(
        method,
        "start-bind"
            | "finish-bind"
            | "start-connect"
            | "finish-connect"
            | "start-listen"
            | "finish-listen"
            | "accept"
            | "local-address"
            | "remote-address"
            | "is-listening"
            | "address-family"
            | "set-listen-backlog-size"
            | "keep-alive-enabled"
            | "set-keep-alive-enabled"
            | "keep-alive-idle-time"
            | "set-keep-alive-idle-time"
            | "keep-alive-interval"
            | "set-keep-alive-interval"
            | "keep-alive-count"
            | "set-keep-alive-count"
            | "hop-limit"
            | "set-hop-limit"
            | "receive-buffer-size"
            | "set-receive-buffer-size"
            | "send-buffer-size"
            | "set-send-buffer-size"
            | "subscribe"
            | "shutdown"
    )
}

fn udp(name: &str) -> bool {
    matches!(
        name,
        "[method]udp-socket.start-bind"
            | "[method]udp-socket.finish-bind"
            | "[method]udp-socket.stream"
            | "[method]udp-socket.local-address"
            | "[method]udp-socket.remote-address"
            | "[method]udp-socket.address-family"
            | "[method]udp-socket.unicast-hop-limit"
            | "[method]udp-socket.set-unicast-hop-limit"
            | "[method]udp-socket.receive-buffer-size"
            | "[method]udp-socket.set-receive-buffer-size"
            | "[method]udp-socket.send-buffer-size"
            | "[method]udp-socket.set-send-buffer-size"
            | "[method]udp-socket.subscribe"
            | "[method]incoming-datagram-stream.receive"
            | "[method]incoming-datagram-stream.subscribe"
            | "[method]outgoing-datagram-stream.check-send"
            | "[method]outgoing-datagram-stream.send"
            | "[method]outgoing-datagram-stream.subscribe"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lens::Lens;
    use crate::lens::script::id;

    #[test]
    fn only_the_bare_token_is_local() {
        let lens = Lens::new();
        assert_eq!(lens.see(&id("wasi:sockets/instance-network", "instance-network"), &[]), Seen::local());
        for (interface, name) in [
            ("wasi:sockets/tcp-create-socket", "create-tcp-socket"),
            ("wasi:sockets/udp-create-socket", "create-udp-socket"),
            ("wasi:sockets/ip-name-lookup", "resolve-addresses"),
            ("wasi:sockets/tcp", "[method]tcp-socket.start-connect"),
            ("wasi:sockets/udp", "[method]outgoing-datagram-stream.send"),
        ] {
            let seen = lens.see(&id(interface, name), &[]);
            assert_eq!(seen.effect, Effect::Write);
            assert!(matches!(seen.facts, Facts::Socket { .. }), "{name}");
        }
    }
}
