//! Chat templates in the manner of each family, in our own words.

use super::TinyFamily;

const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const LLAMA: &str = "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";
const MISTRAL: &str = "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}";
const GEMMA: &str = "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}";

pub(super) fn of(family: TinyFamily) -> String {
    match family {
        TinyFamily::Llama => LLAMA.to_owned(),
        TinyFamily::Mistral => MISTRAL.to_owned(),
        TinyFamily::Qwen2 | TinyFamily::Qwen3 => CHATML.to_owned(),
        TinyFamily::Gemma2 => GEMMA.to_owned(),
        TinyFamily::Internlm2 => format!("{{{{ bos_token }}}}{CHATML}"),
    }
}
