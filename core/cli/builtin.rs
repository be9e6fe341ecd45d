//! THE list of built-in plugins: every one is a function `register(&mut Registry)`.

use tribunal_api::Registry;

/// All kinds that this program knows without loading anything.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    tribunal_baseline::register(&mut registry);
    tribunal_http::register(&mut registry);
    tribunal_judges::register(&mut registry);
    tribunal_suites::register(&mut registry);
    registry
}
