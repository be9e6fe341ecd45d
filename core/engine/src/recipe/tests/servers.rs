//! Managed servers and prices: what they are read as, and what is wrong with them.

use super::{drawn, parsed};
use crate::price::Price;
use std::path::Path;
use std::time::Duration;

#[test]
fn a_server_is_read_with_its_defaults() {
    let recipe = parsed(
        r#"
[server.small]
command = ["llama-server", "--port", "{port}"]
[server.other]
command = ["./serve.sh"]
port = 8080
ready = "/v1/models"
ready-within = "5m"
env = { CUDA_VISIBLE_DEVICES = "1" }
folder = "/srv"
"#,
    );
    let small = recipe.server("small").expect("it is there");
    assert_eq!((small.port, small.ready.as_str()), (None, "/health"));
    assert_eq!(small.ready_within, Duration::from_secs(120));
    assert_eq!(small.folder, recipe.base());
    let other = recipe.server("other").expect("it is there");
    assert_eq!((other.port, other.ready.as_str()), (Some(8080), "/v1/models"));
    assert_eq!(other.ready_within, Duration::from_secs(300));
    assert_eq!(other.env["CUDA_VISIBLE_DEVICES"], "1");
    assert_eq!(other.folder, Path::new("/srv"));
}

#[test]
fn everything_wrong_with_a_server_is_said_at_once() {
    let text = r#"
[server.small]
command = ["llama-server"]
redy = "/health"
[server.other]
command = "llama-server"
ready = "health"
ready-within = "0s"
env = { PORT = 8080 }
[server."a b"]
port = 70000
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    error: `command` does not tell the server its port
     --> study.toml:3:11
      |
    3 | command = ["llama-server"]
      |           ^^^^^^^^^^^^^^^^
    hint: write `{port}` where the command takes a port, or add `port = ...` if the server has one of its own

    error: unknown key `redy` in `server.small`
     --> study.toml:4:1
      |
    4 | redy = "/health"
      | ^^^^
    known keys: command, port, ready, ready-within, env, folder
    did you mean `ready`?

    error: `command` takes a list of strings, not the string `llama-server`
     --> study.toml:6:11
      |
    6 | command = "llama-server"
      |           ^^^^^^^^^^^^^^ expected a list of strings
    hint: put it in brackets

    error: `ready` cannot be `health`
     --> study.toml:7:9
      |
    7 | ready = "health"
      |         ^^^^^^^^
    hint: write a path that begins with a slash: `/health`

    error: `ready-within` must be longer than `0s`
     --> study.toml:8:16
      |
    8 | ready-within = "0s"
      |                ^^^^

    error: `PORT` takes a string, not the number `8080`
     --> study.toml:9:16
      |
    9 | env = { PORT = 8080 }
      |                ^^^^
    hint: put the value in quotes

    error: this server has no `command`
      --> study.toml:10:1
       |
    10 | [server."a b"]
       | ^^^^^^^^^^^^^^
    hint: add the program to start as a list: `command = ["llama-server", "--port", "{port}"]`

    error: a server cannot be called `a b`
      --> study.toml:10:9
       |
    10 | [server."a b"]
       |         ^^^^^
    hint: use letters, digits, `.`, `_` and `-`

    error: `port` takes a whole number from 1 to 65535, not the number `70000`
      --> study.toml:11:8
       |
    11 | port = 70000
       |        ^^^^^ expected a whole number from 1 to 65535
    "#);
}

#[test]
fn prices_are_read_by_model_and_a_half_one_is_a_fault() {
    let recipe = parsed("[price]\n\"gpt-4.1\" = { input = 2, output = 8.0 }\n");
    assert_eq!(recipe.prices["gpt-4.1"], Price { input: 2.0, output: 8.0 });
    let text = "[price]\ngpt-4.1 = { input = 2 }\n\"m\" = { input = -1, output = 1, cached = 2 }\n";
    insta::assert_snapshot!(drawn(text), @r#"
    error: `gpt-4.1` is read as a table in a table
     --> study.toml:2:7
      |
    2 | gpt-4.1 = { input = 2 }
      |       ^
    hint: put the model's name in quotes: `"gpt-4.1" = ...`

    error: `input` takes a number of at least 0, not the number `-1`
     --> study.toml:3:17
      |
    3 | "m" = { input = -1, output = 1, cached = 2 }
      |                 ^^ expected a number of at least 0

    error: unknown key `cached` in `price.m`
     --> study.toml:3:33
      |
    3 | "m" = { input = -1, output = 1, cached = 2 }
      |                                 ^^^^^^
    known keys: input, output
    "#);
}
