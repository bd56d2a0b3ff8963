//! The recorder: audit events and usage, written in batches. Losing power loses at most its last second.

use crate::{Store, StoreError};
use actix::prelude::*;
use docent_types::actors::Unavailable;
use docent_types::messages::{CountUse, RecordEvent};
use docent_types::tally::SharedTally;
use std::collections::VecDeque;
use std::time::Duration;

/// How often what waits is written.
const EVERY: Duration = Duration::from_secs(1);
/// Or as soon as so much waits.
const AT: usize = 500;
/// How much may wait while the database is away.
const BOUND: usize = 10_000;

/// Write everything that waits, now; answered when it is written, or cannot be. For the end of the process, and for tests.
#[derive(Message, Clone, Copy, Debug)]
#[rtype(result = "Result<(), Unavailable>")]
pub struct Flush;

/// Audit events and usage counters.
pub struct Recorder {
    store: Store,
    tally: SharedTally,
    events: VecDeque<RecordEvent>,
    uses: VecDeque<CountUse>,
    writing: bool,
    dropping: bool,
    asked: Vec<tokio::sync::oneshot::Sender<Result<(), Unavailable>>>,
}

impl Recorder {
    /// A recorder on this database, which counts what it is told in `tally`.
    #[must_use]
    pub fn new(store: Store, tally: SharedTally) -> Self {
        Self { store, tally, events: VecDeque::new(), uses: VecDeque::new(), writing: false, dropping: false, asked: Vec::new() }
    }

    fn waiting(&self) -> usize {
        self.events.len() + self.uses.len()
    }

    /// Usage goes first: the record of what happened is worth more than how often.
    fn keep_the_bound(&mut self) {
        if self.waiting() <= BOUND {
            return;
        }
        if !self.dropping {
            tracing::warn!(waiting = self.waiting(), "the database is away: usage counters, then audit events are dropped");
            self.dropping = true;
        }
        while self.waiting() > BOUND {
            if self.uses.pop_front().is_none() {
                self.events.pop_front();
            }
        }
    }

    fn write(&mut self, context: &mut Context<Self>) {
        if self.writing {
            return;
        }
        let asked = std::mem::take(&mut self.asked);
        if self.waiting() == 0 {
            for reply in asked {
                let _ = reply.send(Ok(()));
            }
            return;
        }
        self.writing = true;
        let (events, uses) = (std::mem::take(&mut self.events), std::mem::take(&mut self.uses));
        let store = self.store.clone();
        let work = super::apart(async move {
            let (events, uses) = (Vec::from(events), Vec::from(uses));
            let events_left =
                if to_be_kept(store.append_events(&events).await, events.len(), "audit events") { events } else { Vec::new() };
            let uses_left = if to_be_kept(store.add_usage(&uses).await, uses.len(), "usage") { uses } else { Vec::new() };
            (events_left, uses_left)
        });
        let finish = work.into_actor(self).map(move |left, recorder, context| {
            let (events, uses) = left.unwrap_or_default();
            recorder.writing = false;
            let outcome = if events.is_empty() && uses.is_empty() { Ok(()) } else { Err(Unavailable::Failed) };
            for reply in asked {
                let _ = reply.send(outcome);
            }
            for event in events.into_iter().rev() {
                recorder.events.push_front(event);
            }
            for one in uses.into_iter().rev() {
                recorder.uses.push_front(one);
            }
            recorder.keep_the_bound();
            if outcome.is_ok() {
                recorder.dropping = false;
                if !recorder.asked.is_empty() {
                    recorder.write(context);
                }
            } else {
                for reply in std::mem::take(&mut recorder.asked) {
                    let _ = reply.send(outcome);
                }
            }
        });
        context.spawn(finish);
    }

    fn taken(&mut self, context: &mut Context<Self>) {
        self.keep_the_bound();
        if self.waiting() == AT {
            self.write(context);
        }
    }
}

/// Whether to try again later. What the database refuses while it is there it would refuse for ever.
fn to_be_kept(written: Result<(), StoreError>, count: usize, what: &str) -> bool {
    match written {
        Ok(()) => false,
        Err(error @ StoreError::Unavailable(_)) => {
            tracing::debug!(%error, count, what, "could not be written yet");
            true
        }
        Err(error) => {
            tracing::error!(%error, count, what, "refused by the database and lost");
            false
        }
    }
}

impl Actor for Recorder {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(1024);
        context.run_interval(EVERY, |recorder, context| recorder.write(context));
    }

    fn stopping(&mut self, context: &mut Self::Context) -> Running {
        if self.waiting() == 0 && !self.writing {
            return Running::Stop;
        }
        self.write(context);
        Running::Continue
    }
}

impl Supervised for Recorder {}

impl Handler<RecordEvent> for Recorder {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, event: RecordEvent, context: &mut Self::Context) -> Self::Result {
        self.tally.happened(&event.kind);
        self.events.push_back(event);
        self.taken(context);
        Ok(())
    }
}

impl Handler<CountUse> for Recorder {
    type Result = Result<(), Unavailable>;

    fn handle(&mut self, one: CountUse, context: &mut Self::Context) -> Self::Result {
        self.tally.used(&one.tool, one.succeeded);
        self.uses.push_back(one);
        self.taken(context);
        Ok(())
    }
}

impl Handler<Flush> for Recorder {
    type Result = ResponseFuture<Result<(), Unavailable>>;

    fn handle(&mut self, _: Flush, context: &mut Self::Context) -> Self::Result {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.asked.push(reply);
        self.write(context);
        Box::pin(async move { answer.await.unwrap_or(Err(Unavailable::Failed)) })
    }
}
