//! Supervision: an actor that panics is started again, and no caller hangs.
//!
//! actix's own supervisor restarts an actor that *stops*; a panic takes its whole context away. A [`Guardian`] stands
//! before the actor, passes messages on, holds the bound of its mailbox, and starts a new one when the old one died.

use actix::dev::ToEnvelope;
use actix::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Why an actor did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unavailable {
    /// Its mailbox is full: 503 with `Retry-After`.
    #[error("busy: too much is waiting")]
    Busy,
    /// It died over this message, or is gone.
    #[error("the part of the server that answers this failed")]
    Failed,
}

impl From<MailboxError> for Unavailable {
    fn from(_: MailboxError) -> Self {
        Self::Failed
    }
}

/// How often a guardian looks whether its actor lives.
const LOOK: Duration = Duration::from_millis(500);

/// Stands before an actor of type `A`. Messages have a `Result` whose error can be made of [`Unavailable`].
pub struct Guardian<A: Actor> {
    name: &'static str,
    capacity: usize,
    waiting: Rc<Cell<usize>>,
    start: Box<dyn Fn() -> Addr<A>>,
    current: Addr<A>,
}

impl<A: Actor> Guardian<A> {
    /// Starts the actor that `start` makes, on the current arbiter, with at most `capacity` messages waiting for answers.
    pub fn start(name: &'static str, capacity: usize, start: impl Fn() -> Addr<A> + 'static) -> Addr<Self> {
        Self::create(|context| {
            context.set_mailbox_capacity(capacity);
            Self { name, capacity, waiting: Rc::default(), current: start(), start: Box::new(start) }
        })
    }

    /// As [`Guardian::start`], on another arbiter's thread.
    pub fn start_in(
        name: &'static str,
        capacity: usize,
        arbiter: &ArbiterHandle,
        start: impl Fn() -> Addr<A> + Send + 'static,
    ) -> Addr<Self> {
        Self::start_in_arbiter(arbiter, move |context| {
            context.set_mailbox_capacity(capacity);
            Self { name, capacity, waiting: Rc::default(), current: start(), start: Box::new(start) }
        })
    }

    fn living(&mut self) -> Addr<A> {
        if !self.current.connected() {
            tracing::error!(actor = self.name, "the actor died and is started again");
            self.current = (self.start)();
        }
        self.current.clone()
    }
}

impl<A: Actor> Actor for Guardian<A> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // Some actors work by the clock and are never asked anything: their death is seen without a message.
        context.run_interval(LOOK, |guardian, _| drop(guardian.living()));
    }
}

/// Counts a waiting message down whatever happens to its future.
struct Waiting(Rc<Cell<usize>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl<A, M, T, E> Handler<M> for Guardian<A>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message<Result = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Unavailable> + Send + 'static,
{
    type Result = ResponseFuture<Result<T, E>>;

    fn handle(&mut self, message: M, _: &mut Self::Context) -> Self::Result {
        if self.waiting.get() >= self.capacity {
            return Box::pin(std::future::ready(Err(Unavailable::Busy.into())));
        }
        self.waiting.set(self.waiting.get() + 1);
        let counted = Waiting(Rc::clone(&self.waiting));
        let answer = self.living().send(message);
        Box::pin(async move {
            let answer = answer.await;
            drop(counted);
            answer.unwrap_or_else(|gone| Err(Unavailable::from(gone).into()))
        })
    }
}

/// Asks an actor and waits for its answer; a mailbox that is gone is an error of the message's own kind.
///
/// # Errors
/// What the actor answers, or [`Unavailable`] in its form.
pub async fn ask<M, T, E>(recipient: &Recipient<M>, message: M) -> Result<T, E>
where
    M: Message<Result = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Unavailable> + Send + 'static,
{
    recipient.send(message).await.unwrap_or_else(|gone| Err(Unavailable::from(gone).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fragile;
    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    struct Do(bool);
    impl Message for Do {
        type Result = Result<u8, Unavailable>;
    }

    impl Handler<Do> for Fragile {
        type Result = Result<u8, Unavailable>;
        fn handle(&mut self, message: Do, _: &mut Self::Context) -> Self::Result {
            assert!(!message.0, "told to panic");
            Ok(7)
        }
    }

    struct Never;
    impl Message for Never {
        type Result = Result<(), Unavailable>;
    }
    impl Handler<Never> for Fragile {
        type Result = ResponseFuture<Result<(), Unavailable>>;
        fn handle(&mut self, _: Never, _: &mut Self::Context) -> Self::Result {
            Box::pin(std::future::pending())
        }
    }

    #[actix::test]
    async fn an_actor_that_panics_is_restarted_and_its_caller_gets_an_answer() {
        let guardian = Guardian::start("fragile", 8, || Fragile.start());
        for _ in 0..3 {
            assert_eq!(ask(&guardian.clone().recipient(), Do(true)).await, Err(Unavailable::Failed));
            assert_eq!(ask(&guardian.clone().recipient(), Do(false)).await, Ok(7));
        }
    }

    #[actix::test]
    async fn an_actor_that_panics_is_restarted_though_nobody_asks_it_again() {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let guardian = Guardian::start("fragile", 8, move || {
            let _ = tell.send(());
            Fragile.start()
        });
        assert!(told.recv().await.is_some(), "the first start");
        guardian.do_send(Do(true));
        let again = actix::clock::timeout(LOOK * 20, told.recv()).await;
        assert_eq!(again, Ok(Some(())), "the second start");
    }

    #[actix::test]
    async fn a_full_mailbox_is_an_answer_not_a_wait() {
        let guardian = Guardian::start("fragile", 2, || Fragile.start());
        for _ in 0..2 {
            guardian.do_send(Never);
        }
        assert_eq!(ask(&guardian.recipient(), Do(false)).await, Err(Unavailable::Busy));
    }
}
