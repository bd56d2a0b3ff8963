//! Numbers for Prometheus, on an address of their own: what comes in over HTTP, what tools answered, what work waits. No label has
//! anything of a person: a route is its pattern, not its path.

use actix_web::body::MessageBody;
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpResponse, HttpServer};
use docent_store::Store;
use docent_types::tally::SharedTally;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

/// Upper bounds in seconds.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct JobState {
    state: &'static str,
}

/// What is counted in this process.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Request, Counter>,
    seconds: Family<Route, Histogram, fn() -> Histogram>,
    jobs: Family<JobState, Gauge>,
    libraries: Gauge,
    memory: Gauge,
}

impl Metrics {
    /// Nothing counted yet; `tally` is what others count.
    #[must_use]
    pub fn new(tally: SharedTally) -> Self {
        let mut registry = Registry::with_prefix("docent");
        let requests = Family::<Request, Counter>::default();
        let seconds = Family::<Route, Histogram, fn() -> Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        let (jobs, libraries, memory) = (Family::<JobState, Gauge>::default(), Gauge::default(), Gauge::default());
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register("http_request_seconds", "Seconds until the head of the answer", seconds.clone());
        registry.register("jobs", "Jobs on libraries, in all processes", jobs.clone());
        registry.register("libraries", "Libraries, in all processes", libraries.clone());
        registry.register("resident_memory_bytes", "Memory of this process", memory.clone());
        registry.register("build", "This program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register_collector(Box::new(Tallied(tally)));
        Self { registry: Arc::new(registry), requests, seconds, jobs, libraries, memory }
    }

    /// Counts an answer.
    fn count<B>(&self, response: &ServiceResponse<B>, since: Instant) {
        let request = response.request();
        // A method that is none of these is a stranger's word, and so is a path.
        let method =
            ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"].into_iter().find(|known| *known == request.method().as_str());
        let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
        let status = response.status().as_u16();
        self.seconds.get_or_create(&Route { route: route.clone() }).observe(since.elapsed().as_secs_f64());
        self.requests.get_or_create(&Request { method: method.unwrap_or("other"), route, status }).inc();
    }

    /// Everything as text.
    async fn text(&self, store: &Store) -> Result<String, String> {
        let work = store.work().await.map_err(|error| error.to_string())?;
        for (state, count) in [("waiting", work.waiting), ("running", work.running)] {
            self.jobs.get_or_create(&JobState { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.libraries.set(i64::try_from(work.libraries).unwrap_or(i64::MAX));
        self.memory.set(resident_memory());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

/// What others count: uses of tools, and entries of the audit record.
#[derive(Debug)]
struct Tallied(SharedTally);

impl Collector for Tallied {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut uses = encoder.encode_descriptor("tool_uses", "Uses of tools and of the REST API", None, MetricType::Counter)?;
        for ((tool, succeeded), count) in self.0.uses() {
            let outcome = if succeeded { "answered" } else { "failed" };
            let labels = [("tool", tool.as_str()), ("outcome", outcome)];
            ConstCounter::new(count).encode(uses.encode_family(&labels)?)?;
        }
        let mut events = encoder.encode_descriptor(
            "events",
            "Entries of the audit record that were written by this process",
            None,
            MetricType::Counter,
        )?;
        for (kind, count) in self.0.events() {
            ConstCounter::new(count).encode(events.encode_family(&[("kind", kind.as_str())])?)?;
        }
        Ok(())
    }
}

/// Bytes; 0 where the system does not tell.
fn resident_memory() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<i64>().ok()).unwrap_or(0) * 1024
}

/// Counts each answer.
///
/// # Errors
/// What the service behind it answers as an error.
pub async fn count<B: MessageBody>(metrics: Metrics, request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let since = Instant::now();
    let response = next.call(request).await?;
    metrics.count(&response, since);
    Ok(response)
}

async fn show(metrics: Data<Metrics>, store: Data<Store>) -> HttpResponse {
    match metrics.text(&store).await {
        Ok(text) => HttpResponse::Ok().content_type(CONTENT_TYPE).body(text),
        Err(error) => {
            tracing::warn!(error, "the metrics could not be told");
            HttpResponse::ServiceUnavailable().body("the metrics cannot be told at the moment: the log has the reason\n")
        }
    }
}

/// Starts telling them.
///
/// # Errors
/// The socket cannot be used.
pub fn start(metrics: &Metrics, store: &Store, listener: TcpListener) -> anyhow::Result<Server> {
    let (metrics, store) = (Data::new(metrics.clone()), Data::new(store.clone()));
    let make = move || App::new().app_data(metrics.clone()).app_data(store.clone()).route("/metrics", web::get().to(show));
    Ok(HttpServer::new(make).workers(1).disable_signals().listen(listener)?.run())
}

#[cfg(test)]
mod tests {
    use super::*;
    use docent_types::tally::Tally;

    #[test]
    fn what_was_counted_is_told_as_text() {
        let tally = SharedTally::from(Tally::default());
        tally.used("query-docs", true);
        tally.used("query-docs", false);
        tally.used("query-docs", true);
        tally.happened("sign_in.failed");
        let metrics = Metrics::new(tally);
        metrics.requests.get_or_create(&Request { method: "POST", route: "/mcp".to_owned(), status: 200 }).inc();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &metrics.registry).unwrap();
        for line in [
            "docent_http_requests_total{method=\"POST\",route=\"/mcp\",status=\"200\"} 1",
            "docent_tool_uses_total{tool=\"query-docs\",outcome=\"answered\"} 2",
            "docent_tool_uses_total{tool=\"query-docs\",outcome=\"failed\"} 1",
            "docent_events_total{kind=\"sign_in.failed\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
    }
}
