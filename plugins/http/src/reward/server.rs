//! The reward servers that are known, and what each can do: one place for all that differs by name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tribunal_api::Scale;

/// A server and one of its routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Server {
    /// vLLM, `/classify`: sequence classifiers.
    VllmClassify,
    /// vLLM, `/pooling`: any pooling model, models with a value per token or step among them.
    VllmPooling,
    /// vLLM, `/score`: cross-encoders with one label.
    VllmScore,
    /// vLLM, `/rerank`: rerankers.
    VllmRerank,
    /// SGLang, `/classify`: the raw values of a reward model.
    SglangClassify,
    /// SGLang, `/v1/embeddings`: the same values by another route.
    SglangEmbeddings,
    /// SGLang, `/v1/score`: probabilities of label tokens of a causal model.
    SglangScore,
    /// Text Embeddings Inference, `/predict`: sequence classifiers.
    TeiPredict,
    /// Text Embeddings Inference, `/rerank`: rerankers.
    TeiRerank,
    /// llama-server, `/v1/rerank`: rerankers.
    LlamaServerRerank,
    /// llama-server, `/embedding`: the pooled output of a classifier.
    LlamaServerEmbedding,
    /// OpenRLHF's reward server, `/get_reward`.
    Openrlhf,
    /// A server of one's own, described by `request` and `pointers`.
    Generic,
}

/// What a route is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sends {
    /// Whole texts, dialogue and reply together.
    Texts,
    /// The dialogue once, and a reply per question.
    Documents,
}

/// Who decides about special tokens around a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Specials {
    /// A field of the request.
    Field,
    /// The server's tokenizer always puts them.
    Always,
    /// The server never puts them.
    Never,
    /// The server joins its texts by rules of its own, or nobody knows.
    Unknown,
}

