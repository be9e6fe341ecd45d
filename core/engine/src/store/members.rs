//! Who is asked for a cell: its source itself, or the sources that a route or a panel stands for.

use serde::{Deserialize, Serialize};

use super::{StoredCell, StoredPlan};
use crate::ask::Manner;
use crate::panel::PanelRules;

/// A source that a route or a panel asks, or a route or panel in its turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Member {
    /// Place of the source in the plan.
    pub source: usize,
    /// How much its vote counts in a panel, above 0.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f64,
    /// How it is asked; its forms hold the subsets that it is asked about.
    pub manner: Manner,
    /// Whom it stands for; empty when it is asked itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Member>,
    /// How those become one, in a panel of several. Without, each subset belongs to one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel: Option<PanelRules>,
}

fn one() -> f64 {
    1.0
}

fn is_one(weight: &f64) -> bool {
    *weight == 1.0
}

/// A cell or a member of one, as far as asking and voting go.
#[derive(Clone, Copy, Debug)]
pub struct Voice<'a> {
    /// Place of the source in the plan.
    pub source: usize,
    /// How it is asked.
    pub manner: &'a Manner,
    /// Whom it stands for; empty when it is asked itself.
    pub members: &'a [Member],
    /// How those become one, in a panel.
    pub panel: Option<&'a PanelRules>,
}

/// A source that is asked, and how.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Place of the source in the plan.
    pub source: usize,
    /// How it is asked.
    pub manner: &'a Manner,
}

impl Member {
    /// Its voice.
    pub fn voice(&self) -> Voice<'_> {
        let Self { source, manner, members, panel, .. } = self;
        Voice { source: *source, manner, members, panel: panel.as_ref() }
    }
}

impl StoredCell {
    /// Its voice.
    pub fn voice(&self) -> Voice<'_> {
        let Self { source, manner, members, panel, .. } = self;
        Voice { source: *source, manner, members, panel: panel.as_ref() }
    }

    /// The sources that are asked for it, in the order of members.
    pub fn asks(&self) -> Vec<Ask<'_>> {
        self.voice().asks()
    }

    /// True when this source is asked for the cell or stands for those that are.
    pub fn uses(&self, source: usize) -> bool {
        self.voice().uses(source)
    }

    /// The orders in which candidates are shown; several are joined by ` + `.
    pub fn orders(&self) -> String {
        let mut orders: Vec<String> = Vec::new();
        for order in self.asks().into_iter().map(|ask| ask.manner.order.to_string()) {
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        orders.join(" + ")
    }

    /// How samples, or the members of a panel, become one score, in words; `None` where samples are averaged.
    pub fn vote(&self) -> Option<String> {
        if let Some(panel) = &self.panel {
            return Some(format!("{} of {} members", panel.vote.as_str(), self.members.len()));
        }
        let mut votes: Vec<&str> = Vec::new();
        for vote in self.asks().into_iter().map(|ask| ask.manner.vote.as_str()) {
            if !votes.contains(&vote) {
                votes.push(vote);
            }
        }
        (votes != ["mean"]).then(|| votes.join(" + "))
    }
}

impl<'a> Voice<'a> {
    /// The sources that are asked, in the order of members.
    pub fn asks(self) -> Vec<Ask<'a>> {
        if self.members.is_empty() {
            return vec![Ask { source: self.source, manner: self.manner }];
        }
        self.members.iter().flat_map(|member| member.voice().asks()).collect()
    }

    /// True when a panel decides some of it.
    pub fn votes(self) -> bool {
        self.panel.is_some() || self.members.iter().any(|member| member.voice().votes())
    }

    /// True when all its sources are among so many and all weights count.
    pub(super) fn is_sound(self, sources: usize) -> bool {
        let sound = |member: &Member| member.weight > 0.0 && member.voice().is_sound(sources);
        self.source < sources && self.members.iter().all(sound)
    }

    fn uses(self, source: usize) -> bool {
        self.source == source || self.members.iter().any(|member| member.voice().uses(source))
    }
}

impl StoredPlan {
    /// All asks of all cells, each with its cell and that cell's place, in plan order.
    pub fn asks(&self) -> Vec<(usize, &StoredCell, Ask<'_>)> {
        let cells = self.cells.iter().enumerate();
        cells
            .flat_map(|(place, cell)| cell.asks().into_iter().map(move |ask| (place, cell, ask)))
            .collect()
    }

    /// True when the source stands for others and is never asked itself.
    pub fn is_composed(&self, source: usize) -> bool {
        matches!(self.sources[source].kind.as_str(), crate::recipe::ROUTE | crate::recipe::PANEL)
    }
}
