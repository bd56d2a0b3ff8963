//! How work that runs for long is told to stop, and how it is waited for.

use tokio::sync::watch;

/// Why work stops before its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Nobody wants it any more.
    Cancel,
    /// This process ends; another one may go on with it.
    GiveBack,
}

/// Tells work to stop, from anywhere.
#[derive(Clone, Debug)]
pub struct Stopping {
    told: watch::Sender<Option<Stop>>,
    running: watch::Sender<usize>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { told: watch::Sender::new(None), running: watch::Sender::new(0) }
    }
}

/// Work that runs, until this is dropped.
pub struct Running(watch::Sender<usize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Stopping {
    /// Tells all work to stop, that which runs and that which would begin.
    pub fn tell(&self, stop: Stop) {
        self.told.send_replace(Some(stop));
    }

    /// What was told, if anything was.
    #[must_use]
    pub fn was_told(&self) -> Option<Stop> {
        *self.told.borrow()
    }

    /// Waits until it is told to stop.
    pub async fn told(&self) -> Stop {
        let mut told = self.told.subscribe();
        loop {
            if let Some(stop) = *told.borrow_and_update() {
                return stop;
            }
            if told.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Some work begins.
    #[must_use]
    pub fn begin(&self) -> Running {
        self.running.send_modify(|count| *count += 1);
        Running(self.running.clone())
    }

    /// Waits until no work runs.
    pub async fn idle(&self) {
        // Fails only when all senders are gone, and this holds one.
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn what_runs_is_told_and_waited_for() {
        let stopping = Stopping::default();
        stopping.idle().await;
        let running = stopping.begin();
        let work = stopping.clone();
        let worker = actix::spawn(async move {
            let stop = work.told().await;
            drop(running);
            stop
        });
        assert_eq!(stopping.was_told(), None);
        stopping.tell(Stop::GiveBack);
        stopping.idle().await;
        assert_eq!(worker.await.unwrap(), Stop::GiveBack);
        assert_eq!(stopping.told().await, Stop::GiveBack, "what begins later is told as well");
    }
}
