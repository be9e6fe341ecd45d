//! A generator behind its lane: what a judge's factory receives.

use std::sync::Arc;

use async_trait::async_trait;
use tribunal_api::{
    Completion, Generator, Identity, Inspection, Limits, Prompt, Quota, SourceError,
};

use super::retry::{no_result, retry};
use super::{Lane, Signal, Traffic};
use crate::plan::Calls;
use crate::price::Price;

/// A backend whose calls are limited, repeated, counted and priced.
///
/// What is above it (a judge) is therefore neither limited nor repeated: a failure in its second step does not pay its
/// first again.
pub struct LanedGenerator {
    inner: Arc<dyn Generator>,
    calls: Calls,
    lane: Lane,
    price: Option<Price>,
}

impl LanedGenerator {
    /// Puts a lane of `traffic` in front of a backend. `price` is charged where the backend tells no cost.
    pub fn new(
        inner: Arc<dyn Generator>,
        calls: Calls,
        traffic: &Traffic,
        price: Option<Price>,
    ) -> Self {
        let lane = traffic.lane(&inner.limits(), &calls);
        Self { inner, calls, lane, price }
    }

    /// Asks until every prompt is answered, may not be asked again, or has been asked often enough.
    async fn ask(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let call = |prompts: Vec<Prompt>| async move {
            let called = self
                .lane
                .call(
                    self.calls.timeout,
                    async { self.inner.generate(&prompts).await },
                    |results| Signal::of(results),
                    || self.inner.quota(),
                )
                .await;
            let mut results = called.map_err(|why| no_result(why, self.calls.timeout))?;
            for completion in results.iter_mut().flatten() {
                if let (None, Some(price)) = (completion.usage.usd, &self.price) {
                    completion.usage.usd = price.of(&completion.usage);
                }
                self.lane.0.counts.spend(&completion.usage);
            }
            Ok(results)
        };
        retry(&self.calls, batch, call).await
    }
}

#[async_trait]
impl Generator for LanedGenerator {
    fn limits(&self) -> Limits {
        let limits = self.inner.limits();
        Limits { in_flight: self.calls.in_flight.unwrap_or(limits.in_flight), ..limits }
    }

    fn quota(&self) -> Option<Quota> {
        self.inner.quota()
    }

    fn count_tokens(&self, text: &str) -> Option<u64> {
        self.inner.count_tokens(text)
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.inner.identify().await
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        self.inner.inspect(prompt).await
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let most = self.calls.batch.unwrap_or(self.inner.limits().batch).max(1);
        let mut results = Vec::with_capacity(batch.len());
        for part in batch.chunks(most) {
            results.extend(self.ask(part).await);
        }
        results
    }
}
