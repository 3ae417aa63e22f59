//! What an operator asks of a running host beside events: each is a record first, and the router does what it reads.

use super::{Host, HostError, Submitted};
use crate::router::{Command, GIVEN_UP};
use manes_core::ids::{ActivationId, FlowId};
use manes_core::record::{Envelope, Kind, Record};
use tokio::sync::oneshot;

impl Host {
    /// Nothing more of a flow is done: what runs is cut off, what waits is closed. Returns when that is durable.
    ///
    /// # Errors
    /// A flow that has ended or never was.
    pub async fn cancel(&self, flow: FlowId, principal: &str) -> Result<(), HostError> {
        let (reply, open) = oneshot::channel();
        self.send(Command::IsOpen { flow, reply }).await?;
        if !open.await.map_err(|_| HostError::Stopped)? {
            return Err(HostError::Ended { flow });
        }
        self.steer(Envelope { flow: Some(flow), ..self.said(Kind::Cancel, principal) }).await
    }

    /// An agent begins nothing new (`pause`), or goes on. What it has begun ends; events queue.
    ///
    /// # Errors
    /// An agent that is not there, or that is paused or not already.
    pub async fn pause(&self, agent: &str, pause: bool, principal: &str) -> Result<(), HostError> {
        let agents = self.agents().await?;
        let Some(view) = agents.iter().find(|view| view.name == agent) else {
            let known = agents.iter().map(|view| view.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(HostError::NoAgent { name: agent.to_owned(), known });
        };
        if (view.state == "paused") == pause {
            let state = if pause { "paused already" } else { "not paused" };
            return Err(HostError::AlreadySo { name: agent.to_owned(), state });
        }
        let kind = if pause { Kind::Pause } else { Kind::Unpause };
        self.steer(Envelope { agent: Some(agent.to_owned()), ..self.said(kind, principal) }).await
    }

    /// A dead letter is handled again, as a new activation of a higher generation: nothing that the old one wrote is
    /// used again, and nothing of it is held to be done.
    ///
    /// # Errors
    /// An activation that is no dead letter.
    pub async fn requeue(&self, activation: ActivationId, principal: &str) -> Result<Submitted, HostError> {
        let (reply, dead) = oneshot::channel();
        self.send(Command::Dead { activation, reply }).await?;
        let dead = dead.await.map_err(|_| HostError::Stopped)?;
        let work = dead.map_err(|why| HostError::NotDead { activation, why })?;
        let event = self.context.ledger.read(work.index, 1)?.into_iter().next();
        let envelope = Envelope {
            cause: event.map(|event| event.leaf),
            flow: Some(work.flow),
            event: Some(work.event),
            agent: Some(work.agent),
            activation: Some(activation),
            generation: Some(work.generation + 1),
            ..self.said(Kind::Requeue, principal)
        };
        let appended = self.context.ledger.append(vec![Record::new(envelope, None, true)]).await?;
        Ok(Submitted { key: work.event, flow: work.flow, index: appended.first, new: true })
    }

    /// Says what becomes of a write whose outcome is unknown: it is made again, or (`give_up`) its activation becomes a
    /// dead letter.
    ///
    /// # Errors
    /// An activation that asks nothing.
    pub async fn answer(
        &self,
        activation: ActivationId,
        give_up: bool,
        principal: &str,
    ) -> Result<Submitted, HostError> {
        let (reply, asking) = oneshot::channel();
        self.send(Command::Asking { activation, reply }).await?;
        let asking = asking.await.map_err(|_| HostError::Stopped)?;
        let (work, about) = asking.ok_or(HostError::AsksNothing { activation })?;
        let envelope = Envelope {
            cause: Some(about),
            flow: Some(work.flow),
            event: Some(work.event),
            agent: Some(work.agent),
            activation: Some(activation),
            status: Some(u64::from(give_up) * GIVEN_UP),
            ..self.said(Kind::Answer, principal)
        };
        let appended = self.context.ledger.append(vec![Record::new(envelope, None, true)]).await?;
        Ok(Submitted { key: work.event, flow: work.flow, index: appended.first, new: true })
    }

    fn said(&self, kind: Kind, principal: &str) -> Envelope {
        let now = self.context.seams.clock.now_ns();
        Envelope { principal: Some(principal.to_owned()), critical: Some(true), ..Envelope::new(kind, now) }
    }

    async fn steer(&self, envelope: Envelope) -> Result<(), HostError> {
        self.context.ledger.append(vec![Record::new(envelope, None, true)]).await?;
        Ok(())
    }
}
