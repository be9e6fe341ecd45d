//! Opening what is to be asked: a source and the generators below it load what is heavy before the first question, so that no
//! call's timeout counts it.

use std::sync::Arc;

use tribunal_api::{Generator, RewardSource, SourceError};

use crate::lane;
use crate::plan::Calls;

/// Opens the generators, then the source, as often as its recipe allows. What is open already opens at once.
///
/// # Errors
///
/// Why it cannot be opened.
pub(crate) async fn open(
    source: &Arc<dyn RewardSource>,
    generators: &[Arc<dyn Generator>],
    calls: &Calls,
) -> Result<(), SourceError> {
    let once = |_: std::borrow::Cow<'_, [()]>| async {
        for generator in generators {
            if let Err(error) = generator.open().await {
                return Ok(vec![Err(error)]);
            }
        }
        Ok(vec![source.open().await])
    };
    lane::retry(calls, &[()], once).await.pop().expect("one entry has one result")
}
