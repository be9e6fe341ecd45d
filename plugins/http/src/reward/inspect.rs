//! What becomes of a question on its way to the model: the text, its tokens, how often BOS stands at the start.

use serde_json::{Value, json};
use tribunal_api::{Inspection, Question, SourceError};

use super::ask::Asker;
use super::identify::ask_at;
use super::piece::{Piece, turns_as_json};
use super::server::{Sends, Server, Specials};
use super::wire::Switch;

/// A tokenizer's answer.
#[derive(Clone, Debug, Default)]
struct Counted {
    tokens: Vec<u32>,
    most: Option<u64>,
}

/// What is put to a server's tokenizer.
enum Subject<'a> {
    Text(&'a str),
    Messages(&'a Question),
}

impl Asker {
    /// What becomes of this piece. `template_bos` is the begin token that the template writes.
    pub(super) async fn inspection(
        &self,
        piece: &Piece<'_>,
        template_bos: Option<&str>,
    ) -> Result<Inspection, SourceError> {
        let server = self.wire.server;
        let apart = server.sends() == Sends::Documents;
        let rendered = match (apart, server) {
            (true, Server::SglangScore) | (false, _) if !self.wire.messages => {
                format!("{}{}", piece.lead, piece.text)
            }
            (true, _) => format!("query: {}\ndocument: {}", piece.lead, piece.text),
            _ => turns_as_json(piece.question).to_string(),
        };
        let read_here = !apart || server == Server::SglangScore;
        let exact = read_here && !self.wire.messages && server != Server::Generic;
        let subject = if self.wire.messages {
            Subject::Messages(piece.question)
        } else {
            Subject::Text(&rendered)
        };
        let mut notes: Vec<String> = server.caveats().into_iter().map(str::to_owned).collect();
        let specials = self.wire.begins.field.unwrap_or(!self.wire.messages);
        let told = self.told().await?;
        let counted = match read_here {
            true => self.counted(&subject, specials).await?,
            false => None,
        };
        if counted.is_none() && read_here {
            notes.push("this server has no tokenizer route: BOS was not counted".to_owned());
        }
        let counted = counted.unwrap_or_default();
        let mut bos = None;
        if !counted.tokens.is_empty() {
            bos = self
                .begin_token(template_bos)
                .await?
                .map(|id| (id, counted.tokens.iter().take_while(|token| **token == id).count()));
        }
        match bos {
            Some((_, count)) if count > 1 => {
                notes.push(format!("the text begins with {count} BOS tokens: {}", self.remedy()));
            }
            Some((_, 0)) => notes.push(
                "the text begins without BOS although the tokenizer has one: look up how the model was trained"
                    .to_owned(),
            ),
            _ => {}
        }
        if let Some(cut) = &self.wire.begins.cut {
            notes.push(format!(
                "the template's `{cut}` is cut off, since the server writes its own"
            ));
        }
        if server.is_vllm() {
            match self.known.switch() {
                Switch::UseActivation => {}
                Switch::Activation => notes.push(
                    "this version of vLLM is told by `activation` to give raw scores".to_owned(),
                ),
                Switch::Absent => notes.push(
                    "this version of vLLM cannot be told to give raw scores: they may have gone through a sigmoid"
                        .to_owned(),
                ),
            }
        }
        let most_tokens = counted.most.or(told.most_tokens);
        if most_tokens.is_some_and(|most| counted.tokens.len() as u64 > most) {
            notes.push("the text is longer than the model reads".to_owned());
        }
        Ok(Inspection {
            rendered,
            exact,
            tokens: counted.tokens,
            bos,
            most_tokens,
            read_at: server.read_at(self.wire.step.is_some()).to_owned(),
            notes,
        })
    }

    fn remedy(&self) -> &'static str {
        match self.wire.server.specials() {
            Specials::Field => "set `special-tokens = false`",
            Specials::Always => {
                "leave `special-tokens` out, so that the template's own BOS is cut off"
            }
            Specials::Never | Specials::Unknown => "take BOS out of the template",
        }
    }

    /// The tokens that the server makes of a text; `None` when it has no route for that.
    async fn counted(
        &self,
        subject: &Subject<'_>,
        specials: bool,
    ) -> Result<Option<Counted>, SourceError> {
        let server = self.wire.server;
        let mut body = match (server, subject) {
            (Server::Openrlhf | Server::Generic, _) => return Ok(None),
            (_, Subject::Messages(question)) => json!({
                "messages": turns_as_json(question),
                "add_generation_prompt": false,
                "add_special_tokens": specials,
            }),
            (server, Subject::Text(text)) if server.is_tei() => {
                json!({"inputs": text, "add_special_tokens": specials})
            }
            (server, Subject::Text(text)) if server.is_llama_server() => {
                json!({"content": text, "add_special": specials})
            }
            (_, Subject::Text(text)) => json!({"prompt": text, "add_special_tokens": specials}),
        };
        if let (Some(model), true) = (self.model.name(), server.is_vllm() || server.is_sglang()) {
            body["model"] = json!(model);
        }
        let Some(reply) = ask_at(&self.client, "/tokenize", &body).await? else { return Ok(None) };
        let list = match reply.get("tokens") {
            Some(tokens) => tokens,
            None if server.is_tei() => reply.get(0).unwrap_or(&reply),
            None => return Ok(None),
        };
        let id = |token: &Value| {
            let id = token.as_u64().or_else(|| token.get("id")?.as_u64())?;
            u32::try_from(id).ok()
        };
        let Some(tokens) = list.as_array() else { return Ok(None) };
        let tokens: Option<Vec<u32>> = tokens.iter().map(id).collect();
        let most = reply.get("max_model_len").and_then(Value::as_u64);
        Ok(tokens.map(|tokens| Counted { tokens, most }))
    }

    /// The token that begins a text: what the tokenizer puts before a letter, else what the template's own comes to.
    async fn begin_token(&self, template_bos: Option<&str>) -> Result<Option<u32>, SourceError> {
        let letter = Subject::Text("x");
        let with = self.counted(&letter, true).await?.unwrap_or_default().tokens;
        let without = self.counted(&letter, false).await?.unwrap_or_default().tokens;
        let before = with.windows(without.len().max(1)).position(|part| part == without);
        if let (Some(1..), Some(first)) = (before, with.first()) {
            return Ok(Some(*first));
        }
        let Some(bos) = template_bos else { return Ok(None) };
        let tokens = self.counted(&Subject::Text(bos), false).await?.unwrap_or_default().tokens;
        match tokens[..] {
            [only] => Ok(Some(only)),
            _ => Ok(None),
        }
    }
}
