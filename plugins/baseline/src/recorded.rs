//! Recorded answers: scores, verdicts or rankings that a file holds, looked up by the item's key.

mod cells;
mod layout;
mod replay;
mod settings;
mod table;

use std::path::PathBuf;
use std::sync::OnceLock;

use async_trait::async_trait;
use tribunal_api::{
    Answers, Arity, Card, Identity, Limits, Question, Reads, Registry, RewardSource, SelfCheck,
    SettingsError, SourceError,
};

use layout::{Layout, Shape};
use settings::Config;
use table::Table;

const VERSION: &str = "1";

const CARD: Card = Card {
    kind: "baseline.recorded",
    summary: "Answers from a file of recorded scores, verdicts or rankings, found by the item's key.",
    version: VERSION,
    example: r#"[source.recorded]
kind = "baseline.recorded"
path = "examples/data/recorded/scores-judgebench.jsonl"
answers = "scores"    # or "verdicts", "rankings"
fields = { subset = "subset", id = "id", scores = "scores" }
"#,
    self_check: SelfCheck::Skip,
};

/// Answers of a file. It is read once, when the source is first asked who it is or whether it draws.
struct Recorded {
    path: PathBuf,
    layout: Layout,
    opened: OnceLock<Result<Table, SourceError>>,
}

impl Recorded {
    fn new(config: Config) -> Result<Self, SettingsError> {
        let path = config.path.as_path().to_owned();
        let layout = Layout::new(config)?;
        Ok(Self { path, layout, opened: OnceLock::new() })
    }

    fn table(&self) -> Result<&Table, &SourceError> {
        self.opened.get_or_init(|| Table::read(&self.path, &self.layout)).as_ref()
    }
}

#[async_trait]
impl RewardSource for Recorded {
    fn arity(&self) -> Arity {
        match self.layout.shape {
            Shape::ScoreList(_) | Shape::ScoreEach { .. } => Arity::ONE,
            Shape::Verdicts { .. } => Arity::TWO,
            Shape::Ranking(_) | Shape::Ranks(_) => Arity::LIST,
        }
    }

    fn reads(&self) -> Reads {
        Reads::Key
    }

    /// True when the file holds lists of samples. Of a file that cannot be read, nothing is known.
    fn draws(&self) -> bool {
        self.table().is_ok_and(|table| table.draws)
    }

    fn limits(&self) -> Limits {
        crate::computing()
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        let table = self.table().map_err(Clone::clone)?;
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Ok(Identity::of_content(name.to_string_lossy(), table.digest.as_str()))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        match self.table() {
            Ok(table) => {
                batch.iter().map(|asked| replay::answers(&self.layout, table, asked)).collect()
            }
            Err(error) => Answers::failed(batch.len(), error),
        }
    }
}

/// Registers `baseline.recorded`.
pub(crate) fn register(registry: &mut Registry) {
    registry.source(CARD, |config: Config, _| Recorded::new(config));
}