impl Server {
    /// The word as it stands in a recipe.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Server::VllmClassify => "vllm-classify",
            Server::VllmPooling => "vllm-pooling",
            Server::VllmScore => "vllm-score",
            Server::VllmRerank => "vllm-rerank",
            Server::SglangClassify => "sglang-classify",
            Server::SglangEmbeddings => "sglang-embeddings",
            Server::SglangScore => "sglang-score",
            Server::TeiPredict => "tei-predict",
            Server::TeiRerank => "tei-rerank",
            Server::LlamaServerRerank => "llama-server-rerank",
            Server::LlamaServerEmbedding => "llama-server-embedding",
            Server::Openrlhf => "openrlhf",
            Server::Generic => "generic",
        }
    }

    /// The route. Empty for `generic`, whose settings say it. SGLang's `/v1/classify` is none of them: it applies a
    /// softmax, so that a model with one label always scores 1.
    pub(super) fn path(self) -> &'static str {
        match self {
            Server::VllmClassify | Server::SglangClassify => "/classify",
            Server::VllmPooling => "/pooling",
            Server::VllmScore => "/score",
            Server::VllmRerank | Server::TeiRerank => "/rerank",
            Server::SglangEmbeddings => "/v1/embeddings",
            Server::SglangScore => "/v1/score",
            Server::TeiPredict => "/predict",
            Server::LlamaServerRerank => "/v1/rerank",
            Server::LlamaServerEmbedding => "/embedding",
            Server::Openrlhf => "/get_reward",
            Server::Generic => "",
        }
    }

    /// Whole texts, or the dialogue and its replies apart.
    pub(super) fn sends(self) -> Sends {
        match self {
            Server::VllmScore
            | Server::VllmRerank
            | Server::SglangScore
            | Server::TeiRerank
            | Server::LlamaServerRerank => Sends::Documents,
            Server::VllmClassify
            | Server::VllmPooling
            | Server::SglangClassify
            | Server::SglangEmbeddings
            | Server::TeiPredict
            | Server::LlamaServerEmbedding
            | Server::Openrlhf
            | Server::Generic => Sends::Texts,
        }
    }

    /// What its values are when all goes as asked: raw output is asked for wherever there is a switch.
    pub(super) fn scale(self) -> Scale {
        match self {
            Server::VllmClassify
            | Server::VllmPooling
            | Server::VllmScore
            | Server::VllmRerank
            | Server::SglangClassify
            | Server::SglangEmbeddings
            | Server::TeiPredict
            | Server::TeiRerank
            | Server::LlamaServerEmbedding
            | Server::Openrlhf => Scale::Logit,
            Server::SglangScore => Scale::Unit,
            Server::LlamaServerRerank | Server::Generic => Scale::Free,
        }
    }

    /// The most texts in one request when the settings do not say.
    pub(super) fn batch(self) -> usize {
        match self {
            Server::VllmClassify
            | Server::VllmPooling
            | Server::SglangClassify
            | Server::SglangEmbeddings
            | Server::TeiPredict
            | Server::TeiRerank => 32,
            Server::Openrlhf => 16,
            Server::VllmScore
            | Server::VllmRerank
            | Server::SglangScore
            | Server::LlamaServerRerank
            | Server::LlamaServerEmbedding => 8,
            Server::Generic => 1,
        }
    }

    /// True for vLLM, whose activation must be switched off to see the model's own output.
    pub(super) fn is_vllm(self) -> bool {
        matches!(
            self,
            Server::VllmClassify | Server::VllmPooling | Server::VllmScore | Server::VllmRerank
        )
    }

    /// True for Text Embeddings Inference.
    pub(super) fn is_tei(self) -> bool {
        matches!(self, Server::TeiPredict | Server::TeiRerank)
    }

    /// True for SGLang.
    pub(super) fn is_sglang(self) -> bool {
        matches!(self, Server::SglangClassify | Server::SglangEmbeddings | Server::SglangScore)
    }

    /// True for llama-server.
    pub(super) fn is_llama_server(self) -> bool {
        matches!(self, Server::LlamaServerRerank | Server::LlamaServerEmbedding)
    }

    /// True where the server can apply its model's chat template to messages.
    pub(super) fn renders(self) -> bool {
        matches!(self, Server::VllmClassify | Server::VllmPooling)
    }

    /// True where a request can ask for long texts to be cut.
    pub(super) fn truncates(self) -> bool {
        self.is_vllm() || self.is_tei()
    }

    /// True where a model may give one row of values per token.
    pub(super) fn has_steps(self) -> bool {
        matches!(self, Server::VllmPooling | Server::LlamaServerEmbedding)
    }

    /// Who decides about special tokens.
    pub(super) fn specials(self) -> Specials {
        match self {
            Server::VllmClassify | Server::VllmPooling => Specials::Field,
            Server::SglangClassify
            | Server::SglangEmbeddings
            | Server::TeiPredict
            | Server::LlamaServerEmbedding => Specials::Always,
            Server::Openrlhf => Specials::Never,
            Server::VllmScore
            | Server::VllmRerank
            | Server::SglangScore
            | Server::TeiRerank
            | Server::LlamaServerRerank
            | Server::Generic => Specials::Unknown,
        }
    }

    /// Where the score is read in the reply, in words. `step`: the last row of several is read.
    pub(super) fn read_at(self, step: bool) -> &'static str {
        match (self, step) {
            (Server::VllmClassify, _) => "data[0].probs of /classify, activation off",
            (Server::VllmPooling, false) => "data[0].data of /pooling, activation off",
            (Server::VllmPooling, true) => "the last row of data[0].data of /pooling",
            (Server::VllmScore, _) => "data[0].score of /score, activation off",
            (Server::VllmRerank, _) => "results[0].relevance_score of /rerank, activation off",
            (Server::SglangClassify, _) => "[0].embedding of /classify",
            (Server::SglangEmbeddings, _) => "data[0].embedding of /v1/embeddings",
            (Server::SglangScore, _) => "scores[0] of /v1/score, a probability per label token",
            (Server::TeiPredict, _) => "[0][0].score of /predict, raw scores",
            (Server::TeiRerank, _) => "[0].score of /rerank, raw scores",
            (Server::LlamaServerRerank, _) => "results[0].relevance_score of /v1/rerank",
            (Server::LlamaServerEmbedding, false) => "[0].embedding of /embedding, not normalised",
            (Server::LlamaServerEmbedding, true) => "the last row of [0].embedding of /embedding",
            (Server::Openrlhf, _) => "rewards[0] of /get_reward",
            (Server::Generic, _) => "the pointer `scores`",
        }
    }

    /// What to look at when the route is missing or refuses this kind of model.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Server::VllmClassify | Server::VllmPooling => {
                "start vLLM with `--runner pooling`, and causal checkpoints with `--convert classify`"
            }
            Server::VllmScore | Server::VllmRerank => {
                "these routes exist for cross-encoders and rerankers with one label; use `vllm-classify` for a reward model"
            }
            Server::SglangClassify | Server::SglangEmbeddings => {
                "start SGLang with `--is-embedding`"
            }
            Server::SglangScore => "start SGLang with a causal model, without `--is-embedding`",
            Server::TeiPredict => {
                "`/predict` serves sequence classifiers; use `tei-rerank` for a reranker"
            }
            Server::TeiRerank => {
                "`/rerank` serves rerankers; use `tei-predict` for a sequence classifier"
            }
            Server::LlamaServerRerank => "start llama-server with `--embedding --pooling rank`",
            Server::LlamaServerEmbedding => "start llama-server with `--embedding`",
            Server::Openrlhf => "look at the server's `/get_reward` route",
            Server::Generic => "look at `request.url`",
        }
    }

    /// What a reader of the scores must know of this route, one sentence each.
    pub(super) fn caveats(self) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if self.sends() == Sends::Documents && self != Server::SglangScore {
            notes.push(
                "this route joins prompt and reply in the server's own reranker form: a chat reward model sees the wrong text here",
            );
        }
        match self {
            Server::LlamaServerRerank => notes.push(
                "causal rerankers give scores near 1e-20 here without any error: look for a constant score",
            ),
            Server::LlamaServerEmbedding => {
                notes.push("scores are repeatable with one slot (`--parallel 1`) only");
            }
            Server::Openrlhf => notes.push(
                "the server cuts texts above its own `max_len` (2048 by default) without saying so",
            ),
            Server::SglangScore => {
                notes.push("this route gives probabilities, never logits: `transform = \"logit\"` undoes that");
            }
            _ => {}
        }
        notes
    }
}
