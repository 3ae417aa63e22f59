//! Outgoing requests: what is granted arrives, what is not leaves no trace outside.
//!
//! Goal: a grant is method, scheme, host, port and path prefix and nothing else; addresses are vetted when they are
//! dialled; an answer, whatever it is, is a value for the guest and a record for its replay. Method: a server on the
//! loopback that counts requests and connections ([`manes_tests::Server`]).

mod answers;
mod egress;
mod grants;
