//! The ledger: the group commit. Requests wait in a queue; whenever no commit runs, everything that waits is committed at once. Nobody
//! waits for a timer, and under load a commit carries dozens of requests.

use crate::Store;
use crate::error::StoreError;
use crate::ledger::batch::{self, Answer, Ask, Touched};
use crate::ledger::device;
use actix::prelude::*;
use docent_types::actors::Unavailable;
use docent_types::messages::{
    BeginDeviceAuthorization, CatchUp, ChangeClient, ClaimDeviceAuthorization, DecideDeviceAuthorization, DeviceRequest, ExchangeCode,
    GrantFacts, IssueCode, LedgerError, NotRegistered, OpenGrant, PollDeviceAuthorization, Refusal, RegisterClient, RegisterDynamically,
    RevokeAccess, RotateRefreshToken, Unchanged, UseOnce, Waiting,
};
use docent_types::registration::Client;
use docent_types::time::SharedClock;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Requests in one commit.
const BATCH: usize = 256;
/// Requests that may wait.
const QUEUE: usize = 2048;
/// Registrations in one commit: strangers send them as they like, and tokens do not wait for them.
const REGISTRATIONS: usize = 4;
/// Registrations that may wait.
const REGISTRATION_QUEUE: usize = 256;
/// How long an answer waits for the published list of revocations; the list catches up by itself afterwards.
const CATCH_UP: Duration = Duration::from_secs(2);

type Reply = oneshot::Sender<Result<Answer, LedgerError>>;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Ask, Reply)>,
    registrations: VecDeque<(Ask, Reply)>,
    committing: bool,
}

impl Queue {
    /// The lane of a request, and how many may wait in it.
    fn lane(&mut self, ask: &Ask) -> (&mut VecDeque<(Ask, Reply)>, usize) {
        match ask {
            Ask::RegisterDynamically(_) => (&mut self.registrations, REGISTRATION_QUEUE),
            _ => (&mut self.waiting, QUEUE),
        }
    }

    /// The requests of the next commit.
    fn next(&mut self) -> (Vec<Ask>, Vec<Reply>) {
        let registrations = self.registrations.len().min(REGISTRATIONS);
        let others = self.waiting.len().min(BATCH - registrations);
        self.registrations.drain(..registrations).chain(self.waiting.drain(..others)).unzip()
    }
}

/// Every state change of grants, codes, refresh tokens and clients.
pub struct Ledger {
    store: Store,
    catch_up: Option<Recipient<CatchUp>>,
    queue: Rc<RefCell<Queue>>,
    touched: Rc<RefCell<Touched>>,
}

impl Ledger {
    /// A ledger on this database. After a commit that revoked something, `catch_up` is told before the caller is.
    #[must_use]
    pub fn new(store: Store, catch_up: Option<Recipient<CatchUp>>, _clock: SharedClock) -> Self {
        Self { store, catch_up, queue: Rc::default(), touched: Rc::default() }
    }

    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Answer, LedgerError>> + 'static {
        let (reply, answer) = oneshot::channel();
        let begin = {
            let mut queue = self.queue.borrow_mut();
            let (lane, bound) = queue.lane(&ask);
            if lane.len() >= bound {
                let _ = reply.send(Err(Unavailable::Busy.into()));
                false
            } else {
                lane.push_back((ask, reply));
                !std::mem::replace(&mut queue.committing, true)
            }
        };
        if begin {
            actix::spawn(commit_all(self.store.clone(), self.catch_up.clone(), Rc::clone(&self.queue), Rc::clone(&self.touched)));
        }
        async move { answer.await.unwrap_or(Err(LedgerError::Unavailable(Unavailable::Failed))) }
    }
}

/// If a commit panics, nobody who waits hangs, and the next request begins anew.
struct Running(Rc<RefCell<Queue>>);

impl Drop for Running {
    fn drop(&mut self) {
        let mut queue = self.0.borrow_mut();
        queue.committing = false;
        queue.waiting.clear();
        queue.registrations.clear();
    }
}

async fn commit_all(store: Store, catch_up: Option<Recipient<CatchUp>>, queue: Rc<RefCell<Queue>>, touched: Rc<RefCell<Touched>>) {
    let running = Running(queue);
    loop {
        // Requests that came in the same turn of the event loop are queued before the first of them is taken.
        tokio::task::yield_now().await;
        let (asks, replies) = running.0.borrow_mut().next();
        if asks.is_empty() {
            return;
        }
        let (store, mut known) = (store.clone(), std::mem::take(&mut *touched.borrow_mut()));
        let commit = super::apart(async move {
            let committed = batch::commit(&store, &asks, &mut known).await;
            (committed, asks, known)
        });
        // A commit that panicked drops the replies: their callers, and all who wait, learn that it failed.
        let Some((committed, asks, known)) = commit.await else { return };
        *touched.borrow_mut() = known;
        let mut after = Vec::new();
        for ((ask, reply), answer) in asks.iter().zip(replies).zip(committed.answers) {
            let answer = answer.map_err(|_: StoreError| LedgerError::Database);
            let tells_of_revoking = committed.revoked && (matches!(ask, Ask::Revoke(_) | Ask::Change(_)) || is_reuse(&answer));
            if tells_of_revoking && catch_up.is_some() {
                after.push((reply, answer));
            } else {
                // A caller that went away wants no answer.
                let _ = reply.send(answer);
            }
        }
        if let (Some(catch_up), false) = (&catch_up, after.is_empty()) {
            let told = catch_up.send(CatchUp);
            actix::spawn(async move {
                if tokio::time::timeout(CATCH_UP, told).await.is_err() {
                    tracing::warn!("the list of revocations did not catch up in time");
                }
                for (reply, answer) in after {
                    let _ = reply.send(answer);
                }
            });
        }
    }
}

