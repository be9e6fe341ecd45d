//! Writing requests: the body of each known server for a few texts.

use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value, json};

use super::piece::{Piece, turns_as_json};
use super::render::Begins;
use super::server::Server;
use super::settings::{Step, Truncate};

/// What of the settings stands in every request.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    /// The server and route.
    pub(super) server: Server,
    /// True when the server renders messages itself.
    pub(super) messages: bool,
    /// What is said about special tokens.
    pub(super) begins: Begins,
    /// What becomes of long texts.
    pub(super) truncate: Truncate,
    /// Which row is read of several.
    pub(super) step: Option<Step>,
    /// The label tokens of `sglang-score`.
    pub(super) label_tokens: Vec<u32>,
}

/// How vLLM is told to leave its activation off: newer versions, older ones, and those that cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// `use_activation`.
    UseActivation,
    /// `activation`.
    Activation,
    /// Not at all: scores may have gone through a sigmoid or a softmax.
    Absent,
}

impl Switch {
    const ALL: [Switch; 3] = [Switch::UseActivation, Switch::Activation, Switch::Absent];

    /// The field of the request; `None` when there is none to send.
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Switch::UseActivation => Some("use_activation"),
            Switch::Activation => Some("activation"),
            Switch::Absent => None,
        }
    }

    /// The next thing to try.
    pub(super) fn older(self) -> Self {
        match self {
            Switch::UseActivation => Switch::Activation,
            Switch::Activation | Switch::Absent => Switch::Absent,
        }
    }
}

/// The switch that a server was found to know; shared by all requests.
#[derive(Debug, Default)]
pub(super) struct Known(AtomicU8);

impl Known {
    /// The switch to send.
    pub(super) fn switch(&self) -> Switch {
        let place = usize::from(self.0.load(Ordering::Relaxed));
        Switch::ALL.get(place).copied().unwrap_or(Switch::Absent)
    }

    /// Notes that nothing newer than this is known to the server.
    pub(super) fn lower(&self, to: Switch) {
        let place = Switch::ALL.iter().position(|switch| *switch == to).unwrap_or(0);
        self.0.fetch_max(u8::try_from(place).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Wire {
    /// The body of a request for these pieces, at least one. On routes that take the dialogue once, all share one
    /// `lead`; where the server renders, there is one piece.
    pub(super) fn body(&self, pieces: &[&Piece<'_>], model: Option<&str>, switch: Switch) -> Value {
        let texts: Vec<&str> = pieces.iter().map(|piece| piece.text.as_str()).collect();
        let lead = pieces.first().map_or("", |piece| &piece.lead);
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| {
            body.insert(key.to_owned(), value);
        };
        if let (Some(model), true) = (model, self.names_model()) {
            put("model", json!(model));
        }
        match self.server {
            Server::VllmClassify | Server::VllmPooling => {
                match pieces {
                    [piece] if self.messages => put("messages", turns_as_json(piece.question)),
                    _ => put("input", json!(texts)),
                }
                if let Some(special) = self.begins.field {
                    put("add_special_tokens", json!(special));
                }
                if self.server == Server::VllmPooling {
                    let token_wise = self.step.is_some();
                    put("task", json!(if token_wise { "token_classify" } else { "classify" }));
                    put("encoding_format", json!("float"));
                }
            }
            Server::VllmScore => {
                put("queries", json!(lead));
                put("documents", json!(texts));
            }
            Server::VllmRerank => {
                put("query", json!(lead));
                put("documents", json!(texts));
                put("top_n", json!(0));
            }
            Server::SglangClassify => put("text", json!(texts)),
            Server::SglangEmbeddings => {
                put("input", json!(texts));
                put("encoding_format", json!("float"));
            }
            Server::SglangScore => {
                put("query", json!(lead));
                put("items", json!(texts));
                put("label_token_ids", json!(self.label_tokens));
                put("apply_softmax", json!(false));
                put("item_first", json!(false));
            }
            Server::TeiPredict => {
                // A flat list of two texts would be read as one pair.
                let inputs: Vec<[&str; 1]> = texts.iter().map(|text| [*text]).collect();
                put("inputs", json!(inputs));
                put("raw_scores", json!(true));
            }
            Server::TeiRerank => {
                put("query", json!(lead));
                put("texts", json!(texts));
                put("raw_scores", json!(true));
                put("return_text", json!(false));
            }
            Server::LlamaServerRerank => {
                put("query", json!(lead));
                put("documents", json!(texts));
                put("top_n", json!(texts.len()));
            }
            Server::LlamaServerEmbedding => {
                put("content", json!(texts));
                put("embd_normalize", json!(-1));
            }
            Server::Openrlhf => {
                put("query", json!(texts));
                let prompts: Vec<String> = pieces.iter().map(|piece| piece.prompt()).collect();
                put("prompts", json!(prompts));
            }
            Server::Generic => {}
        }
        if self.server.is_vllm() {
            if let Some(field) = switch.field() {
                put(field, json!(false));
            }
            if let Some(side) = self.side() {
                put("truncate_prompt_tokens", json!(-1));
                put("truncation_side", json!(side));
            }
        }
        if self.server.is_tei() {
            put("truncate", json!(self.side().is_some()));
            if let Some(side) = self.side() {
                put("truncation_direction", json!(side));
            }
        }
        Value::Object(body)
    }

    /// The side that long texts lose, where they are cut.
    fn side(&self) -> Option<&'static str> {
        match self.truncate {
            Truncate::Error => None,
            Truncate::Left => Some("left"),
            Truncate::Right => Some("right"),
        }
    }

    /// True where requests name the model.
    fn names_model(&self) -> bool {
        !self.server.is_tei() && !matches!(self.server, Server::Openrlhf | Server::Generic)
    }
}
