//! Counts that several nodes hold together in Valkey or Redis: one round trip a request, by the server's own clock. While the server is
//! away, or slow, each node counts for itself: a limit is there to keep a service usable, not to end it.

use super::{Cell, Counted, PERIOD, Whose};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A request does not wait longer for the server than this.
const PATIENCE: Duration = Duration::from_millis(100);
/// A server that did not answer is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(1);

/// Counts one in each cell, or in none if one of them is used up. Times are microseconds of the server's clock; a clock that was set back
/// cannot make anybody wait longer than a full minute.
///
/// `KEYS`: the cells. `ARGV`: for each, its interval and its burst. Answers for each: what is left, microseconds until all of it is there,
/// microseconds to wait (-1 if it need not).
const COUNT: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local news, answer, refused = {}, {}, false
for at, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * at - 1]), tonumber(ARGV[2 * at])
  local span = interval * burst
  local tat = tonumber(redis.call('GET', key) or '0')
  if tat < now then tat = now end
  if tat > now + span then tat = now + span end
  local new = tat + interval
  local wait = -1
  if new - now > span then
    wait = new - now - span
    refused = true
    new = tat
  end
  news[at] = new
  answer[3 * at - 2] = math.floor((span - (new - now)) / interval)
  answer[3 * at - 1] = new - now
  answer[3 * at] = wait
end
if not refused then
  for at, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%.0f', news[at]), 'PX', math.floor((news[at] - now) / 1000) + 1)
  end
end
return answer
";

/// The address of the server cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SharedError(#[from] redis::RedisError);

/// Counts on a server.
pub struct Shared {
    connection: ConnectionManager,
    script: Script,
    begun: Instant,
    /// Milliseconds since `begun` until which the server is left alone; 0 while it answers.
    away_until: AtomicU64,
}

impl Shared {
    /// Counts at `redis://[user:password@]host:port[/database]` (or `rediss://`, `unix://`). The server need not be there yet.
    ///
    /// # Errors
    /// The address is none.
    pub fn at(url: &str) -> Result<Self, SharedError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_secs(1));
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, script: Script::new(COUNT), begun: Instant::now(), away_until: AtomicU64::new(0) })
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts one in each cell or in none; `None` while the server is away.
    pub async fn count(&self, cells: &[Cell]) -> Option<Vec<Counted>> {
        if self.elapsed() < self.away_until.load(Ordering::Relaxed) {
            return None;
        }
        let mut call = self.script.prepare_invoke();
        for cell in cells {
            call.key(key(cell));
            call.arg(micros(cell.interval())).arg(cell.rate.get());
        }
        let mut connection = self.connection.clone();
        let answer: Result<Vec<i64>, _> = match tokio::time::timeout(PATIENCE, call.invoke_async(&mut connection)).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer in {} ms", PATIENCE.as_millis())),
        };
        match answer {
            Ok(answer) if answer.len() == 3 * cells.len() => {
                if self.away_until.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("the limits are shared again");
                }
                Some(cells.iter().zip(answer.chunks_exact(3)).map(|(cell, answer)| counted(cell, answer)).collect())
            }
            Ok(_) => None,
            Err(error) => {
                let until = self.elapsed() + u64::try_from(LEFT_ALONE.as_millis()).unwrap_or(u64::MAX);
                if self.away_until.swap(until, Ordering::Relaxed) == 0 {
                    tracing::warn!(error, "the server of the shared limits does not answer; this node counts for itself until it does");
                }
                None
            }
        }
    }
}

fn key(cell: &Cell) -> String {
    let whose = match cell.whose {
        Whose::User => "user",
        Whose::Project => "project",
        Whose::Key => "key",
    };
    // One hash tag: a cluster runs the script where all of its keys are.
    format!("{{docent}}:limit:{whose}:{}", cell.id)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn counted(cell: &Cell, answer: &[i64]) -> Counted {
    let seconds = |micros: i64| u32::try_from(micros.max(0).unsigned_abs().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    let [remaining, reset, wait] = [0, 1, 2].map(|at| answer.get(at).copied().unwrap_or(0));
    Counted {
        whose: cell.whose,
        limit: cell.rate.get(),
        remaining: u32::try_from(remaining.max(0)).unwrap_or(0),
        reset: seconds(reset).min(seconds(i64::try_from(PERIOD.as_micros()).unwrap_or(i64::MAX))),
        wait: (wait >= 0).then(|| seconds(wait).max(1)),
    }
}