fn is_reuse(answer: &Result<Answer, LedgerError>) -> bool {
    match answer {
        Ok(Answer::Given(given)) => matches!(**given, Err(Refusal::Reused)),
        Ok(Answer::Device(answer)) => matches!(**answer, device::Answer::Polled(Err(Waiting::Refused(Refusal::Reused)))),
        _ => false,
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // The queue has the bound: it answers at once, a mailbox would make callers wait.
        context.set_mailbox_capacity(QUEUE);
    }
}

impl Supervised for Ledger {}

impl Handler<RegisterClient> for Ledger {
    type Result = ResponseFuture<Result<Client, LedgerError>>;

    fn handle(&mut self, message: RegisterClient, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::Register(Box::new(message)));
        Box::pin(async move {
            match answer.await? {
                Answer::Registered(registered) => registered.map_err(|_| LedgerError::Unavailable(Unavailable::Failed)),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

impl Handler<RegisterDynamically> for Ledger {
    type Result = ResponseFuture<Result<Result<Client, NotRegistered>, LedgerError>>;

    fn handle(&mut self, message: RegisterDynamically, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::RegisterDynamically(Box::new(message)));
        Box::pin(async move {
            match answer.await? {
                Answer::Registered(registered) => Ok(*registered),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

impl Handler<ChangeClient> for Ledger {
    type Result = ResponseFuture<Result<Result<Client, Unchanged>, LedgerError>>;

    fn handle(&mut self, message: ChangeClient, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::Change(Box::new(message)));
        Box::pin(async move {
            match answer.await? {
                Answer::Changed(changed) => Ok(*changed),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

impl Handler<IssueCode> for Ledger {
    type Result = ResponseFuture<Result<Result<(), Refusal>, LedgerError>>;

    fn handle(&mut self, message: IssueCode, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::Issue(Box::new(message)));
        Box::pin(async move {
            match answer.await? {
                Answer::Issued(issued) => Ok(issued),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

async fn given(answer: impl Future<Output = Result<Answer, LedgerError>>) -> Result<Result<GrantFacts, Refusal>, LedgerError> {
    match answer.await? {
        Answer::Given(given) => Ok(*given),
        _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
    }
}

impl Handler<ExchangeCode> for Ledger {
    type Result = ResponseFuture<Result<Result<GrantFacts, Refusal>, LedgerError>>;

    fn handle(&mut self, message: ExchangeCode, _: &mut Self::Context) -> Self::Result {
        Box::pin(given(self.ask(Ask::Exchange(Box::new(message)))))
    }
}

impl Handler<RotateRefreshToken> for Ledger {
    type Result = ResponseFuture<Result<Result<GrantFacts, Refusal>, LedgerError>>;

    fn handle(&mut self, message: RotateRefreshToken, _: &mut Self::Context) -> Self::Result {
        Box::pin(given(self.ask(Ask::Rotate(Box::new(message)))))
    }
}

impl Handler<OpenGrant> for Ledger {
    type Result = ResponseFuture<Result<Result<GrantFacts, Refusal>, LedgerError>>;

    fn handle(&mut self, message: OpenGrant, _: &mut Self::Context) -> Self::Result {
        Box::pin(given(self.ask(Ask::Open(Box::new(message)))))
    }
}

impl Handler<UseOnce> for Ledger {
    type Result = ResponseFuture<Result<bool, LedgerError>>;

    fn handle(&mut self, message: UseOnce, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::UseOnce(message));
        Box::pin(async move {
            match answer.await? {
                Answer::Used(first) => Ok(first),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

impl Handler<RevokeAccess> for Ledger {
    type Result = ResponseFuture<Result<u64, LedgerError>>;

    fn handle(&mut self, message: RevokeAccess, _: &mut Self::Context) -> Self::Result {
        let answer = self.ask(Ask::Revoke(message));
        Box::pin(async move {
            match answer.await? {
                Answer::Revoked(count) => Ok(count),
                _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
            }
        })
    }
}

/// The answer to a request of device authorization.
async fn of_device(answer: impl Future<Output = Result<Answer, LedgerError>>) -> Result<device::Answer, LedgerError> {
    match answer.await? {
        Answer::Device(answer) => Ok(*answer),
        _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
    }
}

/// Answers each message of device authorization: the request that it is, and its answer.
macro_rules! device_messages {
    ($($message:ident => $ask:ident, $answer:ident, $result:ty;)+) => {$(
        impl Handler<$message> for Ledger {
            type Result = ResponseFuture<Result<$result, LedgerError>>;

            fn handle(&mut self, message: $message, _: &mut Self::Context) -> Self::Result {
                let answer = of_device(self.ask(Ask::Device(Box::new(device::Ask::$ask(message)))));
                Box::pin(async move {
                    match answer.await? {
                        device::Answer::$answer(answer) => Ok(answer),
                        _ => Err(LedgerError::Unavailable(Unavailable::Failed)),
                    }
                })
            }
        }
    )+};
}

device_messages! {
    BeginDeviceAuthorization => Begin, Begun, bool;
    ClaimDeviceAuthorization => Claim, Claimed, Option<DeviceRequest>;
    DecideDeviceAuthorization => Decide, Decided, Result<(), Refusal>;
    PollDeviceAuthorization => Poll, Polled, Result<GrantFacts, Waiting>;
}
