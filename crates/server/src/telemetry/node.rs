//! What chat, sockets and connections count themselves, as figures of this node.

use crate::{
    gateway::{BusFigures, Counted, Gateway},
    http::connection::Connections,
    limits::Now,
};
use plaza_chat::{Chat, RecentStats};
use plaza_store::Counts;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::{
    fmt::{self, Debug, Formatter},
    sync::Arc,
    time::Duration,
};

/// Where a node's figures come from.
pub(super) struct Node {
    pub(super) chat: Chat,
    pub(super) gateway: Option<Arc<Gateway>>,
    pub(super) bus: Option<Arc<Counted>>,
    pub(super) speaking: Connections,
    pub(super) now: Now,
    /// `now` when it began to serve.
    pub(super) started: Duration,
}

impl Debug for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}

impl Collector for Node {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        let uptime = (self.now)().saturating_sub(self.started);
        page.gauge("plaza_uptime_seconds", "How long this node has served", uptime.as_secs_f64())?;
        page.info("plaza_build", "Which Plaza this is", &[("version", crate::VERSION)])?;
        page.gauge(
            "plaza_http_connections",
            "Connections that speak HTTP now, those in their TLS handshake included",
            self.speaking.count() as f64,
        )?;
        self.log(&mut page)?;
        if let Some(gateway) = &self.gateway {
            clients(&mut page, gateway)?;
        }
        match &self.bus {
            Some(counted) => bus(&mut page, &counted.read()),
            None => Ok(()),
        }
    }
}

impl Node {
    fn log(&self, page: &mut Page<'_>) -> fmt::Result {
        let log = self.chat.log_stats();
        page.gauge(
            "plaza_log_queue_length",
            "Commands that wait for the log",
            self.chat.log_waiting() as f64,
        )?;
        page.seconds(
            "plaza_commit_wait_seconds",
            "How long the command that waited longest of each transaction of the log waited for its turn",
            &log.waited.counts(),
        )?;
        page.seconds(
            "plaza_commit_duration_seconds",
            "How long each transaction of the log took, its wait for the disk included",
            &log.took.counts(),
        )?;
        page.histogram(
            "plaza_commit_batch_size",
            "How many commands each transaction of the log held",
            &log.sizes.counts(),
            1.0,
        )?;
        page.counter(
            "plaza_commit_failures",
            "Transactions of the log that failed; nothing of them was kept or acknowledged",
            log.failed(),
        )
    }
}

/// Of the role that has clients.
fn clients(page: &mut Page<'_>, gateway: &Gateway) -> fmt::Result {
    page.gauge(
        "plaza_sessions",
        "Engine.IO sessions now, those that have not connected to a namespace included",
        gateway.sessions() as f64,
    )?;
    page.gauge("plaza_sockets", "Sockets connected now", gateway.connections() as f64)?;
    page.gauge(
        "plaza_arrivals_waiting",
        "Clients that wait for their turn to come in",
        gateway.arrivals_waiting() as f64,
    )?;
    let presence = gateway.presence_stats();
    page.gauge(
        "plaza_people_online",
        "People with a socket here, or who had one within the grace, those who hide included",
        presence.online() as f64,
    )?;
    page.gauge(
        "plaza_presence_watches",
        "People watched, each once for each socket that watches them",
        presence.watches() as f64,
    )?;
    page.gauge(
        "plaza_outbox_bytes",
        "What waits in all outboxes for clients to take it, each frame counted 64 bytes longer than it is",
        gateway.outbox_bytes() as f64,
    )?;
    let feed = gateway.feed_stats();
    page.counter(
        "plaza_deliveries",
        "Room events put into outboxes, each counted once for each receiver",
        feed.deliveries(),
    )?;
    page.seconds(
        "plaza_delivery_lag_seconds",
        "From when the log took a message to when it was in its last receiver's outbox",
        &feed.lag.counts(),
    )
}

