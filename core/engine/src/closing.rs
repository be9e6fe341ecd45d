//! Closing what is done: a source that is asked nothing more gives back what is heavy, and so do the generators below it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tribunal_api::{Generator, RewardSource};

use crate::plan::PlannedSource;

/// Longest wait until a source or a generator has closed. One that takes longer is left to itself.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// The sources that something is still to be asked of, and what each of them holds open.
pub(crate) struct Closing {
    sources: Vec<Holds>,
    /// Places of the sources that are not done.
    open: Mutex<BTreeSet<usize>>,
    /// Longest wait for one closing.
    within: Duration,
}

/// What is closed with a source, if nobody else needs it.
struct Holds {
    source: Arc<dyn RewardSource>,
    generators: Vec<Arc<dyn Generator>>,
}

impl Closing {
    /// Of the sources of a plan those that are to be asked, by place.
    pub(crate) fn new(planned: &[PlannedSource], asked: impl IntoIterator<Item = usize>) -> Self {
        let holds = |planned: &PlannedSource| Holds {
            source: planned.source.clone(),
            generators: planned.generators.clone(),
        };
        Self {
            sources: planned.iter().map(holds).collect(),
            open: Mutex::new(asked.into_iter().collect()),
            within: CLOSE_WITHIN,
        }
    }

    /// Closes the source at this place, which has been asked everything, and those of its generators that no source which
    /// is not done is built on. Nothing happens the second time.
    pub(crate) async fn done(&self, place: usize) {
        let unused = {
            let mut open = self.open();
            if !open.remove(&place) {
                return;
            }
            let needed = self.generators(open.iter());
            let is_needed = |one: &Arc<_>| needed.iter().any(|other| Arc::ptr_eq(one, other));
            let mut unused = self.generators([place].iter());
            unused.retain(|one| !is_needed(one));
            unused
        };
        self.close([place], unused).await;
    }

    /// Closes all that is not closed yet: nothing is asked any more.
    pub(crate) async fn all(&self) {
        let places = std::mem::take(&mut *self.open());
        let generators = self.generators(places.iter());
        self.close(places, generators).await;
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generators of some sources, each once.
    fn generators<'a>(&self, places: impl Iterator<Item = &'a usize>) -> Vec<Arc<dyn Generator>> {
        let mut distinct: Vec<Arc<dyn Generator>> = Vec::new();
        for one in places.flat_map(|&place| &self.sources[place].generators) {
            if !distinct.iter().any(|known| Arc::ptr_eq(known, one)) {
                distinct.push(one.clone());
            }
        }
        distinct
    }

    async fn close(
        &self,
        places: impl IntoIterator<Item = usize>,
        generators: Vec<Arc<dyn Generator>>,
    ) {
        let sources = places.into_iter().map(|place| self.sources[place].source.clone());
        let sources = sources.map(|source| async move { source.close().await });
        side_by_side(self.within, sources).await;
        let generators = generators.into_iter();
        let generators = generators.map(|generator| async move { generator.close().await });
        side_by_side(self.within, generators).await;
    }
}

/// Waits for closings, each on a thread of its own, so that one that blocks, hangs or panics holds up nobody.
async fn side_by_side(
    most: Duration,
    closings: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>,
) {
    let mut tasks = JoinSet::new();
    for closing in closings {
        tasks.spawn_blocking(move || Handle::current().block_on(timeout(most, closing)));
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    // What a source says when it closes changes nothing: all its answers are stored. What blocks is left to itself.
    let _ = timeout(most, all).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;
    use tribunal_api::{Answers, Arity, Identity, Question, SourceError, async_trait};

    /// How a source closes.
    enum Manner {
        Hangs,
        Blocks,
        Panics,
    }

    struct Odd(Manner, Arc<AtomicUsize>);

    #[async_trait]
    impl RewardSource for Odd {
        fn arity(&self) -> Arity {
            Arity::ONE
        }

        async fn identify(&self) -> Result<Identity, SourceError> {
            Ok(Identity::of_code("odd", "1"))
        }

        async fn score(&self, _: &[Question]) -> Answers {
            std::iter::empty::<tribunal_api::Answer>().collect()
        }

        async fn close(&self) {
            self.1.fetch_add(1, Ordering::SeqCst);
            match self.0 {
                Manner::Hangs => std::future::pending().await,
                Manner::Blocks => std::thread::sleep(Duration::from_secs(1)),
                Manner::Panics => panic!("the source fell over while it closed"),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_source_that_cannot_close_holds_up_nobody_for_long() {
        for manner in [Manner::Hangs, Manner::Blocks, Manner::Panics] {
            let count = Arc::new(AtomicUsize::new(0));
            let source = Arc::new(Odd(manner, count.clone()));
            let closing = Closing {
                sources: vec![Holds { source, generators: Vec::new() }],
                open: Mutex::new([0].into()),
                within: Duration::from_millis(50),
            };
            let started = Instant::now();
            closing.done(0).await;
            closing.done(0).await;
            closing.all().await;
            assert!(started.elapsed() < Duration::from_millis(700), "{:?}", started.elapsed());
            assert_eq!(count.load(Ordering::SeqCst), 1, "it is closed once");
        }
    }
}
