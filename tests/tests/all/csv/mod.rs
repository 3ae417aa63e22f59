//! Goal: the CSV example answers rightly or refuses clearly, through the real host, whatever the file and the question.
//!
//! Method: the example's own manifest over a temporary data folder, one running host for each test, one `manes run` for
//! each question. [`grammar`] asks every kind of question that the example's README lists about one table whose answers
//! were computed by hand; [`odd`] reads the files that people really have; [`seeded`] draws tables as typed values, writes
//! them with every freedom CSV leaves, and compares with [`oracle`], which computes from the values and never parses;
//! [`big`] asks about files of many megabytes, and shows that a limit which is met names the manifest line that raises it.
//! Every flow is replayed afterwards from the ledger alone.

mod analyst;
mod big;
mod draw;
mod grammar;
mod odd;
mod oracle;
mod seeded;