/// Of one of several nodes.
fn bus(page: &mut Page<'_>, figures: &BusFigures) -> fmt::Result {
    let BusFigures { bus, adapter, refused, recent } = figures;
    page.gauge("plaza_bus_channels", "Channels of the bus that this node hears", bus.channels as f64)?;
    page.counter("plaza_bus_sent", "Messages that this node gave to the bus", bus.published)?;
    page.counter(
        "plaza_bus_send_failures",
        "Messages that this node gave to the bus and that may not have reached a server of it",
        bus.publish_dropped + bus.publish_failed,
    )?;
    page.counter("plaza_bus_received", "Messages that came over the bus", bus.received)?;
    page.counter(
        "plaza_bus_receive_failures",
        "Messages that came over the bus and were dropped, because too many waited",
        bus.incoming_dropped,
    )?;
    page.counter(
        "plaza_bus_disconnects",
        "Connections to servers of the bus that were lost",
        bus.disconnects,
    )?;
    page.counter(
        "plaza_foreign_malformed",
        "Socket.IO broadcasts and questions from other servers that were none, or beyond the bounds",
        adapter.malformed,
    )?;
    page.counter(
        "plaza_foreign_reserved",
        "Socket.IO broadcasts from other servers under the name of an event of Plaza's own, which were dropped",
        adapter.reserved,
    )?;
    page.counter(
        "plaza_foreign_refused",
        "What was said as if by a node and bears no seal of one on this store, or is of another version",
        *refused,
    )?;
    cache(page, &recent.unwrap_or_default(), bus.cache_dropped)
}

/// Of the copies of newest events.
fn cache(page: &mut Page<'_>, recent: &RecentStats, dropped: u64) -> fmt::Result {
    page.counter("plaza_cache_hits", "Reads of newest events that were served from the cache", recent.hits)?;
    page.counter(
        "plaza_cache_misses",
        "Reads of newest events that came from the store, because the cache had not all of them",
        recent.misses,
    )?;
    page.counter(
        "plaza_cache_errors",
        "Reads of newest events that came from the store, because the cache did not answer in time",
        recent.errors,
    )?;
    page.counter(
        "plaza_cache_refused",
        "Copies in the cache that bear no seal of a node on this store, or the wrong one",
        recent.refused,
    )?;
    page.counter(
        "plaza_cache_dropped",
        "Copies that were not put into the cache, because its server was away or too slow",
        dropped,
    )
}

/// Figures on their way out, one after the other.
pub(super) struct Page<'a>(pub(super) DescriptorEncoder<'a>);

impl Page<'_> {
    fn begin<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        // The registry ends a help text with a full stop.
        self.0.encode_descriptor(name, &format!("{help}."), None, kind)
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.begin(name, help, MetricType::Counter)?)
    }

    pub(super) fn seconds_counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstCounter::new(value).encode(self.begin(name, help, MetricType::Counter)?)
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.begin(name, help, MetricType::Gauge)?)
    }

    fn info(&mut self, name: &str, help: &str, labels: &[(&'static str, &'static str)]) -> fmt::Result {
        self.begin(name, help, MetricType::Info)?.encode_info(&labels)
    }

    /// Of microseconds.
    fn seconds(&mut self, name: &str, help: &str, counts: &Counts) -> fmt::Result {
        self.histogram(name, help, counts, 1e6)
    }

    /// Of values of which `units` make one.
    fn histogram(&mut self, name: &str, help: &str, counts: &Counts, units: f64) -> fmt::Result {
        let mut buckets: Vec<_> =
            counts.buckets.iter().map(|(bound, count)| (*bound as f64 / units, *count)).collect();
        buckets.push((f64::INFINITY, counts.above));
        let count = buckets.iter().map(|(_, count)| count).sum();
        let mut encoder = self.begin(name, help, MetricType::Histogram)?;
        encoder.encode_histogram::<[(&str, &str); 0]>(counts.sum as f64 / units, count, &buckets, None)
    }
}
