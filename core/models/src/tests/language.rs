//! What the template language means here, checked against what it means in Python.

use serde_json::{Map, Value, json};

use crate::{ChatTemplate, Message, TemplateError};

const MESSAGES: [Message<'_>; 3] = [
    Message { role: "system", content: "s" },
    Message { role: "user", content: "u" },
    Message { role: "assistant", content: "a" },
];

fn render(template: &str) -> String {
    ChatTemplate::from_text(template).unwrap().render(&MESSAGES, false, &Map::new()).unwrap()
}

fn failure(template: &str, extra: Value) -> TemplateError {
    let extra = extra.as_object().unwrap();
    match ChatTemplate::from_text(template) {
        Ok(template) => template.render(&MESSAGES, false, extra).unwrap_err(),
        Err(error) => error,
    }
}

#[test]
fn tags_on_lines_of_their_own_leave_no_space() {
    assert_eq!(render("a\n  {% if true %}\n  b\n  {% endif %}\nc\n\n"), "a\n  b\nc\n");
    assert_eq!(render("  {#- note #}\nx {%- if true %} y {% endif -%} \n z\n"), "x y z");
}

#[test]
fn lines_that_end_in_returns_are_lines() {
    assert_eq!(render("a\r\n{% if true %}\r\nb\r{% endif %}\r\nc\r\n"), "a\nb\nc");
}

#[test]
fn generation_blocks_change_no_text_and_keep_their_names_inside() {
    let marked = "{% for m in messages %}\n  {% generation %}\n{% set x = loop.index0 %}{{ x }}{{ m.role }}\n\
                  {%- endgeneration %}\n{% endfor %}{{ x is defined }}";
    assert_eq!(render(marked), "0system1user2assistantFalse");
}

#[test]
fn values_are_written_as_python_writes_them() {
    assert_eq!(render("{{ true }}|{{ none }}|{{ 1.0 }}|{{ missing }}"), "True|None|1.0|");
    assert_eq!(render("{{ [1, 'a', none, true] }}"), "[1, 'a', None, True]");
    assert_eq!(render("{{ 'a' ~ none ~ true }}"), "aNoneTrue");
    assert_eq!(render("{{ messages[0].get('x') }}{{ messages[0].x is defined }}"), "NoneFalse");
}

#[test]
fn json_is_written_as_python_writes_it() {
    let value = "{'b': [1, 2.0, none, true], 'a': 'é<&>\"\\n'}";
    assert_eq!(
        render(&format!("{{{{ {value}|tojson }}}}")),
        r#"{"b": [1, 2.0, null, true], "a": "é<&>\"\n"}"#
    );
    assert_eq!(
        render(&format!("{{{{ {value}|tojson(sort_keys=true, ensure_ascii=true) }}}}")),
        r#"{"a": "\u00e9<&>\"\n", "b": [1, 2.0, null, true]}"#
    );
    assert_eq!(
        render("{{ {'a': [], 'b': {}, 'c': [1]}|tojson(indent=1) }}"),
        "{\n \"a\": [],\n \"b\": {},\n \"c\": [\n  1\n ]\n}"
    );
    assert_eq!(render("{{ '😀'|tojson(ensure_ascii=true) }}"), r#""\ud83d\ude00""#);
    assert_eq!(render("{{ [1, 2]|tojson(separators=(',', ':')) }}"), "[1,2]");
    assert_eq!(render("{{ messages[1:2]|tojson }}"), r#"[{"role": "user", "content": "u"}]"#);
    assert_eq!(render("{{ tools|tojson }}"), "null");
}

#[test]
fn parts_of_the_conversation_can_be_taken() {
    assert_eq!(
        render("{{ messages[1:][0].role }} {{ messages[::-1][0]['role'] }}"),
        "user assistant"
    );
    assert_eq!(render("{{ messages[1:]|length }}{{ messages[-1].role }}"), "2assistant");
    assert_eq!(
        render("{% for m in messages[:-1] %}{{ loop.index0 }}{{ m.role }}{% endfor %}"),
        "0system1user"
    );
    assert_eq!(
        render(
            "{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join }}"
        ),
        "u"
    );
    assert_eq!(
        render("{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}"),
        "role=system;content=s;"
    );
}

#[test]
fn loops_can_stop_skip_and_look_around() {
    assert_eq!(
        render(
            "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% break %}{% endfor %}"
        ),
        "user"
    );
    assert_eq!(
        render(
            "{% for m in messages if m.role != 'system' %}{{ loop.index }}{{ loop.last }}{% endfor %}"
        ),
        "1False2True"
    );
    assert_eq!(
        render(
            "{% for m in messages %}{% if loop.nextitem is defined %}{{ loop.nextitem.role }}{% endif %}{% endfor %}"
        ),
        "userassistant"
    );
    assert_eq!(
        render(
            "{% set n = namespace(k=0) %}{% for m in messages %}{% set n.k = n.k + 2 %}{% endfor %}{{ n.k }}"
        ),
        "6"
    );
}

#[test]
fn texts_have_the_methods_of_python() {
    assert_eq!(
        render("{{ 'a</t>b'.split('</t>')[-1] }}{{ '\\n x \\n'.lstrip('\\n') }}|"),
        "b x \n|"
    );
    assert_eq!(
        render("{{ 'a b c'.split(' ', 1)|length }}{{ 'a b c'.rsplit(maxsplit=1)[0] }}"),
        "2a b"
    );
    assert_eq!(render("{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.removesuffix('c') }}"), "Trueab");
    assert_eq!(render("{{ 'a=b=c'.partition('=') }}{{ 'abc'[::-1] }}"), "('a', '=', 'b=c')cba");
    assert_eq!(
        render("{{ 'x' is sequence }}{{ 'x' is iterable }}{{ {} is mapping }}"),
        "TrueTrueTrue"
    );
    assert_eq!(render("{{ ' \u{1f}a '|trim }}|{{ none|trim }}"), "a|None");
}

#[test]
fn faults_name_the_line_and_the_remedy() {
    let error = failure("a\n{% if x %}\nb", json!({}));
    assert!(matches!(error, TemplateError::Syntax { .. }), "{error:?}");
    assert!(
        error.to_string().starts_with("line 3 of the chat template in `the text given`"),
        "{error}"
    );

    let error = failure("a\n\n{{ nothing.role }}", json!({}));
    assert!(matches!(error, TemplateError::Render { line: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("`nothing` is undefined"), "{error}");
    assert!(!error.hint().is_empty());

    for template in [
        "{{ 'a'.nope() }}",
        "{{ 'a'|nope }}",
        "{{ 'a'.split('') }}",
        "{{ x|tojson }}",
        "{{ 'a' + 1 }}",
        "{{ messages.append(1) }}",
        "{{ [1]|tojson(nope=1) }}",
        "{% include 'x' %}",
        "{{ strftime_now('%Q') }}",
    ] {
        failure(template, json!({}));
    }
}

#[test]
fn variables_that_belong_to_a_rendering_are_refused() {
    let error = failure("x", json!({"messages": []}));
    assert_eq!(error.to_string(), "`messages` cannot be given as a template variable");
}

#[test]
fn a_refusal_inside_a_macro_is_still_a_refusal() {
    let error =
        failure("{% macro m() %}{{ raise_exception('no') }}{% endmacro %}\n{{ m() }}", json!({}));
    assert!(
        matches!(&error, TemplateError::Refused { message, .. } if message == "no"),
        "{error:?}"
    );
}

#[test]
fn endless_recursion_is_an_error() {
    let error = failure("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", json!({}));
    assert!(matches!(error, TemplateError::Render { .. }), "{error:?}");
}
