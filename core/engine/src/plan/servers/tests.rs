//! What naming a managed server does to a plan.

use std::path::Path;

use serde::Deserialize;
use tribunal_api::{
    Answers, Arity, Card, Combiner, Contest, Context, Grade, Identity, Loaded, Order, Outcome,
    Published, Question, Registry, RewardSource, Rules, SelfCheck, ServerRef, SettingsError,
    SourceError, Suite, SuiteCard, SuiteError, async_trait,
};

use crate::plan::{Plan, Reach};
use crate::recipe::Recipe;

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    managed: Option<ServerRef>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Nothing {}

/// A source that says where its server is.
struct Served(String);

impl Served {
    fn build(config: Named, context: &dyn Context) -> Result<Self, SettingsError> {
        let url = config.managed.map(|name| context.server(&name)).transpose()?;
        let reach = if context.offline() { "offline" } else { "online" };
        Ok(Self(format!("{} {reach}", url.unwrap_or_default())))
    }
}

#[async_trait]
impl RewardSource for Served {
    fn arity(&self) -> Arity {
        Arity::ONE
    }

    fn limits(&self) -> tribunal_api::Limits {
        tribunal_api::Limits { lane: Some(self.0.clone()), ..Default::default() }
    }

    async fn identify(&self) -> Result<Identity, SourceError> {
        Ok(Identity::of_code("served", "1"))
    }

    async fn score(&self, batch: &[Question]) -> Answers {
        Answers::failed(batch.len(), &SourceError::Unreachable { message: String::new() })
    }
}

struct Empty;

impl Suite for Empty {
    fn card(&self) -> SuiteCard {
        let published = Published {
            order: Order::Seeded,
            combiner: Combiner::MeanScore,
            ties: "loss".into(),
            failures: "wrong".into(),
        };
        SuiteCard {
            name: "empty".into(),
            version: "1".into(),
            licence: "none".into(),
            source: "here".into(),
            published,
            neutral_order: false,
        }
    }

    fn items(&self) -> Result<Loaded, SuiteError> {
        Ok(Loaded { items: Vec::new(), absent: Vec::new() })
    }

    fn contest(&self, _: &str) -> Contest {
        Contest::BestAgainstEach
    }

    fn grade(&self, _: &tribunal_api::Item, _: &Outcome, _: &Rules) -> Vec<Grade> {
        Vec::new()
    }

    fn aggregates(&self, _: &[std::sync::Arc<str>]) -> Vec<tribunal_api::Aggregate> {
        Vec::new()
    }
}

fn plan(servers: &str, reach: Reach) -> Plan {
    let card = |kind, self_check| Card { kind, summary: "", version: "1", example: "", self_check };
    let mut registry = Registry::new();
    registry.source(card("served", SelfCheck::Skip), Served::build);
    registry.suite(card("empty", SelfCheck::Skip), |_: Nothing, _| Ok(Empty));
    let text = format!(
        "{servers}\n[source.one]\nkind = \"served\"\nmanaged = \"x\"\n\
         [source.two]\nkind = \"served\"\nmanaged = \"x\"\n\
         [source.free]\nkind = \"served\"\n[suite.s]\nkind = \"empty\"\n"
    );
    let recipe = Recipe::parse(&text, Path::new("r.toml"), &[]).map_err(|f| f.render(false));
    let plan = Plan::resolve_within(&recipe.unwrap(), &registry, reach);
    plan.map_err(|faults| faults.render(false)).unwrap()
}

/// What the sources were told: the lane of the fake is its server's URL and whether it may go online.
fn told(plan: &Plan) -> Vec<String> {
    plan.sources.iter().filter_map(|source| source.source.limits().lane).collect()
}

const FREE: &str = "[server.x]\ncommand = [\"serve\", \"--port={port}\"]\n\
                    [server.idle]\ncommand = [\"serve\", \"{port}\"]";

#[test]
fn a_server_is_planned_once_for_all_that_name_it_and_an_idle_one_is_not() {
    let plan = plan(FREE, Reach::Anywhere);
    let [server] = &plan.servers[..] else { panic!("{} servers", plan.servers.len()) };
    assert_eq!(server.command, ["serve".to_owned(), format!("--port={}", server.port)]);
    let url = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(
        told(&plan),
        [format!("{url} online"), format!("{url} online"), " online".to_owned()]
    );
}

#[test]
fn a_port_is_kept_free_until_the_server_is_started() {
    let plan = plan(FREE, Reach::Anywhere);
    let server = &plan.servers[0];
    let take = || std::net::TcpListener::bind(("127.0.0.1", server.port));
    assert!(take().is_err());
    server.release_port();
    assert!(take().is_ok());
}

#[test]
fn another_command_is_another_source_and_another_port_is_not() {
    let digests = |servers: &str| -> Vec<_> {
        plan(servers, Reach::Anywhere).sources.iter().map(|source| source.digest).collect()
    };
    let fixed = digests("[server.x]\nport = 8123\ncommand = [\"serve\", \"--port={port}\"]");
    assert_eq!(digests(FREE), fixed);
    let other = digests("[server.x]\ncommand = [\"serve\", \"--fp16\", \"--port={port}\"]");
    assert_ne!(other[0], fixed[0]);
    assert_eq!(other[2], fixed[2], "a source without a server stays what it is");
}

#[test]
fn offline_reaches_the_factories() {
    assert!(told(&plan(FREE, Reach::Loopback)).iter().all(|told| told.ends_with(" offline")));
}
