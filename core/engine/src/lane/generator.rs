//! A generator behind its lane: what a judge's factory receives.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tribunal_api::{
    Completion, Generator, Identity, Inspection, Limits, Prompt, Quota, SourceError,
};

use super::retry::{no_result, retry, timed_out};
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
    /// Its own width, where the lane is wider for the sake of others.
    places: Semaphore,
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
        let limits = inner.limits();
        let lane = traffic.lane(&limits, &calls);
        let places = Semaphore::new(calls.in_flight.unwrap_or(limits.in_flight).max(1));
        Self { inner, calls, lane, places, price }
    }

    /// Asks until every prompt is answered, may not be asked again, or has been asked often enough.
    async fn ask(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        retry(&self.calls, batch, |prompts| self.call(prompts)).await
    }

    /// One call through the lane, priced and counted.
    async fn call(
        &self,
        prompts: Cow<'_, [Prompt]>,
    ) -> Result<Vec<Result<Completion, SourceError>>, SourceError> {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let generated = self.inner.generate(&prompts);
        let signal = |results: &Vec<_>| Signal::of(results);
        let called =
            self.lane.call(self.calls.timeout, generated, signal, || self.inner.quota()).await;
        let mut results = called.map_err(|why| no_result(why, self.calls.timeout))?;
        for completion in results.iter_mut().flatten() {
            if let (None, Some(price)) = (completion.usage.usd, &self.price) {
                completion.usage.usd = price.of(&completion.usage);
            }
            self.lane.0.counts.spend(&completion.usage);
        }
        Ok(results)
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

    fn samples_at_once(&self) -> usize {
        self.inner.samples_at_once()
    }

    fn count_tokens(&self, text: &str) -> Option<u64> {
        self.inner.count_tokens(text)
    }

    fn unhurried(&self) -> bool {
        self.inner.unhurried()
    }

    fn renders_markers(&self) -> bool {
        self.inner.renders_markers()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        self.inner.identify().await
    }

    async fn inspect(&self, prompt: &Prompt) -> Result<Option<Inspection>, SourceError> {
        let inspected = self.inner.inspect(prompt);
        let within = tokio::time::timeout(self.calls.timeout, inspected).await;
        within.unwrap_or_else(|_| Err(timed_out(self.calls.timeout)))
    }

    async fn generate(&self, batch: &[Prompt]) -> Vec<Result<Completion, SourceError>> {
        let most = self.calls.batch.unwrap_or(self.inner.limits().batch).max(1);
        let samples = self.inner.samples_at_once().max(1);
        let mut results = Vec::with_capacity(batch.len());
        for part in batch.chunks(most) {
            if part.iter().all(|prompt| prompt.seeds.len() <= samples) {
                results.extend(self.ask(part).await);
                continue;
            }
            for prompt in part {
                results.push(self.in_parts(prompt, samples).await);
            }
        }
        results
    }

    async fn open(&self) -> Result<(), SourceError> {
        self.inner.open().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

impl LanedGenerator {
    /// Asks for the samples of a prompt in several calls, side by side, each through the lane.
    async fn in_parts(&self, prompt: &Prompt, most: usize) -> Result<Completion, SourceError> {
        let parts: Vec<[Prompt; 1]> = prompt
            .seeds
            .chunks(most)
            .map(|seeds| [Prompt { seeds: seeds.to_vec(), ..prompt.clone() }])
            .collect();
        let asked = parts.iter().map(|part| self.ask(part)).collect();
        let mut whole = Completion::default();
        let mut failed: Option<SourceError> = None;
        for answer in all(asked).await.into_iter().flatten() {
            match answer {
                Ok(completion) => join(&mut whole, completion),
                // What stops the source counts before all else.
                Err(error @ SourceError::Denied { .. }) => failed = Some(error),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(whole), Err)
    }
}

fn join(whole: &mut Completion, part: Completion) {
    whole.texts.extend(part.texts);
    whole.origin.requests.extend(part.origin.requests);
    // Another model among the samples must be seen.
    match (&whole.origin.served, part.origin.served) {
        (None, served) => whole.origin.served = served,
        (Some(known), Some(other)) if *known != other => whole.origin.served = Some(other),
        _ => {}
    }
    let sum = |one: &mut Option<u64>, other: Option<u64>| {
        if let Some(other) = other {
            *one = Some(one.unwrap_or(0).saturating_add(other));
        }
    };
    sum(&mut whole.usage.input_tokens, part.usage.input_tokens);
    sum(&mut whole.usage.output_tokens, part.usage.output_tokens);
    if let Some(usd) = part.usage.usd {
        whole.usage.usd = Some(whole.usage.usd.unwrap_or(0.0) + usd);
    }
}

/// The results of all futures, in their order, run side by side on this task: what is said of its caller holds in each.
async fn all<T>(futures: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut open: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<T>> = open.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in open.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let Poll::Ready(result) = running.as_mut().poll(context)
            {
                *done = Some(result);
                *future = None;
            }
        }
        if open.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
