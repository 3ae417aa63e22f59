//! A running host, asked through its control interface.

use super::{Reply, Request, Session};
use crate::control::{self, Address};
use crate::exit::{Exit, coded};

/// A session with a running host.
pub(crate) struct Remote {
    address: Address,
}

impl Remote {
    pub(super) const fn new(address: Address) -> Self {
        Self { address }
    }
}

impl Session for Remote {
    async fn ask(&self, request: Request) -> anyhow::Result<Reply> {
        match control::ask(&self.address, &request).await? {
            Reply::Refused { exit, message } => {
                let exit = match exit {
                    2 => Exit::Usage,
                    3 => Exit::Rejected,
                    _ => Exit::Failed,
                };
                Err(coded(exit, message))
            }
            reply => Ok(reply),
        }
    }

    async fn close(self) -> anyhow::Result<()> {
        Ok(())
    }
}
