//! Asking a server how it renders and counts a prompt, where it has routes for that.

use serde_json::{Value, json};
use tribunal_api::Inspection;

use crate::client::Client;

/// Adds to an inspection what the server's own routes say: the rendered text (llama-server), the token ids
/// (llama-server, vLLM), the most tokens (vLLM). Routes that do not exist say nothing.
pub(crate) async fn ask_server(client: &Client, body: &Value, inspection: &mut Inspection) {
    if let Some(messages) = body.get("messages") {
        let asked = client.look_up("/apply-template", &json!({ "messages": messages })).await;
        let rendered = asked.ok().and_then(|reply| text(&reply.body, "prompt"));
        if let Some(rendered) = rendered {
            inspection.rendered = rendered;
            inspection.exact = true;
        } else {
            // vLLM counts messages by itself.
            let asked = json!({"model": body.get("model"), "messages": messages,
                "add_generation_prompt": true});
            if let Ok(reply) = client.look_up("/tokenize", &asked).await {
                note_tokens(&reply.body, inspection);
            }
            return;
        }
    }
    if !inspection.exact {
        return;
    }
    // Both names of the text: llama-server reads `content`, vLLM `prompt`.
    let asked = json!({"model": body.get("model"), "content": inspection.rendered,
        "prompt": inspection.rendered, "add_special": true, "parse_special": true});
    if let Ok(reply) = client.look_up("/tokenize", &asked).await {
        note_tokens(&reply.body, inspection);
    }
    let properties = client.get("/props").await.ok();
    let Some(bos) = properties.and_then(|reply| text(&reply.body, "bos_token")) else { return };
    let asked = json!({"content": bos, "add_special": false, "parse_special": true});
    let Ok(reply) = client.look_up("/tokenize", &asked).await else { return };
    if let [id] = ids(&reply.body)[..] {
        let count = inspection.tokens.iter().take_while(|token| **token == id).count();
        inspection.bos = Some((id, count));
        if count > 1 {
            inspection.notes.push(format!(
                "the prompt begins with {count} begin tokens: template and server both add one"
            ));
        }
    }
}

fn note_tokens(body: &Value, inspection: &mut Inspection) {
    inspection.tokens = ids(body);
    inspection.most_tokens = body.get("max_model_len").and_then(Value::as_u64);
}

fn ids(body: &Value) -> Vec<u32> {
    let tokens = body.get("tokens").and_then(Value::as_array);
    let id = |token: &Value| token.as_u64().and_then(|id| u32::try_from(id).ok());
    tokens.into_iter().flatten().filter_map(id).collect()
}

fn text(body: &Value, key: &str) -> Option<String> {
    body.get(key)?.as_str().map(str::to_owned)
}
